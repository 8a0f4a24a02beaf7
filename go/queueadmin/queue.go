package queueadmin

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/lease"
	"github.com/remote-events/remote-events/go/internal/nilcheck"
	"github.com/remote-events/remote-events/go/internal/redaction"
)

// ErrReserved is the error of [Open] and [Rule] for a name that belongs to the
// companion keys of queues (REL-2).
var ErrReserved = lease.ErrReserved

// Queue is a queue and the companion keys that reliable delivery keeps beside it. It
// may be used by several goroutines at once, and while senders and receivers run.
type Queue struct {
	queue  *lease.Queue
	client redis.UniversalClient
}

// Open returns the queue of that name. It does not ask Redis: the queue need not exist,
// see [Queue.Exists]. The client remains the caller's to close. A name that begins with
// "remote-event:v1:" is rejected with [ErrReserved].
func Open(client redis.UniversalClient, name string) (*Queue, error) {
	if err := nilcheck.Client(client); err != nil {
		return nil, fmt.Errorf("open queue %q: %w", name, err)
	}
	queue, err := lease.NewQueue(client, name)
	if err != nil {
		return nil, fmt.Errorf("open %w", err)
	}
	return &Queue{queue, client}, nil
}

// Name returns the queue's name, which is the key of its list in Redis.
func (q *Queue) Name() string {
	if q == nil || q.queue == nil {
		return ""
	}
	return q.queue.Name
}

// CompanionKeys returns the names of the queue's companion keys by their kind, such as
// "dead" (REL-3).
func (q *Queue) CompanionKeys() map[string]string {
	if q == nil || q.queue == nil {
		return nil
	}
	names := map[string]string{}
	for _, kind := range lease.Kinds() {
		names[string(kind)] = q.queue.Key(kind)
	}
	return names
}

// Exists reports whether Redis has the list or a companion key of the queue. Redis
// deletes a list without messages.
func (q *Queue) Exists(ctx context.Context) (bool, error) {
	const operation = "look for"
	if err := q.usable(ctx, operation); err != nil {
		return false, err
	}
	exists, err := q.queue.Exists(ctx)
	return exists, q.failed(operation, err)
}

// NextRetry returns the time until the first retry is due, by Redis' clock, and
// whether one waits. The time is negative if the retry is overdue.
func (q *Queue) NextRetry(ctx context.Context) (in time.Duration, waiting bool, err error) {
	const operation = "read the next retry of"
	if err := q.usable(ctx, operation); err != nil {
		return 0, false, err
	}
	in, waiting, err = q.queue.NextRetry(ctx)
	return in, waiting, q.failed(operation, err)
}

// Drain moves the staged and the retrying messages back to the list, so that original
// receivers, which know only the list, get them. It returns the number of messages,
// with an error as well. Leased and dead messages stay. Stop reliable receivers first:
// they take the messages again.
func (q *Queue) Drain(ctx context.Context) (int, error) {
	const operation = "drain"
	if err := q.usable(ctx, operation); err != nil {
		return 0, err
	}
	n, err := q.queue.Drain(ctx)
	return n, q.failed(operation, err)
}

// usable returns why an operation cannot begin.
func (q *Queue) usable(ctx context.Context, operation string) error {
	if q == nil || q.queue == nil {
		return errors.New(operation + " a queue: it was not returned by queueadmin.Open")
	}
	return q.wrapped(operation, nilcheck.Context(ctx))
}

// failed is the error of an operation that Redis did not do. It holds nothing of a
// message.
func (q *Queue) failed(operation string, err error) error {
	return q.wrapped(operation, redaction.Error(err))
}

func (q *Queue) wrapped(operation string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s queue %q: %w", operation, q.Name(), err)
}
