package faults

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/compat/internal/calibration"
	"github.com/remote-events/remote-events/go/queueadmin"
)

// finish stops sending, waits until no event is left to handle, and stops the receivers.
// It uses client to examine Redis.
func (f *flow) finish(ctx context.Context, client redis.UniversalClient) (Figures, error) {
	f.stopSending()
	f.sending.Wait()
	dead, waited := f.drain(ctx, client)
	if f.elsewhere { // losses are counted below
		_ = f.until(ctx, func() bool { return len(f.missing(dead)) <= f.taken })
	}
	f.stopReceiving()
	f.receiving.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	figures := Figures{
		Promised: len(f.promised), Unknown: f.unknown, Failed: f.failedSends,
		Taken: f.taken, Stale: f.stale, Outages: f.outages, Dead: len(dead), Pause: f.pause,
	}
	for _, times := range f.handled {
		figures.Handled++
		figures.Repeated += times - 1
	}
	problems := []error{waited, f.failed}
	missing := f.missing(dead)
	if figures.Lost = max(0, len(missing)-f.taken); figures.Lost > 0 {
		problems = append(problems, fmt.Errorf("%d events are lost, among them: %q", figures.Lost, missing[:min(figures.Lost+f.taken, 5)]))
	}
	for _, name := range f.queues {
		queue, err := queueadmin.Open(client, name)
		if err != nil {
			return figures, err
		}
		for _, err := range faultsOf(ctx, queue) {
			problems = append(problems, fmt.Errorf("queue %q: %w", name, err))
		}
	}
	return figures, errors.Join(problems...)
}

// missing returns the promised events that are neither handled nor dead letters. The
// caller must hold the lock.
func (f *flow) missing(dead map[string]bool) (events []string) {
	for event := range f.promised {
		if f.handled[event] == 0 && !dead[event] {
			events = append(events, event)
		}
	}
	return events
}

// drain waits until Redis has no event left to handle, and returns the events that are
// dead letters.
func (f *flow) drain(ctx context.Context, client redis.UniversalClient) (dead map[string]bool, err error) {
	ctx, cancel := calibration.WithTimeout(ctx, enduring)
	defer cancel()
	dead = map[string]bool{}
	for _, name := range f.queues {
		queue, err := queueadmin.Open(client, name)
		if err != nil {
			return nil, err
		}
		if err := f.empty(ctx, queue); err != nil {
			return dead, fmt.Errorf("queue %q: %w", name, err)
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

// empty waits until a queue has no message left to handle. It fails if a message can never
// be received, and if the queue does not change for patience.
func (f *flow) empty(ctx context.Context, queue *queueadmin.Queue) error {
	var before queueadmin.Stats
	for {
		err := f.changes(ctx, queue, &before)
		if err != nil || before == (queueadmin.Stats{}) {
			return err
		}
	}
}

// changes waits until the queue's messages to handle differ from before, or until none is
// left.
func (f *flow) changes(ctx context.Context, queue *queueadmin.Queue, before *queueadmin.Stats) error {
	ctx, cancel := calibration.WithTimeout(ctx, patience)
	defer cancel()
	calls := f.called()
	for looks := 1; ; looks++ {
		stats, err := queue.Stats(ctx)
		stats.Dead = 0
		if err == nil && (stats == (queueadmin.Stats{}) || stats != *before || f.called() != calls) {
			*before = stats
			return nil
		}
		pause(ctx, 10*time.Millisecond)
		switch {
		case err == nil && looks%100 == 0:
			err = errors.Join(faultsOf(ctx, queue)...)
		case ctx.Err() != nil:
			err = errors.Join(context.Cause(ctx), err)
		default:
			continue
		}
		if err != nil {
			return fmt.Errorf("messages remain (%+v): %w", stats, err)
		}
	}
}

// faultsOf returns the problems that an audit reports.
func faultsOf(ctx context.Context, queue *queueadmin.Queue) (found []error) {
	for fault, err := range queue.Audit(ctx) {
		if err == nil {
			err = fmt.Errorf("message %s: %s", fault.ID, fault.Problem)
		}
		found = append(found, fmt.Errorf("audit: %w", err))
	}
	return found
}

// called returns the number of calls of listeners.
func (f *flow) called() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls
}
