package queueadmin_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/redistest"
	"github.com/remote-events/remote-events/go/queueadmin"
)

// fill pushes n messages, numbered from 0.
func fill(t *testing.T, client *redis.Client, key string, n int) {
	t.Helper()
	var messages []any
	for i := range n {
		messages = append(messages, fmt.Sprint(i))
	}
	must(t, client.LPush(t.Context(), key, messages...).Err())
}

func TestPurge(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		q := open(t, client, "x")
		fill(t, client, "x", 2345)
		fill(t, client, q.CompanionKeys()["staging"], 2)
		_, err := q.Import(t.Context(), queueadmin.DeadLetter{Raw: []byte("x")})
		must(t, err)
		if n, err := q.Purge(t.Context()); n != 2347 || err != nil {
			t.Errorf("deleted %d: %v", n, err)
		}
		if stats, err := q.Stats(t.Context()); err != nil || stats != (queueadmin.Stats{Dead: 1}) {
			t.Errorf("left: %+v %v", stats, err)
		}
		if n, err := q.Purge(t.Context()); n != 0 || err != nil {
			t.Errorf("Purge of an empty queue = %d, %v", n, err)
		}
		must(t, client.Set(t.Context(), "y", "x", 0).Err())
		if _, err := open(t, client, "y").Purge(t.Context()); err == nil || !strings.Contains(err.Error(), `purge queue "y": WRONGTYPE`) {
			t.Errorf("got %v", err)
		}
	})
}

func TestMove(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		from, to := open(t, client, "x"), open(t, client, "y")
		fill(t, client, "x", 1200)
		must(t, client.LPush(t.Context(), "y", "before").Err())
		if n, err := from.Move(t.Context(), to, 3); n != 3 || err != nil {
			t.Errorf("moved %d: %v", n, err)
		}
		if got := client.LRange(t.Context(), "y", 0, -1).Val(); !slices.Equal(got, []string{"2", "1", "0", "before"}) {
			t.Errorf("moved %q", got)
		}
		if n, err := from.Move(t.Context(), to, 0); n != 1197 || err != nil {
			t.Errorf("moved %d: %v", n, err)
		}
		got := client.LRange(t.Context(), "y", 0, -1).Val()
		if slices.Reverse(got); len(got) != 1201 || got[1] != "0" || got[1200] != "1199" {
			t.Errorf("order = %q", got)
		}
		if n, err := from.Move(t.Context(), to, 0); n != 0 || err != nil {
			t.Errorf("Move from an empty queue = %d, %v", n, err)
		}
		if _, err := to.Move(t.Context(), to, 0); err == nil || !strings.Contains(err.Error(), "the same queue") {
			t.Errorf("got %v", err)
		}
		if _, err := to.Move(t.Context(), nil, 0); err == nil || !strings.Contains(err.Error(), "queueadmin.Open") {
			t.Errorf("got %v", err)
		}
	})
}

// Long messages are moved one per call, so that Redis is not blocked for long.
func TestMoveOfLongMessages(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		long := strings.Repeat("x", 2<<20)
		must(t, client.LPush(t.Context(), "x", long, long, long).Err())
		if n, err := open(t, client, "x").Move(t.Context(), open(t, client, "y"), 0); n != 3 || err != nil {
			t.Errorf("moved %d: %v", n, err)
		}
	})
}

func TestDeadByCode(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		q := open(t, client, "x")
		var letters []queueadmin.DeadLetter
		for i := range 1500 {
			code := queueadmin.CodeFailed
			if i%3 == 0 {
				code = queueadmin.CodeSchema
			}
			letters = append(letters, queueadmin.DeadLetter{Raw: []byte("x"), Code: code})
		}
		ids, err := q.Import(t.Context(), letters...)
		must(t, err)
		must(t, client.HDel(t.Context(), q.CompanionKeys()["reasons"], ids[0]).Err())
		for limit, want := range map[int]string{0: "map[:1 failed:1000 schema:499]", 1501: "map[:1 failed:1000 schema:499]"} {
			if counts, err := q.DeadByCode(t.Context(), limit); err != nil || fmt.Sprint(counts) != want {
				t.Errorf("limit %d: %v %v", limit, counts, err)
			}
		}
		counts, err := q.DeadByCode(t.Context(), 1100)
		must(t, err)
		total := int64(0)
		for _, n := range counts {
			total += n
		}
		if total != 1100 {
			t.Errorf("counted %d: %v", total, counts)
		}
	})
}
