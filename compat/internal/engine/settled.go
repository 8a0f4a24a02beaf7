package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/remote-events/remote-events/compat/internal/suite"
	"github.com/remote-events/remote-events/go/queueadmin"
)

// awaitSettled waits until a queue has no messages except dead letters, and checks these.
func (s *scenario) awaitSettled(ctx context.Context, step suite.Step) error {
	name := s.lane.prefix + step.Queue
	keys, err := companions(s.lane.redis, name)
	if err != nil {
		return err
	}
	for {
		left, err := s.left(ctx, name, keys, int64(step.Count))
		if err != nil && ctx.Err() == nil {
			return fmt.Errorf("count the messages: %w", err)
		}
		s.mu.Lock()
		_, twice := s.missing()
		s.mu.Unlock()
		if len(twice) > 0 && !step.Repeated {
			return wrong("events were delivered more than once: %v", some(twice))
		}
		if err == nil && left == "" {
			break
		}
		if !wait(ctx) {
			return fmt.Errorf("%s: %w", left, context.Cause(ctx))
		}
	}
	return s.letters(ctx, step, name)
}

// letters checks the dead letters of a queue.
func (s *scenario) letters(ctx context.Context, step suite.Step, name string) error {
	queue, err := queueadmin.Open(s.lane.redis, name)
	if err != nil {
		return err
	}
	keys := queue.CompanionKeys()
	for letter, err := range queue.DeadLetters(ctx) {
		if err != nil {
			return fmt.Errorf("read the dead letters: %w", err)
		}
		reason, err := s.lane.redis.HGet(ctx, keys["reasons"], letter.ID).Result()
		if err != nil {
			return fmt.Errorf("read the reason of %s: %w", letter.ID, err)
		}
		s.trace.add("redis", "dead letter "+letter.ID, []byte(reason))
		s.mu.Lock()
		pushed := s.pushed[string(letter.Raw)]
		s.mu.Unlock()
		switch {
		case !pushed:
			return wrong("the dead letter has other bytes than any message: %s", Text(letter.Raw, 300))
		case step.Attempts > 0 && letter.Attempts != step.Attempts:
			return wrong("the dead letter has %d attempts, not %d", letter.Attempts, step.Attempts)
		case step.Text != nil && strings.Contains(reason, *step.Text):
			return wrong("the reason of the dead letter has a part of the payload: %s", reason)
		}
		if problem := faultyReason(reason, step.Codes...); problem != "" {
			return wrong("%s", problem)
		}
	}
	return nil
}

// maxReason is the maximum length of a reason (REL-25).
const maxReason = 16 << 10

// faultyReason describes the problem of a reason that must have one of the codes. It
// returns "" if there is no problem (REL-25).
func faultyReason(reason string, codes ...string) string {
	var members map[string]json.RawMessage
	var r struct {
		Code  *string  `json:"code"`
		Error string   `json:"error"`
		Chain []string `json:"chain"`
	}
	switch {
	case json.Unmarshal([]byte(reason), &members) != nil || json.Unmarshal([]byte(reason), &r) != nil || r.Code == nil:
		return "the reason of the dead letter is not an object with a code: " + Text(reason, 300)
	case len(reason) > maxReason:
		return fmt.Sprintf("the reason of the dead letter has %d bytes, more than %d", len(reason), maxReason)
	case len(codes) > 0 && !slices.Contains(codes, *r.Code):
		return fmt.Sprintf("the dead letter has the code %q, not %s", *r.Code, strings.Join(codes, " or "))
	}
	return ""
}

// consistent checks the invariants of the data in Redis: the companion keys do not
// contradict each other, no event is lost, no event is stored twice, and no other keys of
// this kind exist.
func (s *scenario) consistent(ctx context.Context) error {
	s.mu.Lock()
	problem := s.problem
	queues := map[string]bool{}
	for _, queue := range s.queueOf {
		queues[queue] = true
	}
	s.mu.Unlock()
	if problem != nil || s.restarted { // empty
		return problem
	}
	stored := map[int]int{}
	for name := range queues {
		queue, err := queueadmin.Open(s.lane.redis, name)
		if err != nil {
			return err
		}
		for fault, err := range queue.Audit(ctx) {
			if err != nil {
				return fmt.Errorf("audit the companion keys: %w", err)
			}
			return wrong("the companion keys of %q contradict each other: message %s: %s", name, fault.ID, fault.Problem)
		}
		all, err := s.contents(ctx, name)
		if err != nil {
			return err
		}
		for _, one := range all {
			stored[one.event]++
		}
	}
	if err := s.foreignKeys(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for n := 1; n <= s.number; n++ {
		switch {
		case s.delivered[n] <= 0 && stored[n] == 0:
			return wrong("event %d is lost: it was not handled, and is not in Redis", n)
		case stored[n] > 1:
			return wrong("event %d is in Redis %d times", n, stored[n])
		}
	}
	return nil
}

// foreignKeys checks that no key has the prefix of companion keys, except those of the
// queues.
func (s *scenario) foreignKeys(ctx context.Context) error {
	known := map[string]bool{}
	for _, a := range s.processes {
		for _, queue := range a.queues {
			keys, err := companions(s.lane.redis, queue)
			if err != nil {
				return err
			}
			for _, key := range keys {
				known[key] = true
			}
		}
	}
	keys := s.lane.redis.Scan(ctx, 0, "remote-event:*", 1000).Iterator()
	for keys.Next(ctx) {
		if !known[keys.Val()] {
			return wrong("the key %q is no companion key of a queue", keys.Val())
		}
	}
	return keys.Err()
}
