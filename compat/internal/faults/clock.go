package faults

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/compat/internal/redisserver"
)

// clockSteps has the clock of Redis go back by an hour and come back to the right
// time, while events flow: then every lease has run out at once. To the protocol,
// it makes no difference which side's clock is off. What was to be tried again
// while the clock was wrong has to wait until it is right.
func clockSteps(ctx context.Context, size Size) (figures Figures, err error) {
	clock, err := redisserver.NewClock(ctx)
	if err != nil {
		return figures, err
	}
	defer func() { err = errors.Join(err, clock.Close()) }()
	_, client, f, end, err := startAlone(ctx, redisserver.Options{Clock: clock}, "clock", "clock 日本 {x}")
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

// goesBy makes sure that the clock of a Redis is off by that much.
func goesBy(ctx context.Context, client *redis.Client, off time.Duration) error {
	now, err := client.Time(ctx).Result()
	if err == nil && time.Until(now.Add(-off)).Abs() > patience {
		err = fmt.Errorf("the clock of Redis should be off by %v, and is by %v", off, time.Until(now))
	}
	return err
}
