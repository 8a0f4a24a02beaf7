package faults

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/compat/internal/redisserver"
)

// startUp starts senders and receivers before Redis. They wait while Redis loads its data.
func startUp(ctx context.Context, size Size) (figures Figures, err error) {
	server, err := redisserver.StartInstance(ctx, redisserver.Options{Settings: []string{
		// The server loads long enough for the test, and replies meanwhile.
		"key-load-delay 10000", "loading-process-events-interval-bytes 1024",
	}})
	if err != nil {
		return figures, err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	if err := populate(ctx, server); err != nil {
		return figures, err
	}
	if err := server.Kill(); err != nil {
		return figures, err
	}
	client := redis.NewClient(&redis.Options{Addr: server.Addr()})
	defer func() { _ = client.Close() }()
	f, err := startFlow(ctx, size, client, "start")
	if err != nil {
		return figures, err
	}
	defer f.stop()
	if err := f.until(ctx, func() bool { return f.failedSends >= 3 }); err != nil {
		return figures, fmt.Errorf("senders return no error without Redis: %w", err)
	}
	started := make(chan error, 1)
	go func() { started <- server.Start(ctx) }()
	if err := f.until(ctx, func() bool { return f.loading >= 3 }); err != nil {
		return figures, fmt.Errorf("senders return no error while Redis loads: %w", errors.Join(err, <-started))
	}
	if err := errors.Join(server.Do(ctx, "CONFIG", "SET", "key-load-delay", 0), <-started, f.flowsAgain(ctx), f.flowFor(ctx, size.Events)); err != nil {
		return figures, err
	}
	return f.finish(ctx, client)
}

// populate makes the server write a snapshot of unused keys that takes about a minute to
// load with the delay of startUp.
func populate(ctx context.Context, server *redisserver.Instance) error {
	client := server.Client()
	defer func() { _ = client.Close() }()
	pipeline := client.Pipeline()
	for i := range 6000 {
		pipeline.Set(ctx, fmt.Sprint("a key of nobody ", i), strings.Repeat("x", 100), 0)
	}
	pipeline.Save(ctx)
	_, err := pipeline.Exec(ctx)
	return err
}
