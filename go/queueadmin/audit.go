package queueadmin

import (
	"context"
	"errors"
	"iter"
	"strings"

	"github.com/remote-events/remote-events/go/internal/lease"
)

// Problem is the kind of a fault of a message, in one word.
type Problem string

const (
	// ProblemNoBody is an entry without a message.
	ProblemNoBody Problem = "no-body"
	// ProblemNoState is a message without a state: no receiver would ever take it.
	ProblemNoState Problem = "no-state"
	// ProblemManyStates is a message in several states at once, such as leased and
	// retrying.
	ProblemManyStates Problem = "many-states"
	// ProblemAttempts is a message whose number of attempts is missing or is not a
	// number (REL-42).
	ProblemAttempts Problem = "attempts"
	// ProblemReason is a message with a reason but without an attempt that failed, or a
	// dead letter without a reason.
	ProblemReason Problem = "reason"
)

// Fault is a message whose entries in the companion keys contradict each other: after a
// crash of Redis without persistence, an eviction, or a manual change of keys.
type Fault struct {
	// ID identifies the message.
	ID string
	// Problem is the kind of the fault.
	Problem Problem
	// Detail describes the problem in words.
	Detail string
}

// Audit compares the companion keys of the queue and returns the faults, each message
// once. It changes nothing. A message that moves meanwhile is not a fault: each is
// examined in one step. It ends after the first error.
func (q *Queue) Audit(ctx context.Context) iter.Seq2[Fault, error] {
	const operation = "audit"
	return func(yield func(Fault, error) bool) {
		if err := q.usable(ctx, operation); err != nil {
			yield(Fault{}, err)
			return
		}
		reported := map[string]bool{}
		err := q.queue.EachID(ctx, func(ids []string) error {
			states, err := q.queue.Audit(ctx, ids)
			if err != nil {
				return err
			}
			for _, s := range states {
				if s.Sound() || reported[s.ID] {
					continue
				}
				reported[s.ID] = true
				if !yield(faultOf(s), nil) {
					return errEnough
				}
			}
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			yield(Fault{}, q.failed(operation, err))
		}
	}
}

// errEnough ends an audit whose caller stops.
var errEnough = errors.New("the caller stops")

// faultOf describes a message whose state is not sound.
func faultOf(s lease.State) Fault {
	var in []string
	for _, place := range []struct {
		is   bool
		name string
	}{{s.Leased, "leased"}, {s.Retried, "retrying"}, {s.Suspect, "suspect"}, {s.Dead, "dead"}} {
		if place.is {
			in = append(in, place.name)
		}
	}
	switch {
	case !s.Body:
		return Fault{s.ID, ProblemNoBody, "the message is gone, and entries of it are left"}
	case s.Miscounted:
		return Fault{s.ID, ProblemAttempts, "the number of attempts is not a number"}
	case len(in) == 0:
		return Fault{s.ID, ProblemNoState, "the message is neither leased nor retrying nor dead: no receiver would ever take it"}
	case len(in) > 1:
		return Fault{s.ID, ProblemManyStates, "the message is at once " + strings.Join(in, " and ")}
	case !s.Attempts && s.Leased:
		return Fault{s.ID, ProblemReason, "the message is leased for the first time, and has a reason why it failed"}
	case !s.Attempts:
		return Fault{s.ID, ProblemAttempts, "the attempts of the message are not counted"}
	}
	return Fault{s.ID, ProblemReason, "the message is dead without a reason"}
}

// Repair repairs the messages with these ids, such as those that [Queue.Audit] found,
// and returns how many it changed, with an error as well. It deletes no message
// (REL-34): a message in no state is due immediately, and a message in several states
// keeps the lease, else the retry. It deletes the entries that are left of a message that is gone. Sound
// messages are not changed.
func (q *Queue) Repair(ctx context.Context, ids ...string) (changed int, err error) {
	const operation = "repair"
	if err := q.usable(ctx, operation); err != nil {
		return 0, err
	}
	for len(ids) > 0 {
		page := ids[:min(lease.MaxCount, len(ids))]
		ids = ids[len(page):]
		done, err := q.queue.Repair(ctx, page)
		if err != nil {
			return changed, q.failed(operation, err)
		}
		for _, word := range done {
			if word != "none" {
				changed++
			}
		}
	}
	return changed, nil
}
