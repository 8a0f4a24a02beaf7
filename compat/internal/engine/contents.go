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

// dead is the state of dead letters, which Peek does not have.
const dead queueadmin.State = "dead"

// find returns the states of an event in a queue and its companion keys.
func (s *scenario) find(ctx context.Context, queue string, event int) (states []queueadmin.State, err error) {
	all, err := s.contents(ctx, queue)
	if err != nil {
		return nil, err
	}
	for _, one := range all {
		if one.event == event {
			states = append(states, one.state)
		}
	}
	return states, nil
}

// content is an event in Redis. Messages that the harness did not number have 0.
type content struct {
	event int
	state queueadmin.State
}

// contents returns the events in a queue and its companion keys: dead letters, and the
// messages in these states, or in all without any.
func (s *scenario) contents(ctx context.Context, name string, states ...queueadmin.State) (all []content, err error) {
	queue, err := queueadmin.Open(s.lane.redis, name)
	if err != nil {
		return nil, err
	}
	for message, err := range queue.Peek(ctx, 100_000, states...) {
		if err != nil {
			return nil, fmt.Errorf("read the queue: %w", err)
		}
		all = append(all, content{numberOf(message.Raw), message.State})
	}
	for letter, err := range queue.DeadLetters(ctx) {
		if err != nil {
			return nil, fmt.Errorf("read the dead letters: %w", err)
		}
		all = append(all, content{numberOf(letter.Raw), dead})
	}
	return all, nil
}

// numberOf returns the number of the event in a message, 0 if there is none.
func numberOf(message []byte) int {
	var m struct {
		Data event `json:"data"`
	}
	if json.Unmarshal(message, &m) != nil {
		return 0
	}
	return m.Data.N
}

// stored checks that an event is in Redis once.
func (s *scenario) stored(ctx context.Context, step suite.Step) error {
	found, err := s.find(ctx, s.lane.prefix+step.Queue, step.Event)
	if err == nil && len(found) != 1 {
		err = wrong("event %d is in Redis %d times, not once: %q", step.Event, len(found), found)
	}
	return err
}

// released checks that a queue has no message that only a reliable receiver sees, after
// its receivers have stopped.
func (s *scenario) released(ctx context.Context, step suite.Step) error {
	queue, err := queueadmin.Open(s.lane.redis, s.lane.prefix+step.Queue)
	if err != nil {
		return err
	}
	stats, err := queue.Stats(ctx)
	if err != nil {
		return fmt.Errorf("count the messages: %w", err)
	}
	if stats.Staged+stats.Leased+stats.Retrying > 0 {
		return wrong("after the stop, %d messages are staged, %d leased and %d retried: all should be in the queue", stats.Staged, stats.Leased, stats.Retrying)
	}
	return nil
}

// left describes the messages of a queue besides the expected number of dead letters. It
// returns "" if there are none.
func (s *scenario) left(ctx context.Context, queue string, keys map[string]string, letters int64) (string, error) {
	pipe := s.lane.redis.Pipeline()
	count := map[string]func() int64{}
	for kind, key := range keys {
		switch kind {
		case "staging":
			c := pipe.LLen(ctx, key)
			count[kind] = c.Val
		case "bodies", "attempts", "reasons":
			c := pipe.HLen(ctx, key)
			count[kind] = c.Val
		case "seen":
		default:
			c := pipe.ZCard(ctx, key)
			count[kind] = c.Val
		}
	}
	queued := pipe.LLen(ctx, queue)
	if _, err := pipe.Exec(ctx); err != nil {
		return "", err
	}
	var left []string
	if n := queued.Val(); n > 0 {
		left = append(left, fmt.Sprintf("%d in the queue", n))
	}
	for kind, n := range count {
		want := int64(0)
		if slices.Contains([]string{"bodies", "attempts", "reasons", "dead"}, kind) {
			want = letters
		}
		if n() != want {
			left = append(left, fmt.Sprintf("%d in %s, not %d", n(), kind, want))
		}
	}
	slices.Sort(left)
	return strings.Join(left, ", "), nil
}
