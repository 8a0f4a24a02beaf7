package redistest

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
)

// SentinelMaster is the name that a Sentinel of StartSentinel has for its primary.
const SentinelMaster = "primary"

// Sentinel watches a primary with a replica.
type Sentinel struct {
	Addr string
	// Primary and Replica are the addresses at the start.
	Primary, Replica string

	client *redis.SentinelClient
}

// StartSentinel starts a primary, its replica, and a Sentinel that needs no quorum of others.
// It waits until the replica has joined.
func StartSentinel(t testing.TB) *Sentinel {
	t.Helper()
	s := &Sentinel{Addr: FreeAddr(t), Primary: Start(t, FreeAddr(t), "--repl-diskless-sync-delay", "0").Addr}
	host, port, _ := net.SplitHostPort(s.Primary)
	s.Replica = Start(t, FreeAddr(t), "--replicaof", host+" "+port).Addr
	replica := redis.NewClient(&redis.Options{Addr: s.Replica})
	defer replica.Close()
	await(t, func() bool { // a Sentinel that finds the link down looks again only after 10 seconds
		return strings.Contains(replica.Info(t.Context(), "replication").Val(), "master_link_status:up")
	})
	_, own, _ := net.SplitHostPort(s.Addr)
	settings := strings.Join([]string{
		"port " + own, "bind 127.0.0.1",
		fmt.Sprintf("sentinel monitor %s %s %s 1", SentinelMaster, host, port),
		fmt.Sprintf("sentinel down-after-milliseconds %s 60000", SentinelMaster),
	}, "\n")
	file := filepath.Join(t.TempDir(), "sentinel.conf") // a Sentinel writes to it
	if err := os.WriteFile(file, []byte(settings+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, s.Addr, "monitor master", file, "--sentinel")
	s.client = redis.NewSentinelClient(&redis.Options{Addr: s.Addr})
	t.Cleanup(func() { _ = s.client.Close() })
	await(t, func() bool {
		replicas, err := s.client.Replicas(t.Context(), SentinelMaster).Result()
		return err == nil && len(replicas) == 1 && replicas[0]["master-link-status"] == "ok"
	})
	return s
}

// Failover promotes the replica, and returns when the Sentinel names it as the primary.
func (s *Sentinel) Failover(t testing.TB) {
	t.Helper()
	if err := s.client.Failover(t.Context(), SentinelMaster).Err(); err != nil {
		t.Fatal(err)
	}
	await(t, func() bool {
		addr, err := s.client.GetMasterAddrByName(t.Context(), SentinelMaster).Result()
		return err == nil && net.JoinHostPort(addr[0], addr[1]) == s.Replica
	})
}
