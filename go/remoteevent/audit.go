package remoteevent

import (
	"context"
	"errors"
	"iter"
	"strings"

	"github.com/remote-events/remote-events/go/internal/lease"
	"github.com/remote-events/remote-events/go/internal/redaction"
)

// Fault is a message of which the companions of a queue do not agree: after a
// server crash without persistence, an eviction, or a hand on the keys.
type Fault struct {
	// ID names the message.
	ID string
	// Problem says what is wrong, in words.
	Problem string
}

// Audit looks through the companions of the queue and returns the messages of
// which they do not agree. It changes nothing, may run while receivers do, and
// ends with the first error.
func (q *Queue) Audit(ctx context.Context) iter.Seq2[Fault, error] {
	return func(yield func(Fault, error) bool) {
		if err := q.usable(ctx); err != nil {
			yield(Fault{}, err)
			return
		}
		told := map[string]bool{}
		err := q.queue.EachID(ctx, func(ids []string) error {
			states, err := q.queue.Audit(ctx, ids)
			if err != nil {
				return err
			}
			for _, s := range states {
				if s.Sound() || told[s.ID] {
					continue
				}
				told[s.ID] = true
				if !yield(Fault{s.ID, problem(s)}, nil) {
					return errEnough
				}
			}
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			yield(Fault{}, redaction.Error(err))
		}
	}
}

var errEnough = errors.New("the caller has seen enough")

func problem(s lease.State) string {
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
		return "the message itself is gone, and entries of it are left"
	case s.Miscounted:
		return "the number of its attempts is no number"
	case len(in) == 0:
		return "the message is neither leased nor retrying nor dead: no receiver would ever take it"
	case len(in) > 1:
		return "the message is at once " + strings.Join(in, " and ")
	case !s.Attempts && s.Leased:
		return "the message is leased for the first time, and has a reason why it failed"
	case !s.Attempts:
		return "the attempts of the message are not counted"
	}
	return "the message is dead without a reason"
}

// Repair mends the messages with these ids, such as those that [Queue.Audit]
// found, and returns how many it changed. It deletes no message: one that is
// nowhere is due at once, and of several places a lease wins, then a retry. What
// is left of a message that is gone is deleted.
func (q *Queue) Repair(ctx context.Context, ids ...string) (changed int, err error) {
	if err := q.usable(ctx); err != nil {
		return 0, err
	}
	for len(ids) > 0 {
		page := ids[:min(lease.MaxCount, len(ids))]
		ids = ids[len(page):]
		done, err := q.queue.Repair(ctx, page)
		if err != nil {
			return changed, redaction.Error(err)
		}
		for _, word := range done {
			if word != "none" {
				changed++
			}
		}
	}
	return changed, nil
}
