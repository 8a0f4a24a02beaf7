package queueadmin

import (
	"context"
	"iter"
	"time"

	"github.com/remote-events/remote-events/go/internal/lease"
)

// DeadLetterSummary describes a dead letter without its message.
type DeadLetterSummary struct {
	// ID identifies the dead letter in its queue.
	ID string
	// Queue is the name of the queue.
	Queue string
	// Bytes is the length of the message.
	Bytes int64
	// Attempts, FirstSeen, Died, Code, Error and Causes have the meaning of [DeadLetter].
	Attempts        int
	FirstSeen, Died time.Time
	Code            Code
	Error           string
	Causes          []string
}

// Death is the entry of a dead letter in the order of deaths.
type Death struct {
	// ID identifies the dead letter in its queue.
	ID string
	// Died is the time at which it became a dead letter, by Redis' clock and in
	// milliseconds.
	Died time.Time
}

// LatestDeaths returns the dead letters that died at until or earlier, the latest first,
// without reading them. Those that died in the same millisecond are in descending order of
// their ids. A zero time includes all. It reads them in pages: one that is added or removed
// meanwhile, or that died in the same millisecond as one of these, may be returned or not.
// It ends after the first error.
func (q *Queue) LatestDeaths(ctx context.Context, until time.Time) iter.Seq2[Death, error] {
	const operation = "read the ids of dead letters of"
	return func(yield func(Death, error) bool) {
		if err := q.usable(ctx, operation); err != nil {
			yield(Death{}, err)
			return
		}
		for page, skip := int64(100), int64(0); ; page = lease.MaxCount {
			died, err := q.queue.NewestDeadIDs(ctx, until, skip, page)
			if err != nil {
				yield(Death{}, q.failed(operation, err))
				return
			}
			for _, d := range died {
				if !yield(Death{d.ID, d.At}, nil) {
					return
				}
				// One that is removed moves at most those that died in the same millisecond.
				if d.At.Equal(until) {
					skip++
				} else {
					until, skip = d.At, 1
				}
			}
			if int64(len(died)) < page {
				return
			}
		}
	}
}

// SummariesByID returns the dead letters with these ids, in the order of the ids, without
// reading their messages. It skips ids that are not dead letters of this queue. It reads
// hundreds in a round trip and ends after the first error.
func (q *Queue) SummariesByID(ctx context.Context, ids ...string) iter.Seq2[DeadLetterSummary, error] {
	return func(yield func(DeadLetterSummary, error) bool) {
		if err := q.usable(ctx, readLetters); err != nil {
			yield(DeadLetterSummary{}, err)
			return
		}
		err := q.queue.Describe(ctx, ids, func(id string, r lease.Record, bytes int64) bool {
			d := q.letter(id, r)
			return yield(DeadLetterSummary{
				ID: id, Queue: d.Queue, Bytes: bytes, Attempts: d.Attempts, FirstSeen: d.FirstSeen, Died: d.Died,
				Code: d.Code, Error: d.Error, Causes: d.Causes,
			}, nil)
		})
		if err != nil {
			yield(DeadLetterSummary{}, q.failed(readLetters, err))
		}
	}
}
