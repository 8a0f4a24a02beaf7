package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/remote-events/remote-events/compat/internal/adapter"
	"github.com/remote-events/remote-events/compat/internal/protocol"
	"github.com/remote-events/remote-events/compat/internal/suite"
	"github.com/remote-events/remote-events/go/queueadmin"
)

// heldCall is a held call of a listener with an event.
type heldCall struct {
	call  int64
	event int
}

// hold records a held call; the caller holds the lock. A process handles one suspect at a
// time.
func (s *scenario) hold(a *processState, call heldCall) {
	if s.suspect[call.event] && s.problem == nil && slices.ContainsFunc(a.held, func(c heldCall) bool { return s.suspect[c.event] }) {
		s.problem = wrong("it handles two suspects at the same time")
	}
	a.held = append(a.held, call)
}

// holds reports whether a call is held.
func (s *scenario) holds() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.processes {
		if len(a.held) > 0 {
			return true
		}
	}
	return false
}

// awaitHeld waits until processes hold calls, and checks that the events are leased.
func (s *scenario) awaitHeld(ctx context.Context, step suite.Step) error {
	want := max(1, step.Count)
	if step.Who == "" {
		return s.awaitCalls(ctx, want, func() (held []heldCall) {
			for _, a := range s.processes {
				held = append(held, a.held...)
			}
			return held
		})
	}
	return s.each(func(p *participant) error {
		a := s.process(s.name(step, p))
		if a == nil {
			return fmt.Errorf("no process has the name %q", step.Who)
		}
		return s.awaitCalls(ctx, want, func() []heldCall { return a.held })
	})
}

// awaitCalls waits for calls, which it reads with the lock held.
func (s *scenario) awaitCalls(ctx context.Context, want int, calls func() []heldCall) error {
	var held []heldCall
	err := s.until(ctx, func() bool {
		held = slices.Clone(calls())
		return len(held) >= want
	}, nil)
	if err != nil {
		return fmt.Errorf("%d listeners are working, not %d: %w", len(held), want, err)
	}
	if !s.reliably {
		return nil
	}
	for _, call := range held {
		s.mu.Lock()
		queue := s.queueOf[call.event]
		s.mu.Unlock()
		found, err := s.find(ctx, queue, call.event)
		switch {
		case err != nil:
			return err
		case len(found) == 0:
			return wrong("event %d is not in Redis while its listener works: a crash would lose it", call.event)
		case found[0] != queueadmin.StateLeased:
			return wrong("event %d is %s, not leased, while its listener works", call.event, found[0])
		}
	}
	return s.foreignKeys(ctx)
}

// returnHeld returns the oldest held calls of a process, or all if count is 0.
func (s *scenario) returnHeld(ctx context.Context, step suite.Step, a *processState, count int) error {
	if a == nil {
		return fmt.Errorf("no process has the name %q", step.Who)
	}
	h, err := holding(a.Process)
	if err != nil {
		return err
	}
	s.mu.Lock()
	if count == 0 || count > len(a.held) {
		count = len(a.held)
	}
	calls := slices.Clone(a.held[:count])
	a.held = slices.Delete(a.held, 0, count)
	for _, call := range calls {
		if step.Error != "" {
			s.delivered[call.event]-- // it will be delivered again
		}
	}
	s.mu.Unlock()
	for _, call := range calls {
		err := h.Return(ctx, protocol.Return{Call: call.call, Error: step.Error, Permanent: step.Permanent})
		if a.stopping && (errors.Is(err, adapter.ErrExited) || errors.Is(err, adapter.ErrClosed)) {
			return wrong("it ended while a listener was working: the message in its hand is lost")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// freeCalls returns the held calls of a process, and returns later calls at once.
func (s *scenario) freeCalls(ctx context.Context, step suite.Step, a *processState) error {
	if a == nil {
		return fmt.Errorf("no process has the name %q", step.Who)
	}
	s.mu.Lock()
	a.free = true
	s.mu.Unlock()
	return s.returnHeld(ctx, suite.Step{Who: step.Who}, a, 0)
}

// returnFreed returns the latest call of a process whose calls return at once.
func (s *scenario) returnFreed(ctx context.Context, a *processState) error {
	s.mu.Lock()
	var latest *heldCall
	if n := len(a.held); a.free && n > 0 {
		call := a.held[n-1]
		latest, a.held = &call, a.held[:n-1]
	}
	s.mu.Unlock()
	if latest == nil {
		return nil
	}
	h, err := holding(a.Process)
	if err != nil {
		return err
	}
	return h.Return(ctx, protocol.Return{Call: latest.call})
}

// abandon forgets the held calls of a process that has ended: their events are delivered
// again.
func (s *scenario) abandon(a *processState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, call := range a.held {
		s.delivered[call.event]--
	}
	a.held = nil
}

// failRepeatedly makes a listener fail and checks the delays of the retries. The delay of a
// retry is at least the time between its observation and its due time.
func (s *scenario) failRepeatedly(ctx context.Context, step suite.Step, p *participant) error {
	a := s.process(s.name(step, p))
	keys, err := companions(s.lane.redis, s.lane.prefix+step.Queue)
	if err != nil {
		return err
	}
	bound, longest := s.retry, time.Duration(0)
	for range step.Count {
		if err := s.awaitHeld(ctx, suite.Step{Who: step.Who}); err != nil {
			return err
		}
		if err := s.returnHeld(ctx, step, a, 1); err != nil {
			return err
		}
		delay, err := s.awaitRetry(ctx, keys["retries"], a)
		if err != nil {
			return err
		}
		if delay > bound {
			return wrong("the retry is delayed by %v or more, and not by at most %v", delay, bound)
		}
		longest, bound = max(longest, delay), 2*bound
	}
	if longest <= s.retry {
		return wrong("the delays of %d retries do not grow: none is longer than %v, the longest first one", step.Count, s.retry)
	}
	return nil
}

// awaitRetry waits until a message is scheduled for a retry, and returns the time until the
// retry is due. It returns 0 if the message is already delivered again.
func (s *scenario) awaitRetry(ctx context.Context, key string, a *processState) (time.Duration, error) {
	for {
		retries, err := s.lane.redis.ZRangeWithScores(ctx, key, 0, 0).Result()
		if err != nil && ctx.Err() == nil {
			return 0, fmt.Errorf("read the retries: %w", err)
		}
		if len(retries) > 0 {
			now, err := s.lane.redis.Time(ctx).Result()
			return time.Duration(retries[0].Score)*time.Millisecond - time.Duration(now.UnixMilli())*time.Millisecond, err
		}
		s.mu.Lock()
		again := len(a.held) > 0
		s.mu.Unlock()
		if again {
			return 0, nil
		}
		if !wait(ctx) {
			return 0, fmt.Errorf("the message is not retried: %w", context.Cause(ctx))
		}
	}
}

// beginStop asks a process to stop.
func (s *scenario) beginStop(a *processState) error {
	if a == nil {
		return errors.New("no process has the name")
	}
	h, err := holding(a.Process)
	if err != nil {
		return err
	}
	s.mu.Lock()
	a.gone, a.free, a.stopping = true, true, true
	s.mu.Unlock()
	h.Stop()
	return nil
}
