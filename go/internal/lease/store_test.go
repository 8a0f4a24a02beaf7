package lease

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// store is what stands in Redis of a queue.
type store struct {
	queue, staging                    []string // from the left
	bodies, attempts, owners, reasons map[string]string
	leases, retries, dead             []string
}

// TB is what tests and rapid's runs have in common.
type reporter interface {
	Helper()
	Fatalf(format string, args ...any)
}

func readStore(t reporter, client redis.UniversalClient, q *Queue) store {
	t.Helper()
	ctx := background
	p := client.Pipeline()
	queue, staging := p.LRange(ctx, q.Name, 0, -1), p.LRange(ctx, q.Key(Staging), 0, -1)
	hash := func(kind Kind) *redis.MapStringStringCmd { return p.HGetAll(ctx, q.Key(kind)) }
	bodies, attempts, owners, reasons := hash(Bodies), hash(Attempts), hash(Owners), hash(Reasons)
	set := func(kind Kind) *redis.StringSliceCmd { return p.ZRange(ctx, q.Key(kind), 0, -1) }
	leases, retries, dead := set(Leases), set(Retries), set(Dead)
	if _, err := p.Exec(ctx); err != nil {
		t.Fatalf("read what Redis has: %v", err)
	}
	return store{
		queue.Val(), staging.Val(), bodies.Val(), attempts.Val(), owners.Val(), reasons.Val(), leases.Val(), retries.Val(), dead.Val(),
	}
}

// unsound says which invariant does not hold, or "".
func (s *store) unsound() string {
	ids := map[string]bool{}
	for _, m := range []map[string]string{s.bodies, s.attempts, s.owners, s.reasons} {
		for id := range m {
			ids[id] = true
		}
	}
	for _, id := range slices.Concat(s.leases, s.retries, s.dead) {
		ids[id] = true
	}
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		state := State{ID: id, Leased: slices.Contains(s.leases, id), Retried: slices.Contains(s.retries, id), Dead: slices.Contains(s.dead, id)}
		_, state.Body = s.bodies[id]
		_, state.Attempts = s.attempts[id]
		_, state.Owner = s.owners[id]
		_, state.Reason = s.reasons[id]
		if !state.Sound() {
			return fmt.Sprintf("%+v", state)
		}
	}
	return ""
}

// messages returns all bodies, wherever they are, sorted.
func (s *store) messages() []string {
	return slices.Sorted(slices.Values(slices.Concat(s.queue, s.staging, slices.Collect(maps.Values(s.bodies)))))
}

// pass lets time pass for a queue, by moving all that is due at some time.
func pass(t reporter, client redis.UniversalClient, q *Queue, d time.Duration) {
	t.Helper()
	for _, kind := range []Kind{Leases, Retries, Seen} {
		for _, id := range client.ZRange(background, q.Key(kind), 0, -1).Val() {
			if err := client.ZIncrBy(background, q.Key(kind), -float64(d.Milliseconds()), id).Err(); err != nil {
				t.Fatalf("let time pass: %v", err)
			}
		}
	}
}

func newQueue(t *testing.T, client redis.UniversalClient, name string) *Queue {
	t.Helper()
	q, err := NewQueue(client, name)
	if err != nil {
		t.Fatal(err)
	}
	return q
}
