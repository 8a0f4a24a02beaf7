package queueadmin

import (
	"context"
	"iter"
	"time"

	"github.com/remote-events/remote-events/go/internal/lease"
)

const readLetters = "read dead letters of"

// DeadLetters returns the dead letters of the queue in the order of their deaths. It
// reads them in pages: one that is added or removed meanwhile may be returned or not.
// It ends after the first error.
func (q *Queue) DeadLetters(ctx context.Context) iter.Seq2[DeadLetter, error] {
	return func(yield func(DeadLetter, error) bool) {
		if err := q.usable(ctx, readLetters); err != nil {
			yield(DeadLetter{}, err)
			return
		}
		var from time.Time
		var skip int64 // number of dead letters with that time of death
		for {
			died, err := q.queue.DeadIDs(ctx, from, skip, lease.MaxCount)
			if err != nil {
				yield(DeadLetter{}, q.failed(readLetters, err))
				return
			}
			ids := make([]string, len(died))
			for i, d := range died {
				ids[i] = d.ID
			}
			there := map[string]bool{}
			goOn := true
			err = q.queue.Letters(ctx, ids, func(id string, record lease.Record) bool {
				there[id] = true
				goOn = record.Body == nil || yield(q.letter(id, record), nil)
				return goOn
			})
			if err != nil {
				yield(DeadLetter{}, q.failed(readLetters, err))
			}
			if err != nil || !goOn {
				return
			}
			for _, d := range died {
				if !d.At.Equal(from) {
					from, skip = d.At, 0
				}
				if there[d.ID] { // a removed dead letter must not be skipped
					skip++
				}
			}
			if len(died) < lease.MaxCount {
				return
			}
		}
	}
}

// DeadLetterIDs returns the ids of the dead letters of the queue in the order of their
// deaths, without reading the messages. It reads them in pages: one that is added or
// removed meanwhile may be returned or not. It ends after the first error.
func (q *Queue) DeadLetterIDs(ctx context.Context) iter.Seq2[string, error] {
	const operation = "read the ids of dead letters of"
	return func(yield func(string, error) bool) {
		if err := q.usable(ctx, operation); err != nil {
			yield("", err)
			return
		}
		for skip := int64(0); ; skip += lease.MaxCount {
			died, err := q.queue.DeadIDs(ctx, time.Time{}, skip, lease.MaxCount)
			if err != nil {
				yield("", q.failed(operation, err))
				return
			}
			for _, d := range died {
				if !yield(d.ID, nil) {
					return
				}
			}
			if len(died) < lease.MaxCount {
				return
			}
		}
	}
}

func (q *Queue) letter(id string, record lease.Record) DeadLetter {
	reason := lease.ParseReason(record.Reason)
	return DeadLetter{
		ID: id, Queue: q.Name(), Raw: record.Body, Attempts: record.Attempts,
		FirstSeen: lease.FirstSeen(id), Died: record.Died,
		Code: Code(reason.Code), Error: reason.Error, Causes: reason.Chain,
	}
}

// DeadLettersByID returns the dead letters with these ids, in the order of the ids. It
// skips ids that are not dead letters of this queue. It reads hundreds in a round trip
// and ends after the first error.
func (q *Queue) DeadLettersByID(ctx context.Context, ids ...string) iter.Seq2[DeadLetter, error] {
	return func(yield func(DeadLetter, error) bool) {
		if err := q.usable(ctx, readLetters); err != nil {
			yield(DeadLetter{}, err)
			return
		}
		err := q.queue.Letters(ctx, ids, func(id string, record lease.Record) bool {
			return record.Body == nil || yield(q.letter(id, record), nil)
		})
		if err != nil {
			yield(DeadLetter{}, q.failed(readLetters, err))
		}
	}
}

// DeadLetter returns the dead letter with that id, and whether there is one.
func (q *Queue) DeadLetter(ctx context.Context, id string) (letter DeadLetter, found bool, err error) {
	for letter, err := range q.DeadLettersByID(ctx, id) {
		return letter, err == nil, err
	}
	return DeadLetter{}, false, nil
}

// Requeue sends dead letters again: it appends the exact bytes of each to the list, as
// a new message that any receiver takes, and deletes the dead letter in the same
// step. It returns the ids that are not dead letters of this queue. After an error it
// may have requeued some of the others.
func (q *Queue) Requeue(ctx context.Context, ids ...string) (missing []string, err error) {
	const operation = "requeue dead letters of"
	if err := q.usable(ctx, operation); err != nil {
		return nil, err
	}
	return q.paged(ctx, operation, ids, q.queue.Requeue)
}

// Drop deletes dead letters permanently. It returns the ids that are not dead letters
// of this queue. After an error it may have deleted some of the others.
func (q *Queue) Drop(ctx context.Context, ids ...string) (missing []string, err error) {
	const operation = "drop dead letters of"
	if err := q.usable(ctx, operation); err != nil {
		return nil, err
	}
	return q.paged(ctx, operation, ids, q.queue.Drop)
}

func (q *Queue) paged(
	ctx context.Context, operation string, ids []string, do func(context.Context, []string) ([]int, error),
) (missing []string, err error) {
	for len(ids) > 0 {
		page := ids[:min(lease.MaxCount, len(ids))]
		ids = ids[len(page):]
		indexes, err := do(ctx, page)
		if err != nil {
			return missing, q.failed(operation, err)
		}
		for _, i := range indexes {
			missing = append(missing, page[i])
		}
	}
	return missing, nil
}

// Import stores dead letters of this queue, such as those exported from another Redis,
// under new ids. It returns the ids of those that are stored, with an error as well. It
// ignores the ID and the Queue of a letter. An empty code becomes [CodeImported], and
// a zero time the current time.
func (q *Queue) Import(ctx context.Context, letters ...DeadLetter) (ids []string, err error) {
	const operation = "import dead letters into"
	if err := q.usable(ctx, operation); err != nil {
		return nil, err
	}
	const maxCount, maxBytes = 100, 4 << 20 // of one call
	var page []lease.Letter
	size := 0
	for i, d := range letters {
		code := d.Code
		if code == "" {
			code = CodeImported
		}
		page = append(page, lease.Letter{
			Body: d.Raw, Attempts: d.Attempts, FirstSeen: d.FirstSeen, Died: d.Died,
			Reason: lease.Reason{Code: lease.Code(code), Error: d.Error, Chain: d.Causes}.String(),
		})
		size += len(d.Raw)
		if len(page) < maxCount && size < maxBytes && i < len(letters)-1 {
			continue
		}
		stored, err := q.queue.Import(ctx, page...)
		if err != nil {
			return ids, q.failed(operation, err)
		}
		ids, page, size = append(ids, stored...), nil, 0
	}
	return ids, nil
}
