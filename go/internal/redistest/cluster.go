package redistest

import (
	"crypto/tls"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// StartCluster starts a cluster of that many primaries, and returns their addresses. The
// nodes share the slots evenly.
func StartCluster(t testing.TB, nodes int) (addrs []string) {
	t.Helper()
	return startCluster(t, nodes, nil, func(string) []string { return nil })
}

// StartTLSCluster is StartCluster for nodes that use TLS, also among themselves. The
// function returns the arguments of a node, and config is the configuration of a client.
func StartTLSCluster(t testing.TB, nodes int, config *tls.Config, args func(addr string) []string) (addrs []string) {
	t.Helper()
	return startCluster(t, nodes, config, func(addr string) []string { return append(args(addr), "--tls-cluster", "yes") })
}

func startCluster(t testing.TB, nodes int, config *tls.Config, args func(addr string) []string) (addrs []string) {
	t.Helper()
	clients := make([]*redis.Client, nodes)
	for i := range clients {
		addr := freeClusterAddr(t)
		Start(t, addr, append(args(addr), "--cluster-enabled", "yes")...)
		addrs = append(addrs, addr)
		clients[i] = redis.NewClient(&redis.Options{Addr: addr, TLSConfig: config})
		defer clients[i].Close()
	}
	const slots = 16384
	for i, client := range clients {
		if err := client.ClusterAddSlotsRange(t.Context(), i*slots/nodes, (i+1)*slots/nodes-1).Err(); err != nil {
			t.Fatal(err)
		}
		host, port, _ := net.SplitHostPort(addrs[i])
		if err := clients[0].ClusterMeet(t.Context(), host, port).Err(); i > 0 && err != nil {
			t.Fatal(err)
		}
	}
	for _, client := range clients {
		await(t, func() bool {
			info := client.ClusterInfo(t.Context()).Val()
			return strings.Contains(info, "cluster_state:ok") && strings.Contains(info, "cluster_known_nodes:"+strconv.Itoa(nodes)+"\r")
		})
	}
	return addrs
}

// freeClusterAddr returns a free address whose port leaves room for the one above it by
// 10,000, where the nodes of a cluster talk.
func freeClusterAddr(t testing.TB) string {
	t.Helper()
	for {
		addr := FreeAddr(t)
		_, text, _ := net.SplitHostPort(addr)
		if port, err := strconv.Atoi(text); err == nil && port+10_000 < 1<<16 {
			return addr
		}
	}
}

// await waits until a condition holds. The test fails after a minute.
func await(t testing.TB, holds func() bool) {
	t.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for end := time.Now().Add(time.Minute); !holds(); <-ticker.C {
		if time.Now().After(end) {
			t.Fatal("the servers did not become ready within a minute")
		}
	}
}
