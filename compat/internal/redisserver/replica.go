package redisserver

import (
	"context"
	"fmt"
	"net"
	"strings"
	"time"
)

// Follow makes the server a replica of the one at that address, and waits until it has
// the primary's data. Redis replies READONLY to later writes.
func (i *Instance) Follow(ctx context.Context, primary string) error {
	host, port, err := net.SplitHostPort(primary)
	if err == nil {
		err = i.Do(ctx, "REPLICAOF", host, port)
	}
	if err != nil {
		return fmt.Errorf("make a replica of %s: %w", primary, err)
	}
	client := i.Client()
	defer func() { _ = client.Close() }()
	ctx, cancel := context.WithTimeoutCause(ctx, i.timeout, fmt.Errorf("no synchronisation within %v", i.timeout))
	defer cancel()
	for {
		info, err := client.Info(ctx, "replication").Result()
		if err == nil && strings.Contains(info, "master_link_status:up") {
			return nil
		}
		pause(ctx, 5*time.Millisecond, i.run.ended)
		if ctx.Err() != nil {
			return fmt.Errorf("make a replica: %w: %w", context.Cause(ctx), err)
		}
	}
}

// Promote makes a replica a primary. Writes that it has not received are lost.
func (i *Instance) Promote(ctx context.Context) error {
	if err := i.Do(ctx, "REPLICAOF", "NO", "ONE"); err != nil {
		return fmt.Errorf("promote the replica: %w", err)
	}
	return nil
}
