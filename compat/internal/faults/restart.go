package faults

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/compat/internal/redisserver"
	"github.com/remote-events/remote-events/go/remoteevent"
)

// lease is short, so that events of a dead receiver are soon delivered again.
const lease = time.Second

// restart stops Redis, alternately with SIGKILL and in good order, and starts it again with
// its data on disk, while events flow.
func restart(ctx context.Context, size Size) (figures Figures, err error) {
	server, client, f, end, err := startAlone(ctx, size, redisserver.Options{Settings: redisserver.Durable()}, "restart", "restart 日本 {x}")
	if err != nil {
		return figures, err
	}
	defer func() { err = errors.Join(err, end()) }()
	for round := range size.Rounds {
		if err := f.flowFor(ctx, size.Events); err != nil {
			return figures, err
		}
		end := server.Kill
		if round%2 == 1 {
			end = server.Terminate
		}
		if err := errors.Join(end(), server.Start(ctx)); err != nil {
			return figures, err
		}
		if err := f.flowsAgain(ctx); err != nil {
			return figures, err
		}
	}
	return f.finish(ctx, client)
}

// startFlow starts a flow with four senders and two receivers.
func startFlow(ctx context.Context, size Size, client redis.UniversalClient, queues ...string) (*flow, error) {
	f := newFlow(ctx, size, queues...)
	for range 2 {
		if err := f.receive(client, remoteevent.WithLease(lease)); err != nil {
			f.stop()
			return nil, err
		}
	}
	if err := f.sendPlainly(client, 4); err != nil {
		f.stop()
		return nil, err
	}
	return f, nil
}
