package lease

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// store is the content of a queue's keys in Redis.
type store struct {
	queue, staging                  []string // from the left
	bodies, attempts, reasons       map[string]string
	claims, retries, suspects, dead []string // earliest first
}

// reporter is the common part of testing.T and rapid.T.
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
	bodies, attempts, reasons := hash(Bodies), hash(Attempts), hash(Reasons)
	set := func(kind Kind) *redis.StringSliceCmd { return p.ZRange(ctx, q.Key(kind), 0, -1) }
	claims, retries, suspects, dead := set(Claims), set(Retries), set(Suspects), set(Dead)
	if _, err := p.Exec(ctx); err != nil {
		t.Fatalf("read the content of Redis: %v", err)
	}
	return store{
		queue.Val(), staging.Val(), bodies.Val(), attempts.Val(), reasons.Val(),
		claims.Val(), retries.Val(), suspects.Val(), dead.Val(),
	}
}

// ids returns all ids in the keys, sorted.
func (s *store) ids() []string {
	all := slices.Concat(s.retries, s.suspects, s.dead)
	for _, m := range []map[string]string{s.bodies, s.attempts, s.reasons} {
		all = slices.AppendSeq(all, maps.Keys(m))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// unsound returns a description of a violated invariant, or "". It derives the state of each
// id from the specification, without the script audit.
func (s *store) unsound() string {
	for _, id := range s.ids() {
		state := State{ID: id, Retried: slices.Contains(s.retries, id), Suspect: slices.Contains(s.suspects, id), Dead: slices.Contains(s.dead, id)}
		_, state.Body = s.bodies[id]
		var entry string
		entry, state.Attempts = s.attempts[id]
		_, state.Reason = s.reasons[id]
		if words := strings.Split(entry, " "); len(words) == 3 {
			state.Leased = slices.Contains(s.claims, id+"/"+words[2]) || slices.Contains(s.claims, id+"!"+words[2])
		} else if !state.Attempts {
			state.Leased = slices.Contains(s.claims, id[:strings.LastIndexByte(id, '-')])
		}
		if !state.Sound() {
			return fmt.Sprintf("%+v, attempts %q", state, entry)
		}
	}
	return ""
}

// messages returns all bodies in all keys, sorted.
func (s *store) messages() []string {
	return slices.Sorted(slices.Values(slices.Concat(s.queue, s.staging, slices.Collect(maps.Values(s.bodies)))))
}

// pass simulates that time passes for a queue: it makes everything due earlier by d.
func pass(t reporter, client redis.UniversalClient, q *Queue, d time.Duration) {
	t.Helper()
	kinds := []Kind{Claims, Retries, Suspects, Seen}
	members := make([]*redis.StringSliceCmd, len(kinds))
	if _, err := client.Pipelined(background, func(p redis.Pipeliner) error {
		for i, kind := range kinds {
			members[i] = p.ZRange(background, q.Key(kind), 0, -1)
		}
		return nil
	}); err != nil {
		t.Fatalf("read due times: %v", err)
	}
	if _, err := client.Pipelined(background, func(p redis.Pipeliner) error {
		for i, kind := range kinds {
			for _, member := range members[i].Val() {
				p.ZIncrBy(background, q.Key(kind), -float64(d.Milliseconds()), member)
			}
		}
		return nil
	}); err != nil {
		t.Fatalf("change due times: %v", err)
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
