package queueadmin

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/lease"
	"github.com/remote-events/remote-events/go/internal/nilcheck"
	"github.com/remote-events/remote-events/go/internal/redaction"
)

// FindQueues returns the names of all queues of a Redis, sorted: every list, since a
// queue is a list like any other, and every name that has companion keys. It scans all
// keys of the database with SCAN. In a cluster, it reads the keys of all primaries.
func FindQueues(ctx context.Context, client redis.UniversalClient) ([]string, error) {
	const operation = "find queues"
	if err := nilcheck.Both(ctx, client); err != nil {
		return nil, fmt.Errorf("%s: %w", operation, err)
	}
	var mu sync.Mutex
	found := map[string]bool{}
	search := func(ctx context.Context, node redis.UniversalClient) error {
		note := func(keys []string) {
			mu.Lock()
			defer mu.Unlock()
			for _, key := range keys {
				if queue, ok := lease.QueueOf(key); ok {
					found[queue] = true
				} else if !strings.HasPrefix(key, lease.Prefix) {
					found[key] = true
				}
			}
		}
		if err := scan(ctx, node, "*", "list", note); err != nil {
			return err
		}
		return scan(ctx, node, lease.Prefix+"{*", "", note)
	}
	var err error
	if cluster, ok := client.(*redis.ClusterClient); ok {
		err = cluster.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error { return search(ctx, node) })
	} else {
		err = search(ctx, client)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", operation, redaction.Error(err))
	}
	return slices.Sorted(maps.Keys(found)), nil
}

// scan calls a function with keys, some at a time.
func scan(ctx context.Context, node redis.UniversalClient, pattern, kind string, page func(keys []string)) error {
	const count = 1000
	for cursor := uint64(0); ; {
		var keys []string
		var err error
		if kind == "" {
			keys, cursor, err = node.Scan(ctx, cursor, pattern, count).Result()
		} else {
			keys, cursor, err = node.ScanType(ctx, cursor, pattern, count, kind).Result()
		}
		if err != nil {
			return err
		}
		page(keys)
		if cursor == 0 {
			return nil
		}
	}
}
