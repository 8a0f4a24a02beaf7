package redisserver_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/compat/internal/redisserver"
)

func TestCluster(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes many seconds")
	}
	cluster, err := redisserver.StartCluster(t.Context(), redisserver.Options{}, 3)
	must(t, err)
	t.Cleanup(func() { must(t, cluster.Close()) })
	client := cluster.Client()
	t.Cleanup(func() { must(t, client.Close()) })
	owners := map[int]bool{}
	for slot := 0; slot < 16384; slot += 1000 {
		owner, err := cluster.Owner(t.Context(), slot)
		must(t, err)
		owners[owner] = true
	}
	if len(owners) != 3 {
		t.Errorf("the owners of slots are %v", owners)
	}

	const slot = 7629 // of {k}
	keys := []string{"{k}1", "{k}2", "{k}3"}
	for _, key := range keys {
		must(t, client.Set(t.Context(), key, key, 0).Err())
	}
	from, err := cluster.Owner(t.Context(), slot)
	must(t, err)
	to := (from + 1) % 3
	moved, denied := 0, 0
	must(t, cluster.MoveSlot(t.Context(), slot, to, func(ctx context.Context) error {
		moved++
		err := cluster.Nodes[from].Do(ctx, "MGET", keys[0], keys[1], keys[2])
		if redis.HasErrorPrefix(err, "TRYAGAIN") {
			denied++
			return nil
		}
		if moved == len(keys) && redis.HasErrorPrefix(err, "ASK") {
			return nil
		}
		return fmt.Errorf("key %d: %w", moved, err)
	}))
	if moved != 3 || denied != 2 {
		t.Errorf("%d keys moved, %d scripts denied", moved, denied)
	}
	if owner, err := cluster.Owner(t.Context(), slot); owner != to || err != nil {
		t.Errorf("the owner is node %d, %v", owner, err)
	}
	for _, key := range keys {
		if got, err := client.Get(t.Context(), key).Result(); got != key {
			t.Errorf("%s is %q, %v", key, got, err)
		}
	}
	if err := cluster.Nodes[from].Do(t.Context(), "GET", keys[0]); !redis.HasErrorPrefix(err, "MOVED") {
		t.Errorf("reply of the old owner: %v", err)
	}
	must(t, cluster.MoveSlot(t.Context(), slot, to, nil)) // it has moved already
	must(t, cluster.MoveSlot(t.Context(), slot, from, nil))
}
