package redisserver

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// slots is the number of slots of a cluster.
const slots = 16384

// Cluster is a Redis Cluster of primaries with equal shares of the slots. It is not safe
// for concurrent use.
type Cluster struct {
	Nodes []*Instance
	ids   []string
}

// StartCluster starts a cluster and waits until all nodes agree. The caller must close
// it. ctx bounds the start only.
func StartCluster(ctx context.Context, options Options, nodes int) (*Cluster, error) {
	options.Settings = append([]string{"cluster-enabled yes", "cluster-node-timeout 5000"}, options.Settings...)
	c := &Cluster{}
	err := func() error {
		for range nodes {
			node, err := StartInstance(ctx, options)
			if err != nil {
				return err
			}
			c.Nodes = append(c.Nodes, node)
		}
		return c.join(ctx)
	}()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start a cluster: %w", err), c.Close())
	}
	return c, nil
}

// join connects the nodes and waits until each of them knows all slots.
func (c *Cluster) join(ctx context.Context) error {
	first := c.Nodes[0]
	for n, node := range c.Nodes {
		client := node.Client()
		defer func() { _ = client.Close() }()
		id, err := client.Do(ctx, "CLUSTER", "MYID").Text()
		if err != nil {
			return err
		}
		c.ids = append(c.ids, id)
		from, to := slots*n/len(c.Nodes), slots*(n+1)/len(c.Nodes)-1
		if err := client.ClusterAddSlotsRange(ctx, from, to).Err(); err != nil {
			return err
		}
		// Nodes with equal epochs would first have to resolve the conflict.
		if err := client.Do(ctx, "CLUSTER", "SET-CONFIG-EPOCH", n+1).Err(); err != nil {
			return err
		}
	}
	for _, node := range c.Nodes[1:] {
		if err := node.Do(ctx, "CLUSTER", "MEET", "127.0.0.1", first.port); err != nil {
			return err
		}
	}
	return c.Agree(ctx)
}

// Agree waits until every node knows all other nodes and all slots.
func (c *Cluster) Agree(ctx context.Context) error {
	timeout := c.Nodes[0].timeout
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("the nodes do not agree within %v", timeout))
	defer cancel()
	for _, node := range c.Nodes {
		client := node.Client()
		defer func() { _ = client.Close() }()
		for {
			info, err := client.ClusterInfo(ctx).Result()
			if err == nil && strings.Contains(info, "cluster_state:ok") && strings.Contains(info, fmt.Sprintf("cluster_size:%d\r", len(c.Nodes))) {
				break
			}
			pause(ctx, 5*time.Millisecond, nil)
			if ctx.Err() != nil {
				return fmt.Errorf("%w: %w", context.Cause(ctx), err)
			}
		}
	}
	return nil
}

// Addrs returns the addresses of all nodes.
func (c *Cluster) Addrs() []string {
	addrs := make([]string, len(c.Nodes))
	for i, node := range c.Nodes {
		addrs[i] = node.Addr()
	}
	return addrs
}

// Client returns a client of the cluster. The caller must close it.
func (c *Cluster) Client() *redis.ClusterClient {
	return redis.NewClusterClient(&redis.ClusterOptions{Addrs: c.Addrs()})
}

// Owner returns the index of the node that owns the slot.
func (c *Cluster) Owner(ctx context.Context, slot int) (int, error) {
	client := c.Nodes[0].Client()
	defer func() { _ = client.Close() }()
	ranges, err := client.ClusterSlots(ctx).Result() //nolint:staticcheck // Redis 6.2 has no CLUSTER SHARDS
	if err != nil {
		return 0, err
	}
	for _, r := range ranges {
		if r.Start <= slot && slot <= r.End && len(r.Nodes) > 0 {
			for i, id := range c.ids {
				if id == r.Nodes[0].ID {
					return i, nil
				}
			}
		}
	}
	return 0, fmt.Errorf("no node owns slot %d", slot)
}

// MoveSlot moves a slot to a node, key by key, as operators' tools do. If between is not
// nil, MoveSlot calls it after each key, while both nodes hold keys of the slot.
func (c *Cluster) MoveSlot(ctx context.Context, slot, to int, between func(ctx context.Context) error) error {
	from, err := c.Owner(ctx, slot)
	if err != nil || from == to {
		return err
	}
	source, target := c.Nodes[from].Client(), c.Nodes[to].Client()
	defer func() { _, _ = source.Close(), target.Close() }()
	if err := target.Do(ctx, "CLUSTER", "SETSLOT", slot, "IMPORTING", c.ids[from]).Err(); err != nil {
		return fmt.Errorf("import slot %d: %w", slot, err)
	}
	if err := source.Do(ctx, "CLUSTER", "SETSLOT", slot, "MIGRATING", c.ids[to]).Err(); err != nil {
		return fmt.Errorf("migrate slot %d: %w", slot, err)
	}
	for {
		keys, err := source.ClusterGetKeysInSlot(ctx, slot, 1).Result()
		if err != nil {
			return fmt.Errorf("list slot %d: %w", slot, err)
		}
		if len(keys) == 0 {
			break
		}
		if err := source.Migrate(ctx, "127.0.0.1", c.Nodes[to].port, keys[0], 0, c.Nodes[to].timeout).Err(); err != nil {
			return fmt.Errorf("move a key of slot %d: %w", slot, err)
		}
		if between != nil {
			if err := between(ctx); err != nil {
				return err
			}
		}
	}
	// Inform the new owner first: the old owner would redirect clients to it too early.
	order := []*Instance{c.Nodes[to]}
	for i, node := range c.Nodes {
		if i != to {
			order = append(order, node)
		}
	}
	for _, node := range order {
		if err := node.Do(ctx, "CLUSTER", "SETSLOT", slot, "NODE", c.ids[to]); err != nil {
			return fmt.Errorf("assign slot %d: %w", slot, err)
		}
	}
	return nil
}

// Close stops all nodes and removes their data.
func (c *Cluster) Close() error {
	var problems []error
	for _, node := range c.Nodes {
		problems = append(problems, node.Close())
	}
	return errors.Join(problems...)
}
