package faults

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/queueadmin"
)

// finish stops sending, waits until nothing is left to be handled, and stops the
// receivers. The client is for a look at what Redis has.
func (f *flow) finish(ctx context.Context, client redis.UniversalClient) (Figures, error) {
	f.stopSending()
	f.sending.Wait()
	dead, waited := f.drain(ctx, client)
	// What another process has handled may still be on its way to here; what is
	// lost is counted below.
	_ = f.until(ctx, func() bool { return len(f.missing(dead)) <= f.taken })
	f.stopReceiving()
	f.receiving.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	figures := Figures{
		Promised: len(f.promised), Unknown: f.unknown, Refused: f.refused,
		Taken: f.taken, Stale: f.stale, Outages: f.outages, Dead: len(dead), Pause: f.pause,
	}
	for _, times := range f.handled {
		figures.Handled++
		figures.Repeated += times - 1
	}
	problems := []error{waited, f.failed}
	missing := f.missing(dead)
	if figures.Lost = max(0, len(missing)-f.taken); figures.Lost > 0 {
		problems = append(problems, fmt.Errorf("%d of these are lost: %q", figures.Lost, missing[:min(figures.Lost+f.taken, 5)]))
	}
	for _, name := range f.queues {
		queue, err := queueadmin.Open(client, name)
		if err != nil {
			return figures, err
		}
		for fault, err := range queue.Audit(ctx) {
			problems = append(problems, fmt.Errorf("queue %q: audit: %+v, %w", name, fault, err))
		}
	}
	return figures, errors.Join(problems...)
}

// missing are the promised events that are neither handled nor dead letters. The
// caller holds the lock.
func (f *flow) missing(dead map[string]bool) (events []string) {
	for event := range f.promised {
		if f.handled[event] == 0 && !dead[event] {
			events = append(events, event)
		}
	}
	return events
}

// drain waits until Redis has nothing more to be handled, and returns the events
// that are dead letters.
func (f *flow) drain(ctx context.Context, client redis.UniversalClient) (dead map[string]bool, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("not within %v", patience))
	defer cancel()
	dead = map[string]bool{}
	for _, name := range f.queues {
		queue, err := queueadmin.Open(client, name)
		if err != nil {
			return nil, err
		}
		for {
			depths, err := queue.Stats(ctx)
			depths.Dead = 0
			if err == nil && depths == (queueadmin.Stats{}) {
				break
			}
			pause(ctx, 10*time.Millisecond)
			if ctx.Err() != nil {
				return dead, fmt.Errorf("queue %q: %+v are left to be handled: %w", name, depths, errors.Join(context.Cause(ctx), err))
			}
		}
		for letter, err := range queue.DeadLetters(ctx) {
			if err != nil {
				return dead, fmt.Errorf("queue %q: read the dead letters: %w", name, err)
			}
			dead[name+" "+numberIn(letter.Raw)] = true
		}
	}
	return dead, nil
}
