package queueadmin_test

import (
	"slices"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/redistest"
	"github.com/remote-events/remote-events/go/queueadmin"
)

func TestFindQueues(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		if found, err := queueadmin.FindQueues(t.Context(), client); err != nil || len(found) != 0 {
			t.Errorf("in an empty Redis: %q, %v", found, err)
		}
		want := []string{"", "list", "{}x", "日本 {x}"}
		for _, name := range want {
			q, err := queueadmin.Open(client, name)
			must(t, err)
			if name == "list" {
				must(t, client.LPush(t.Context(), name, "x").Err())
				continue
			}
			must(t, second(q.Import(t.Context(), queueadmin.DeadLetter{Raw: []byte("x")})))
		}
		must(t, client.LPush(t.Context(), "remote-event:v1:{a}:staging:b", "x").Err())
		must(t, client.Set(t.Context(), "other", "x", 0).Err())
		found, err := queueadmin.FindQueues(t.Context(), client)
		if err != nil || !slices.Equal(found, want) {
			t.Errorf("found %q, %v", found, err)
		}
	})
}
