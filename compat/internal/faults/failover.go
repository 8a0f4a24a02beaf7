package faults

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/compat/internal/proxy"
	"github.com/remote-events/remote-events/compat/internal/redisserver"
	"github.com/remote-events/remote-events/go/remoteevent"
)

// pair starts a primary with a replica.
func pair(ctx context.Context) (primary, replica *redisserver.Instance, err error) {
	// The replica also writes to disk, because the scenario may stop it next.
	primary, err = redisserver.StartInstance(ctx, redisserver.Options{Settings: redisserver.Durable()})
	if err != nil {
		return nil, nil, err
	}
	replica, err = redisserver.StartInstance(ctx, redisserver.Options{Settings: redisserver.Durable()})
	if err == nil {
		err = replica.Follow(ctx, primary.Addr())
	}
	if err != nil {
		err = errors.Join(err, primary.Close())
		if replica != nil {
			err = errors.Join(err, replica.Close())
		}
		return nil, nil, err
	}
	return primary, replica, nil
}

// unreplicated is the minimum number of events that are handled but not replicated at a
// promotion.
const unreplicated = 20

// promotion makes the replica the primary and the primary its replica, while events flow.
// Commands on existing connections get the error READONLY. New connections reach the new
// primary, which lacks the latest writes. Redis guarantees only replicated events, so only
// these count as promised.
func promotion(ctx context.Context, size Size) (figures Figures, err error) {
	primary, replica, err := pair(ctx)
	if err != nil {
		return figures, err
	}
	defer func() { err = errors.Join(err, primary.Close(), replica.Close()) }()
	address, err := proxy.Start(ctx, primary.Addr())
	if err != nil {
		return figures, err
	}
	defer func() { err = errors.Join(err, address.Close()) }()
	link, err := proxy.Start(ctx, primary.Addr())
	if err != nil {
		return figures, err
	}
	defer func() { err = errors.Join(err, link.Close()) }()
	if err := replica.Follow(ctx, link.Addr()); err != nil {
		return figures, err
	}
	client := redis.NewClient(&redis.Options{Addr: address.Addr()})
	defer func() { _ = client.Close() }()
	f := newFlow(ctx, size, "promotion", "promotion too")
	// A part of a claim has been handled then.
	f.work, f.backlog = 50*time.Millisecond, 10*unreplicated
	defer f.stop()
	for range 2 {
		if err := f.receive(client, remoteevent.WithLease(lease)); err != nil {
			return figures, err
		}
	}
	for range 16 {
		f.send(replicated(client))
	}
	for range size.Rounds {
		if err := f.flowFor(ctx, size.Events); err != nil {
			return figures, err
		}
		if err := f.until(ctx, func() bool { return len(f.promised)-len(f.handled) >= 2*unreplicated }); err != nil {
			return figures, err
		}
		link.Set(proxy.Condition{Silent: true})
		if err := errors.Join(f.flowFor(ctx, unreplicated), replica.Promote(ctx)); err != nil {
			return figures, err
		}
		address.Target(replica.Addr())
		link.Target(replica.Addr())
		link.Cut()
		link.Set(proxy.Condition{})
		if err := primary.Follow(ctx, link.Addr()); err != nil {
			return figures, err
		}
		primary, replica = replica, primary
		if err := f.flowsAgain(ctx); err != nil {
			return figures, err
		}
	}
	return f.finish(ctx, client)
}

// sentinel makes a Sentinel fail over while events flow, alternately on request and because
// the primary is killed. Only replicated events count as promised.
func sentinel(ctx context.Context, size Size) (figures Figures, err error) {
	primary, replica, err := pair(ctx)
	if err != nil {
		return figures, err
	}
	defer func() { err = errors.Join(err, primary.Close(), replica.Close()) }()
	watcher, err := redisserver.StartSentinel(ctx, primary, time.Second)
	if err != nil {
		return figures, err
	}
	defer func() { err = errors.Join(err, watcher.Close()) }()
	client := watcher.Client()
	defer func() { _ = client.Close() }()
	f := newFlow(ctx, size, "sentinel", "sentinel too")
	defer f.stop()
	for range 2 {
		if err := f.receive(client, remoteevent.WithLease(lease)); err != nil {
			return figures, err
		}
	}
	for range 4 {
		f.send(replicated(client))
	}
	for round := range size.Rounds {
		if err := f.flowFor(ctx, size.Events); err != nil {
			return figures, err
		}
		if round%2 == 0 {
			err = errors.Join(primary.Kill(), watcher.Await(ctx, replica), primary.Start(ctx))
		} else {
			err = watcher.Failover(ctx, replica)
		}
		primary, replica = replica, primary
		if err == nil {
			err = f.flowsAgain(ctx) // by then the old primary is a replica
		}
		if err != nil {
			return figures, err
		}
	}
	return f.finish(ctx, client)
}
