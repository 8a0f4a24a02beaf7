package faults

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/compat/internal/redisserver"
)

// clockSteps sets the clock of Redis back by an hour and then corrects it, while events
// flow. The correction makes every lease expire at once. The protocol cannot distinguish
// whether the clock of Redis or of its clients is wrong. Retries that are scheduled while the
// clock is wrong wait until it is corrected.
func clockSteps(ctx context.Context, size Size) (figures Figures, err error) {
	clock, err := redisserver.NewClock(ctx)
	if err != nil {
		return figures, err
	}
	defer func() { err = errors.Join(err, clock.Close()) }()
	_, client, f, end, err := startAlone(ctx, size, redisserver.Options{Clock: clock}, "clock", "clock 日本 {x}")
	if err != nil {
		return figures, err
	}
	defer func() { err = errors.Join(err, end()) }()
	for range size.Rounds {
		for _, off := range []time.Duration{-time.Hour, 0} {
			if err := f.flowFor(ctx, size.Events); err != nil {
				return figures, err
			}
			if err := errors.Join(clock.Set(off), goesBy(ctx, client, off), f.flowsAgain(ctx)); err != nil {
				return figures, err
			}
			figures.Faults++
		}
	}
	happened := figures.Faults
	figures, err = f.finish(ctx, client)
	figures.Faults = happened
	return figures, err
}

// goesBy verifies the offset of the clock of a Redis.
func goesBy(ctx context.Context, client *redis.Client, off time.Duration) error {
	now, err := client.Time(ctx).Result()
	if err == nil && time.Until(now.Add(-off)).Abs() > patience {
		err = fmt.Errorf("the offset of Redis' clock is %[2]v, want %[1]v", off, time.Until(now))
	}
	return err
}
