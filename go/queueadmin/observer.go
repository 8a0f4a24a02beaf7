package queueadmin

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/lease"
	"github.com/remote-events/remote-events/go/internal/nilcheck"
)

// Observer observes queues again and again, for a monitor or a live view. It may be used
// by several goroutines at once, which wait for each other.
type Observer struct {
	client redis.UniversalClient
	seed   maphash.Seed

	mu     sync.Mutex
	queues map[string]*lease.Queue
	past   map[string]*past
}

// past is the last observation of a queue.
type past struct {
	info QueueInfo
	// next is the hash of the next message, which is the same since that time.
	next  uint64
	since time.Time
	// newest is the newest message, if it has an id.
	newest string
	// skip is the time before which the next message, which is long, is not read again.
	skip time.Time
}

// NewObserver returns an observer. The client remains the caller's to close.
func NewObserver(client redis.UniversalClient) (*Observer, error) {
	if err := nilcheck.Client(client); err != nil {
		return nil, fmt.Errorf("observe queues: %w", err)
	}
	return &Observer{client: client, seed: maphash.MakeSeed(), queues: map[string]*lease.Queue{}, past: map[string]*past{}}, nil
}

// Observe returns the state of the queues and of the servers, and compares the queues with
// the previous call. It changes nothing, and takes no message.
//
// It makes a few round trips for each 50 queues. None of its commands holds Redis up for
// more than a few milliseconds, and its use of memory is bounded, however many messages a
// queue has and however long they are.
//
// A queue or server that cannot be observed has an error of its own and does not hide the
// others. Observe itself returns an error only if the context ends, or for a name that is
// [ErrReserved]. The counts of a queue are consistent only if no program uses it meanwhile.
func (o *Observer) Observe(ctx context.Context, queues ...string) (Snapshot, error) {
	const operation = "observe queues"
	if o == nil || o.client == nil {
		return Snapshot{}, errors.New(operation + ": the observer was not returned by queueadmin.NewObserver")
	}
	if err := nilcheck.Context(ctx); err != nil {
		return Snapshot{}, fmt.Errorf("%s: %w", operation, err)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	opened := make([]*Queue, len(queues))
	for i, name := range queues {
		if o.queues[name] == nil { // computing the names of companion keys may take milliseconds
			queue, err := lease.NewQueue(o.client, name)
			if err != nil {
				return Snapshot{}, fmt.Errorf("%s: %w", operation, err)
			}
			o.queues[name] = queue
		}
		opened[i] = &Queue{o.queues[name], o.client}
	}
	var snapshot Snapshot
	servers, receivers := observeServers(ctx, o.client)
	snapshot.Servers = servers
	for page := range slices.Chunk(opened, observePage) {
		looks := make([]*look, len(page))
		for i, q := range page {
			looks[i] = &look{Queue: q, past: o.past[q.Name()]}
		}
		observe(ctx, o.client, looks)
		for _, l := range looks {
			o.conclude(l)
			l.info.Receivers, l.info.ReceiversKnown = receivers.of(l.Name())
			snapshot.Queues = append(snapshot.Queues, l.info)
		}
	}
	for name := range o.past {
		if !slices.Contains(queues, name) {
			delete(o.past, name)
			delete(o.queues, name)
		}
	}
	if err := ctx.Err(); err != nil {
		return Snapshot{}, fmt.Errorf("%s: %w", operation, context.Cause(ctx))
	}
	return snapshot, nil
}

// observePage is the number of queues in one round trip.
const observePage = 50

// conclude compares a look with the previous one, and remembers it.
func (o *Observer) conclude(l *look) {
	if l.info.Err != nil {
		delete(o.past, l.Name())
		return
	}
	now := &past{newest: l.newest}
	if l.past != nil {
		now.skip = l.past.skip
	}
	if l.tooLong {
		now.skip = l.info.At.Add(time.Minute)
	}
	if l.info.Next.Bytes != nil {
		now.next, now.since = maphash.Bytes(o.seed, l.next), l.info.At
		if l.past != nil && l.past.next == now.next && !l.past.since.IsZero() {
			now.since = l.past.since
		}
		l.info.Next.Since = now.since
	}
	if l.past != nil {
		l.info.Change = l.change(&l.past.info)
	}
	now.info = l.info
	now.info.Change, now.info.Receivers, now.info.Leases, now.info.DeadByCode = nil, nil, nil, nil
	o.past[l.Name()] = now
}

// change compares the queue with an earlier observation.
func (l *look) change(before *QueueInfo) *Change {
	interval := l.info.At.Sub(before.At)
	if interval <= 0 {
		return nil
	}
	rate := func(n int64) float64 { return float64(n) / interval.Seconds() }
	now, then := l.info.Stats, before.Stats
	c := &Change{
		Interval: interval, Queued: rate(now.Queued + now.Staged - then.Queued - then.Staged),
		Retrying: rate(now.Retrying - then.Retrying), Dead: rate(now.Dead - then.Dead),
	}
	if l.pushed != nil {
		in, out := rate(*l.pushed), rate(max(0, *l.pushed-now.Queued+then.Queued))
		c.In, c.Out = &in, &out
	}
	return c
}
