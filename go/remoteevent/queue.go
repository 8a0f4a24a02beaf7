package remoteevent

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/lease"
	"github.com/remote-events/remote-events/go/internal/redaction"
)

// Queue is a queue and what reliable delivery keeps beside it, for operators and
// their tools. It may be used by several goroutines at once, and while receivers
// run.
type Queue struct {
	queue  *lease.Queue
	client redis.UniversalClient
}

// NewQueue returns the queue of that name, which need not exist. The client stays
// the caller's to close. A name that begins with "remote-event:v1:" is refused
// with [ErrReserved].
func NewQueue(client redis.UniversalClient, name string) (*Queue, error) {
	if err := requireClient(client); err != nil {
		return nil, fmt.Errorf("NewQueue: %w", err)
	}
	queue, err := lease.NewQueue(client, name)
	if err != nil {
		return nil, err
	}
	return &Queue{queue, client}, nil
}

// Name returns the queue's name, which is its key in Redis.
func (q *Queue) Name() string {
	if q == nil || q.queue == nil {
		return ""
	}
	return q.queue.Name
}

// Companions returns the names of the keys that reliable delivery keeps beside
// the queue, by their kind.
func (q *Queue) Companions() map[string]string {
	if err := q.usable(context.Background()); err != nil {
		return nil
	}
	names := map[string]string{}
	for _, kind := range lease.Kinds() {
		names[string(kind)] = q.queue.Key(kind)
	}
	return names
}

// Permissions returns the rule that lets a receiver with these options consume the
// queue, as arguments of ACL SETUSER with a space between them. A rule cannot hold
// white space: '?', which matches any one byte, stands for it, for quotes and for
// characters that are not printable. Options that are nil
// have no effect.
//
// The rule is what a receiver needs. With "+client|id +client|unblock" it also stops
// at once, rather than after a tenth of a second; with more than four queues,
// "+exists +client|id +client|tracking" make it notice events sooner, and with less
// work for Redis.
func (q *Queue) Permissions(options ...QueueOption) string {
	if err := q.usable(context.Background()); err != nil {
		return ""
	}
	config := defaultQueueConfig()
	for _, option := range options {
		if option != nil {
			option.applyToQueue(&config)
		}
	}
	return aclRule(q.Name(), &config)
}

// Depths are how many messages of a queue are where.
type Depths struct {
	// Queued messages wait in the list itself.
	Queued int64
	// Staged messages were moved off it for a receiver that had nothing to do.
	Staged int64
	// Leased messages belong to a receiver until their lease runs out.
	Leased int64
	// Retrying messages have failed, or the process that handled them died, and wait
	// for another attempt.
	Retrying int64
	// Dead messages wait for an operator.
	Dead int64
}

// Depths counts the messages of the queue. One that is on its way meanwhile may be
// counted twice or not at all.
func (q *Queue) Depths(ctx context.Context) (Depths, error) {
	if err := q.usable(ctx); err != nil {
		return Depths{}, err
	}
	d, err := q.queue.Depths(ctx)
	return Depths{d.Queued, d.Staged, d.Leased, d.Retried + d.Suspect, d.Dead}, redaction.Error(err)
}

// Drain gives back to the list what is staged and what waits for another attempt,
// so that originals alone can go on with it, and returns how many messages that
// were. What is leased and dead stays. Reliable receivers that still run take the
// messages again: stop them first.
func (q *Queue) Drain(ctx context.Context) (int, error) {
	if err := q.usable(ctx); err != nil {
		return 0, err
	}
	n, err := q.queue.Drain(ctx)
	return n, redaction.Error(err)
}

// Exists reports whether Redis has the list or a companion key of the queue. A list
// without messages does not exist in Redis.
func (q *Queue) Exists(ctx context.Context) (bool, error) {
	if err := q.usable(ctx); err != nil {
		return false, err
	}
	exists, err := q.queue.Exists(ctx)
	return exists, redaction.Error(err)
}

// NextRetry returns in what time, by Redis' clock, the first of the retries is due,
// and whether any waits. A time in the past is negative.
func (q *Queue) NextRetry(ctx context.Context) (in time.Duration, waiting bool, err error) {
	if err := q.usable(ctx); err != nil {
		return 0, false, err
	}
	in, waiting, err = q.queue.NextRetry(ctx)
	return in, waiting, redaction.Error(err)
}

// DeadLetters returns the dead letters of the queue in the order of their deaths.
// It reads them in pages: a dead letter that is added or removed meanwhile may be
// returned or not. It ends with the first error.
func (q *Queue) DeadLetters(ctx context.Context) iter.Seq2[DeadLetter, error] {
	return func(yield func(DeadLetter, error) bool) {
		if err := q.usable(ctx); err != nil {
			yield(DeadLetter{}, err)
			return
		}
		var from time.Time
		var skip int64 // of those that died at that time
		for {
			died, err := q.queue.DeadIDs(ctx, from, skip, lease.MaxCount)
			if err != nil {
				yield(DeadLetter{}, redaction.Error(err))
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
				yield(DeadLetter{}, redaction.Error(err))
			}
			if err != nil || !goOn {
				return
			}
			for _, d := range died {
				if !d.At.Equal(from) {
					from, skip = d.At, 0
				}
				if there[d.ID] { // one that is gone is not to be left out
					skip++
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
		Code: string(reason.Code), Error: reason.Error, Chain: reason.Chain,
	}
}

// FindDeadLetters returns the dead letters with these ids, in the order of the ids,
// and leaves out ids that are no dead letters of this queue. It reads hundreds in a
// round trip, and ends with the first error.
func (q *Queue) FindDeadLetters(ctx context.Context, ids []string) iter.Seq2[DeadLetter, error] {
	return func(yield func(DeadLetter, error) bool) {
		if err := q.usable(ctx); err != nil {
			yield(DeadLetter{}, err)
			return
		}
		err := q.queue.Letters(ctx, ids, func(id string, record lease.Record) bool {
			return record.Body == nil || yield(q.letter(id, record), nil)
		})
		if err != nil {
			yield(DeadLetter{}, redaction.Error(err))
		}
	}
}

// DeadLetter returns one dead letter, and whether there is one with that id.
func (q *Queue) DeadLetter(ctx context.Context, id string) (letter DeadLetter, found bool, err error) {
	if err := q.usable(ctx); err != nil {
		return DeadLetter{}, false, err
	}
	for letter, err := range q.FindDeadLetters(ctx, []string{id}) {
		return letter, err == nil, err
	}
	return DeadLetter{}, false, nil
}

// Requeue sends dead letters again: the bytes of each go to the end of the list,
// for whoever takes them, as a new message. It returns the ids of those that are
// no dead letters of this queue.
func (q *Queue) Requeue(ctx context.Context, ids ...string) (missing []string, err error) {
	if err := q.usable(ctx); err != nil {
		return nil, err
	}
	return q.paged(ctx, ids, q.queue.Requeue)
}

// Drop deletes dead letters for good. It returns the ids of those that are no
// dead letters of this queue.
func (q *Queue) Drop(ctx context.Context, ids ...string) (missing []string, err error) {
	if err := q.usable(ctx); err != nil {
		return nil, err
	}
	return q.paged(ctx, ids, q.queue.Drop)
}

func (q *Queue) paged(ctx context.Context, ids []string, do func(context.Context, []string) ([]int, error)) (missing []string, err error) {
	for len(ids) > 0 {
		page := ids[:min(lease.MaxCount, len(ids))]
		ids = ids[len(page):]
		indexes, err := do(ctx, page)
		if err != nil {
			return missing, redaction.Error(err)
		}
		for _, i := range indexes {
			missing = append(missing, page[i])
		}
	}
	return missing, nil
}

// Bury stores dead letters, such as those of another Redis, under new ids, which
// it returns, those that are stored already with an error, too. Where a letter has
// no code it is "imported"; times that are zero are now.
func (q *Queue) Bury(ctx context.Context, letters ...DeadLetter) (ids []string, err error) {
	if err := q.usable(ctx); err != nil {
		return nil, err
	}
	const most, mostBytes = 100, 4 << 20
	var page []lease.Letter
	size := 0
	for i, d := range letters {
		code := lease.Code(d.Code)
		if code == "" {
			code = lease.Imported
		}
		page = append(page, lease.Letter{
			Body: d.Raw, Attempts: d.Attempts, FirstSeen: d.FirstSeen, Died: d.Died,
			Reason: lease.Reason{Code: code, Error: d.Error, Chain: d.Chain}.String(),
		})
		size += len(d.Raw)
		if len(page) < most && size < mostBytes && i < len(letters)-1 {
			continue
		}
		stored, err := q.queue.Import(ctx, page...)
		if err != nil {
			return ids, redaction.Error(err)
		}
		ids, page, size = append(ids, stored...), nil, 0
	}
	return ids, nil
}
