package faults

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/compat/internal/proxy"
	"github.com/remote-events/remote-events/compat/internal/redisserver"
	"github.com/remote-events/remote-events/go/remoteevent"
	"github.com/remote-events/remote-events/go/wire"
)

// repeats cuts the connections of senders that wait for replies. The senders repeat sends
// with an unknown outcome with the same id. Receivers with a deduplication window skip
// handled events, so that no event is handled twice.
func repeats(ctx context.Context, size Size) (figures Figures, err error) {
	server, err := redisserver.StartInstance(ctx, redisserver.Options{})
	if err != nil {
		return figures, err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	network, err := proxy.Start(ctx, server.Addr())
	if err != nil {
		return figures, err
	}
	defer func() { err = errors.Join(err, network.Close()) }()
	network.Set(proxy.Condition{Delay: 5 * time.Millisecond}) // so that many replies are in flight
	near := redis.NewClient(&redis.Options{Addr: server.Addr()})
	defer func() { _ = near.Close() }()
	far := redis.NewClient(&redis.Options{Addr: network.Addr()})
	defer func() { _ = far.Close() }()
	var mu sync.Mutex
	var unsure []wire.Envelope
	f := newFlow(ctx, size, "repeats")
	defer f.stop()
	for range 2 {
		if err := f.receive(near, remoteevent.WithDeduplication(time.Hour, 1_000_000)); err != nil {
			return figures, err
		}
	}
	for range 4 {
		store, err := plainly(far)
		if err != nil {
			return figures, err
		}
		f.send(func(ctx context.Context, event wire.Envelope) error {
			err := store(ctx, event)
			if errors.Is(err, remoteevent.ErrUnknown) {
				mu.Lock()
				defer mu.Unlock()
				unsure = append(unsure, event)
			}
			return err
		})
	}
	for range size.Rounds {
		if err := f.flowFor(ctx, size.Events); err != nil {
			return figures, err
		}
		network.CutClients()
		if err := f.flowsAgain(ctx); err != nil {
			return figures, err
		}
	}
	f.stopSending()
	f.sending.Wait()
	if _, err := f.drain(ctx, near); err != nil { // two concurrent copies would both be handled
		return figures, err
	}
	store, err := plainly(far)
	if err != nil {
		return figures, err
	}
	for _, event := range unsure {
		err := store(ctx, event)
		f.sent(event.Metadata.Attributes["id"], err)
		if err != nil {
			return figures, fmt.Errorf("repeat the send: %w", err)
		}
	}
	figures, err = f.finish(ctx, near)
	if err != nil {
		return figures, err
	}
	pushes, err := calls(ctx, near, "lpush")
	switch {
	case err != nil:
		return figures, err
	case pushes <= figures.Promised:
		return figures, errors.New("no event was pushed twice")
	case figures.Repeated > 0:
		return figures, fmt.Errorf("of %d events pushed twice, %d were handled twice", pushes-figures.Promised, figures.Repeated)
	}
	return figures, nil
}

// calls returns the number of calls of a command that Redis has executed.
func calls(ctx context.Context, client *redis.Client, command string) (int, error) {
	stats, err := client.Info(ctx, "commandstats").Result()
	if err != nil {
		return 0, err
	}
	found := regexp.MustCompile(`cmdstat_` + command + `:calls=(\d+)`).FindStringSubmatch(stats)
	if len(found) != 2 {
		return 0, fmt.Errorf("INFO has no number of calls of %s", command)
	}
	return strconv.Atoi(found[1])
}
