package queueadmin_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/lease"
	"github.com/remote-events/remote-events/go/internal/redistest"
	"github.com/remote-events/remote-events/go/queueadmin"
)

// TestPeek checks that messages of every state are returned in the order in which receivers
// take them, and that none is changed.
func TestPeek(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		ctx := t.Context()
		q := open(t, client, "x")
		claims, err := lease.NewQueue(client, "x")
		must(t, err)
		claim := &lease.Claim{Lease: time.Hour, Count: 4, Bytes: 1 << 20, MaxBytes: 1 << 20, MaxAttempts: 5, Retries: true}
		for i := range 4 {
			must(t, client.LPush(ctx, "x", fmt.Sprint(i)).Err())
		}
		first := claims.Exchange(ctx, lease.Exchange{Claim: claim})
		must(t, first.Err)
		m := first.Claimed.Messages
		reason := lease.Reason{Code: lease.Failed, Error: "why", Chain: []string{"because"}}.String()
		second := claims.Exchange(ctx, lease.Exchange{
			Acknowledge: []lease.Acknowledgement{{Handle: m[0].Handle}},
			Nack: []lease.Nack{
				{Handle: m[1].Handle, Delay: time.Hour, Reason: reason}, {Handle: m[2].Handle, Reason: reason},
			},
		})
		must(t, second.Err)
		for { // the second one is due in the next millisecond
			again := claims.Exchange(ctx, lease.Exchange{Claim: claim})
			must(t, again.Err)
			if len(again.Claimed.Messages) == 1 {
				break
			}
		}
		must(t, client.LPush(ctx, q.CompanionKeys()["staging"], "staged").Err())
		for i := range 5 {
			must(t, client.LPush(ctx, "x", strings.Repeat("q", 700_000*(i%2))+fmt.Sprint(i)).Err())
		}
		before := client.Dump(ctx, "x").Val() + fmt.Sprint(client.HGetAll(ctx, q.CompanionKeys()["attempts"]))
		show := func(limit int, states ...queueadmin.State) (shown []string) {
			for m, err := range q.Peek(ctx, limit, states...) {
				must(t, err)
				if m.Queue != "x" || (m.ID == "") != m.Due.IsZero() {
					t.Errorf("%+v", m)
				}
				shown = append(shown, fmt.Sprint(m.State, " ", strings.TrimLeft(string(m.Raw), "q"), " ", m.Attempts, m.Code, m.Error, m.Causes))
			}
			return shown
		}
		want := []string{
			"staged staged 0[]",
			"queued 0 0[]", "queued 1 0[]", "queued 2 0[]", "queued 3 0[]", "queued 4 0[]",
			"retrying 1 1failedwhy[because]",
			"leased 3 1[]", "leased 2 2failedwhy[because]",
		}
		normal := func(all []string) []string {
			for i, text := range all {
				all[i] = strings.Join(strings.Fields(text), " ")
			}
			return all
		}
		if got := normal(show(0)); !slices.Equal(sorted(got), sorted(want)) || !slices.Equal(got[:7], want[:7]) {
			t.Errorf("got %q, want %q", got, want)
		}
		if got := normal(show(2, queueadmin.StateQueued, queueadmin.StateLeased)); !slices.Equal(got, want[1:3]) {
			t.Errorf("got %q", got)
		}
		for _, err := range q.Peek(ctx, 9) {
			if err != nil {
				t.Error(err)
			}
			break // stop early
		}
		for _, err := range q.Peek(ctx, 0, "dead") {
			if err == nil || !strings.Contains(err.Error(), `peek at queue "x": there is no state "dead"`) {
				t.Errorf("got %v", err)
			}
		}
		if after := client.Dump(ctx, "x").Val() + fmt.Sprint(client.HGetAll(ctx, q.CompanionKeys()["attempts"])); after != before {
			t.Error("Peek changes the queue")
		}
	})
}

func sorted(texts []string) []string { return slices.Sorted(slices.Values(texts)) }
