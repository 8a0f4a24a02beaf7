package diagnosis

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/lease"
	"github.com/remote-events/remote-events/go/internal/redaction"
)

// Server looks for problems that endanger every queue of a Redis: its version, its role, its
// eviction policy, and a cluster node without a cluster client. It examines every
// primary of a cluster. A property that the user may not read becomes a warning of
// [CheckServer]. It returns an error if the connection fails.
func Server(ctx context.Context, client redis.UniversalClient) ([]Diagnosis, error) {
	cluster, ok := client.(*redis.ClusterClient)
	if !ok {
		return examineNode(ctx, client, false)
	}
	var mu sync.Mutex
	var all []Diagnosis
	err := cluster.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error {
		found, err := examineNode(ctx, node, true)
		mu.Lock()
		defer mu.Unlock()
		for _, d := range found {
			if !slices.ContainsFunc(all, func(other Diagnosis) bool { return other.Problem == d.Problem }) {
				all = append(all, d)
			}
		}
		return err
	})
	if lease.ClassOf(err) == lease.Unauthenticated { // no node replied
		return []Diagnosis{unauthenticated(redaction.Error(err))}, nil
	}
	return all, redaction.Error(err)
}

func examineNode(ctx context.Context, node redis.Cmdable, clustered bool) ([]Diagnosis, error) {
	text, err := node.Info(ctx).Result()
	err = redaction.Error(err)
	switch {
	case lease.ClassOf(err) == lease.Unauthenticated:
		return []Diagnosis{unauthenticated(err)}, nil
	case err != nil && !lease.IsReply(err):
		return nil, err
	case err != nil:
		d := Diagnosis{
			Check: CheckServer, Warning: true, Err: err,
			Problem: "version, role and eviction policy of Redis are unknown, because it has disabled or renamed INFO",
			Remedy:  "verify by hand that this is a primary of Redis 6.0 or later, with maxmemory-policy noeviction",
		}
		if lease.ClassOf(err) == lease.Denied {
			d.Problem, d.Remedy = "version, role and eviction policy of Redis are unknown", "permit INFO with +info"
		}
		return []Diagnosis{d}, nil
	}
	info := map[string]string{}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		info[name] = value
	}
	if info["redis_mode"] == "sentinel" {
		return []Diagnosis{{
			Check: CheckSentinel, Problem: "this is a Sentinel, which has no queues",
			Remedy: "connect to the primary, whose address SENTINEL GET-MASTER-ADDR-BY-NAME returns, or in Go use redis.NewFailoverClient",
		}}, nil
	}
	var found []Diagnosis
	if version := info["redis_version"]; isBefore6(version) {
		found = append(found, Diagnosis{
			Check: CheckVersion, Problem: "Redis is of version " + version, Remedy: "use Redis 6.0 or later (6.2 recommended), or Valkey",
		})
	}
	if info["role"] == "slave" {
		found = append(found, Diagnosis{
			Check: CheckReplica, Problem: "this Redis is a replica of " + info["master_host"] + ":" + info["master_port"], Remedy: "connect to the primary, which has the queues",
		})
	}
	if info["cluster_enabled"] == "1" && !clustered {
		found = append(found, Diagnosis{
			Check: CheckCluster, Warning: true, Problem: "this Redis is a node of a cluster, but the client uses it as a single server",
			Remedy: "use a cluster client to reach the queues of other nodes: in Go, redis.NewClusterClient",
		})
	}
	if policy := info["maxmemory_policy"]; policy != "" && policy != "noeviction" {
		problem := "maxmemory-policy is " + policy + ": at maxmemory Redis deletes queues without an error"
		if strings.HasPrefix(policy, "volatile-") {
			problem = "maxmemory-policy is " + policy + ": close to the policies that delete queues at maxmemory"
		}
		found = append(found, Diagnosis{Check: CheckEviction, Warning: true, Problem: problem, Remedy: "CONFIG SET maxmemory-policy noeviction, and set it in redis.conf, or in the parameters of a managed Redis, which denies CONFIG"})
	}
	return found, nil
}

func isBefore6(version string) bool {
	first, _, _ := strings.Cut(version, ".")
	major, err := strconv.Atoi(first)
	return err == nil && major < 6
}
