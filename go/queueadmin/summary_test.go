package queueadmin_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/redistest"
	"github.com/remote-events/remote-events/go/queueadmin"
)

// TestLatestDeaths checks the order across pages, also where many died at once and some are
// dropped meanwhile, and that the summaries describe what the letters are.
func TestLatestDeaths(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		ctx := t.Context()
		q := open(t, client, "x")
		var letters []queueadmin.DeadLetter
		at := time.UnixMilli(1_795_000_000_000)
		for i := range 1300 {
			second := i / 400
			if i > 1100 {
				second = i
			}
			letters = append(letters, queueadmin.DeadLetter{
				Raw: []byte(strings.Repeat("m", i)), Attempts: i, Died: at.Add(time.Duration(second) * time.Second), Code: queueadmin.CodeFailed, Error: fmt.Sprint(i), Causes: []string{"why"},
			})
		}
		_, err := q.Import(ctx, letters...)
		must(t, err)
		var oldest []string
		for id, err := range q.DeadLetterIDs(ctx) {
			must(t, err)
			oldest = append(oldest, id)
		}
		slices.Reverse(oldest)
		var latest []string
		for d, err := range q.LatestDeaths(ctx, time.Time{}) {
			must(t, err)
			latest = append(latest, d.ID)
			if len(latest) == 50 { // of which the page was read
				_, err := q.Drop(ctx, latest[10:40]...)
				must(t, err)
			}
		}
		if !slices.Equal(latest, oldest) {
			t.Errorf("%d latest deaths, %d in all, or in another order", len(latest), len(oldest))
		}
		for d, err := range q.LatestDeaths(ctx, at.Add(time.Second)) {
			must(t, err)
			if !d.Died.Equal(at.Add(time.Second)) {
				t.Errorf("the first died at %v", d.Died)
			}
			break
		}
		n := 0
		for s, err := range q.SummariesByID(ctx, append([]string{"none", latest[10]}, latest[40:]...)...) {
			must(t, err)
			l, _, err := q.DeadLetter(ctx, s.ID)
			must(t, err)
			got := queueadmin.DeadLetter{ID: s.ID, Queue: s.Queue, Raw: l.Raw, Attempts: s.Attempts, FirstSeen: s.FirstSeen, Died: s.Died, Code: s.Code, Error: s.Error, Causes: s.Causes}
			if fmt.Sprint(got) != fmt.Sprint(l) || s.Bytes != int64(len(l.Raw)) {
				t.Fatalf("got %+v, want %+v", s, l)
			}
			if n++; n == 20 {
				break
			}
		}
		if n != 20 {
			t.Errorf("%d summaries", n)
		}
	})
}

// TestPeekFrom checks that skipped messages are those that Peek returns first.
func TestPeekFrom(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		ctx := t.Context()
		q := open(t, client, "x")
		for i := range 30 {
			must(t, client.LPush(ctx, "x", fmt.Sprint(i)).Err())
		}
		keys := q.CompanionKeys()
		for i := range 250 { // in two sets
			key, id := keys["retries"], fmt.Sprintf("1795000000000-a-%d", i)
			if i > 200 {
				key = keys["suspects"]
			}
			must(t, client.ZAdd(ctx, key, redis.Z{Score: float64(i), Member: id}).Err())
			must(t, client.HSet(ctx, keys["bodies"], id, fmt.Sprint(i)).Err())
		}
		for state, all := range map[queueadmin.State]int{queueadmin.StateQueued: 30, queueadmin.StateRetrying: 250, queueadmin.StateLeased: 0} {
			for _, skip := range []int{-1, 0, 7, 29, 199, 230, 300} {
				var got []string
				for m, err := range q.PeekFrom(ctx, skip, 5, state) {
					must(t, err)
					got = append(got, string(m.Raw))
				}
				var want []string
				for i := max(0, skip); i < min(all, max(0, skip)+5); i++ {
					want = append(want, fmt.Sprint(i))
				}
				if !slices.Equal(got, want) {
					t.Errorf("%s from %d: got %q, want %q", state, skip, got, want)
				}
			}
		}
	})
}
