package queueadmin

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/remote-events/remote-events/go/internal/lease"
)

// State is the state of a message.
type State string

const (
	// StateQueued messages wait in the list.
	StateQueued State = "queued"
	// StateStaged messages were moved off the list for a receiver that was idle.
	StateStaged State = "staged"
	// StateLeased messages belong to a receiver until their lease expires.
	StateLeased State = "leased"
	// StateRetrying messages wait for another attempt.
	StateRetrying State = "retrying"
)

// Message is a message that waits or is being handled.
type Message struct {
	// Queue is the name of the queue.
	Queue string
	// State is the state of the message.
	State State
	// Raw is the message, byte for byte.
	Raw []byte
	// ID identifies a leased or retrying message; others have none yet.
	ID string
	// Attempts is the number of deliveries, the current one included. It is 0 for a
	// message that was never delivered.
	Attempts int
	// FirstSeen is the time at which a receiver first took a leased or retrying
	// message. Due is when the lease of a leased one expires, or a retrying one is
	// due. Both are by Redis' clock.
	FirstSeen, Due time.Time
	// Code, Error and Causes describe the last failure, as in [DeadLetter].
	Code   Code
	Error  string
	Causes []string
}

// Peek returns up to limit messages and changes nothing: no message is taken and no
// attempt is counted. It returns the states in the order in which they are given, and
// without any the staged, queued, retrying and leased messages. Of each state, the
// first to be taken, due or expire is returned first. A limit of 0 or less is 100.
//
// It reads in pages of about 1 MiB, or of one message that is longer. A message that
// moves meanwhile may be returned twice or not at all. It ends after the first error.
// Dead messages are returned by [Queue.DeadLetters].
func (q *Queue) Peek(ctx context.Context, limit int, states ...State) iter.Seq2[Message, error] {
	return q.peekFrom(ctx, 0, limit, states)
}

// PeekFrom is like [Queue.Peek] for one state, and does not return its first skip
// messages. Redis does not send these.
func (q *Queue) PeekFrom(ctx context.Context, skip, limit int, state State) iter.Seq2[Message, error] {
	return q.peekFrom(ctx, max(0, skip), limit, []State{state})
}

func (q *Queue) peekFrom(ctx context.Context, skip, limit int, states []State) iter.Seq2[Message, error] {
	const operation = "peek at"
	return func(yield func(Message, error) bool) {
		if err := q.usable(ctx, operation); err != nil {
			yield(Message{}, err)
			return
		}
		if limit <= 0 {
			limit = 100
		}
		all := []State{StateStaged, StateQueued, StateRetrying, StateLeased}
		if len(states) == 0 {
			states = all
		}
		if i := slices.IndexFunc(states, func(s State) bool { return !slices.Contains(all, s) }); i >= 0 {
			yield(Message{}, q.wrapped(operation, fmt.Errorf("there is no state %q: the states are %q", states[i], all)))
			return
		}
		left, stopped := limit, false
		next := func(m Message) bool {
			m.Queue = q.Name()
			left--
			stopped = !yield(m, nil)
			return !stopped && left > 0
		}
		for _, state := range states {
			if left == 0 || stopped {
				return
			}
			if err := q.peek(ctx, state, skip, left, next); err != nil {
				yield(Message{}, q.failed(operation, err))
				return
			}
		}
	}
}

// peek calls a function with up to limit messages of a state after the first skip, until it
// returns false.
func (q *Queue) peek(ctx context.Context, state State, skip, limit int, next func(Message) bool) error {
	stored := func(s lease.Stored) bool {
		reason := lease.ParseReason(s.Reason)
		return next(Message{
			State: state, Raw: s.Body, ID: s.ID, Attempts: s.Attempts, FirstSeen: lease.FirstSeen(s.ID), Due: s.At,
			Code: Code(reason.Code), Error: reason.Error, Causes: reason.Chain,
		})
	}
	switch state {
	case StateLeased:
		return q.queue.PeekLeased(ctx, skip, stored)
	case StateRetrying:
		return q.queue.PeekRetries(ctx, skip, stored)
	default:
		return q.queue.PeekList(ctx, state == StateStaged, skip, limit, func(body []byte) bool {
			return next(Message{State: state, Raw: body})
		})
	}
}
