package engine

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/remote-events/remote-events/compat/internal/suite"
	"github.com/remote-events/remote-events/go/wire"
)

// The backlog of a busy queue. It is large enough that a fast receiver does not empty the
// queue while the harness has no CPU.
const (
	busyMessages = 10_000
	busyLeast    = busyMessages / 2
)

// served waits until the events of some queues are delivered. Meanwhile the step's queue
// always has messages, which are not numbered and need not be delivered.
func (s *scenario) served(ctx context.Context, step suite.Step) error {
	busy := s.lane.prefix + step.Queue
	filler, _, err := wire.Encode(wire.Envelope{EventName: busy, Payload: []byte(`{"n": 0}`)}, wire.Limits{})
	if err != nil {
		return err
	}
	fillers := slices.Repeat([]any{string(filler)}, busyMessages/10)
	fill := func() error {
		for range 10 {
			if err := s.lane.redis.LPush(ctx, busy, fillers...).Err(); err != nil {
				return err
			}
		}
		return nil
	}
	s.trace.add("redis", fmt.Sprintf("LPUSH %s, %d times", busy, busyMessages), filler)
	if err := fill(); err != nil {
		return err
	}
	if err := s.push(ctx, suite.Step{Queues: step.Queues}); err != nil {
		return err
	}
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for {
		n, err := s.lane.redis.LLen(ctx, busy).Result()
		if err == nil && n < busyLeast {
			err = fill()
		}
		if err != nil && ctx.Err() == nil {
			return err
		}
		s.mu.Lock()
		missing, _ := s.missing()
		s.mu.Unlock()
		if len(missing) == 0 {
			return s.lane.redis.Del(ctx, busy).Err()
		}
		if err := s.over(); err != nil {
			return err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("the queues %q were not served while %q had messages (RECV-8): %w", step.Queues, step.Queue, context.Cause(ctx))
		}
	}
}
