package faults

import (
	"context"
	"errors"
	"time"

	"github.com/remote-events/remote-events/compat/internal/redisserver"
)

// nodes is the number of primaries of a cluster.
const nodes = 3

// clusterQueues returns queues in different slots.
func clusterQueues() []string { return []string{"slot", "日本 {x}", "foo}bar", "{}x"} }

// slotMigration moves the slots of queues between nodes, key by key, while events flow.
// Claims may pause, but must resume.
func slotMigration(ctx context.Context, size Size) (figures Figures, err error) {
	cluster, err := redisserver.StartCluster(ctx, redisserver.Options{}, nodes)
	if err != nil {
		return figures, err
	}
	defer func() { err = errors.Join(err, cluster.Close()) }()
	client := cluster.Client()
	defer func() { _ = client.Close() }()
	f, err := startFlow(ctx, size, client, clusterQueues()...)
	if err != nil {
		return figures, err
	}
	defer f.stop()
	for range size.Rounds {
		for i, queue := range clusterQueues() {
			step := 20 * time.Millisecond
			if i == 0 { // this slot is split over two nodes for longer than a lease
				step = lease + lease/2
			}
			if err := f.flowFor(ctx, size.Events); err != nil {
				return figures, err
			}
			slot, err := client.ClusterKeySlot(ctx, queue).Result()
			if err != nil {
				return figures, err
			}
			from, err := cluster.Owner(ctx, int(slot))
			if err != nil {
				return figures, err
			}
			err = cluster.MoveSlot(ctx, int(slot), (from+1)%nodes, func(ctx context.Context) error {
				pause(ctx, step)
				step = 20 * time.Millisecond
				return ctx.Err()
			})
			if err != nil {
				return figures, err
			}
			if err := f.flowsAgain(ctx); err != nil {
				return figures, err
			}
		}
	}
	return f.finish(ctx, client)
}

// nodeRestart stops and restarts the nodes of a cluster one after the other, while events
// flow. Only the queues of the stopped node may pause.
func nodeRestart(ctx context.Context, size Size) (figures Figures, err error) {
	settings := append(redisserver.Durable(), "cluster-require-full-coverage no")
	cluster, err := redisserver.StartCluster(ctx, redisserver.Options{Settings: settings}, nodes)
	if err != nil {
		return figures, err
	}
	defer func() { err = errors.Join(err, cluster.Close()) }()
	client := cluster.Client()
	defer func() { _ = client.Close() }()
	f, err := startFlow(ctx, size, client, clusterQueues()...)
	if err != nil {
		return figures, err
	}
	defer f.stop()
	for round := range size.Rounds {
		if err := f.flowFor(ctx, size.Events); err != nil {
			return figures, err
		}
		node := cluster.Nodes[round%nodes]
		if err := errors.Join(node.Kill(), node.Start(ctx), cluster.Agree(ctx), f.flowsAgain(ctx)); err != nil {
			return figures, err
		}
	}
	return f.finish(ctx, client)
}
