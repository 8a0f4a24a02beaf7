package redisserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// SentinelName is the Sentinel's name for its primary.
const SentinelName = "primary"

// Sentinel watches a primary and its replicas, and returns the primary's address to
// clients.
type Sentinel struct {
	addr    string
	timeout time.Duration
	close   func() error
}

// StartSentinel starts a Sentinel with a quorum of 1, and waits until it knows a replica
// of the primary. It replaces a primary that does not answer for downAfter. The caller
// must close it. ctx bounds the start only.
func StartSentinel(ctx context.Context, primary *Instance, downAfter time.Duration) (_ *Sentinel, err error) {
	port, err := lastingPort(ctx)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "remote-event-sentinel-")
	if err != nil {
		return nil, err
	}
	s := &Sentinel{addr: net.JoinHostPort("127.0.0.1", port), timeout: primary.timeout, close: func() error { return os.RemoveAll(dir) }}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("start a Sentinel: %w", err), s.Close())
		}
	}()
	settings := strings.Join([]string{
		"port " + port, "bind 127.0.0.1", "protected-mode no", `logfile ""`,
		fmt.Sprintf("sentinel monitor %s 127.0.0.1 %s 1", SentinelName, primary.port),
		fmt.Sprintf("sentinel down-after-milliseconds %s %d", SentinelName, downAfter.Milliseconds()),
		fmt.Sprintf("sentinel failover-timeout %s 3000", SentinelName),
	}, "\n")
	file := filepath.Join(dir, "sentinel.conf") // Sentinel rewrites it
	if err := os.WriteFile(file, []byte(settings+"\n"), 0o600); err != nil {
		return nil, err
	}
	r, err := launch(ctx, dir, nil, nil, primary.binary, file, "--sentinel")
	if err != nil {
		return nil, err
	}
	s.close = sync.OnceValue(func() error { return errors.Join(r.kill(), os.RemoveAll(dir)) })
	return s, s.until(ctx, func(client *redis.SentinelClient) bool {
		replicas, err := client.Replicas(ctx, SentinelName).Result()
		return err == nil && len(replicas) > 0 && replicas[0]["master-link-status"] == "ok"
	})
}

// Addr returns the address as host:port.
func (s *Sentinel) Addr() string { return s.addr }

// Client returns a client of the current primary. The caller must close it.
func (s *Sentinel) Client() *redis.Client {
	return redis.NewFailoverClient(&redis.FailoverOptions{MasterName: SentinelName, SentinelAddrs: []string{s.addr}})
}

// Failover makes the Sentinel promote the replica, and waits until it reports the replica
// as primary. The old primary becomes a replica soon after.
func (s *Sentinel) Failover(ctx context.Context, replica *Instance) error {
	client := redis.NewSentinelClient(&redis.Options{Addr: s.addr})
	defer func() { _ = client.Close() }()
	if err := client.Failover(ctx, SentinelName).Err(); err != nil {
		return fmt.Errorf("fail over: %w", err)
	}
	return s.Await(ctx, replica)
}

// Await waits until the Sentinel reports that server as primary.
func (s *Sentinel) Await(ctx context.Context, primary *Instance) error {
	return s.until(ctx, func(client *redis.SentinelClient) bool {
		addr, err := client.GetMasterAddrByName(ctx, SentinelName).Result()
		return err == nil && net.JoinHostPort(addr[0], addr[1]) == primary.Addr()
	})
}

func (s *Sentinel) until(ctx context.Context, holds func(*redis.SentinelClient) bool) error {
	ctx, cancel := context.WithTimeoutCause(ctx, s.timeout, fmt.Errorf("not within %v", s.timeout))
	defer cancel()
	client := redis.NewSentinelClient(&redis.Options{Addr: s.addr, MaxRetries: -1})
	defer func() { _ = client.Close() }()
	for !holds(client) {
		pause(ctx, 20*time.Millisecond, nil)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return nil
}

// Close stops the Sentinel.
func (s *Sentinel) Close() error { return s.close() }
