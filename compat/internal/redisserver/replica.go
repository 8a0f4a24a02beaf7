package redisserver

import (
	"context"
	"fmt"
	"net"
	"strings"
	"time"
)

// Follow makes the server a replica of the one at that address, and waits until it has
// the other's data. Whoever writes to it is answered READONLY from here on.
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
	ctx, cancel := context.WithTimeoutCause(ctx, i.timeout, fmt.Errorf("it is not there within %v", i.timeout))
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

// Promote makes a replica a primary. What it has not been told by then is lost.
func (i *Instance) Promote(ctx context.Context) error {
	if err := i.Do(ctx, "REPLICAOF", "NO", "ONE"); err != nil {
		return fmt.Errorf("promote the replica: %w", err)
	}
	return nil
}
