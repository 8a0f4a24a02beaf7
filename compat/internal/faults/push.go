package faults

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/remoteevent"
	"github.com/remote-events/remote-events/go/wire"
)

// push stores an event. Without an error, Redis has promised to keep it.
type push func(ctx context.Context, event wire.Envelope) error

// plainly returns a push with a sender of its own, because senders that share one combine
// their events in one command.
func plainly(client redis.UniversalClient) (push, error) {
	sender, err := remoteevent.NewSender(client)
	if err != nil {
		return nil, err
	}
	return sender.Forward, nil
}

// errNotReplicated reports that the primary has an event, and perhaps no replica.
var errNotReplicated = fmt.Errorf("no replica has it: %w", remoteevent.ErrUnknown)

// replicated returns a push that waits until a replica has the event. Only then the event
// is promised. Both commands use one connection, because WAIT refers to the writes of its
// own connection.
func replicated(client *redis.Client) push {
	return func(ctx context.Context, event wire.Envelope) error {
		message, _, err := wire.Encode(event, wire.Limits{})
		if err != nil {
			return err
		}
		pipeline := client.Pipeline()
		pipeline.LPush(ctx, event.EventName, message)
		replicas := pipeline.Do(ctx, "WAIT", 1, time.Second.Milliseconds())
		if _, err := pipeline.Exec(ctx); err != nil {
			return fmt.Errorf("%w: %w", remoteevent.ErrUnknown, err)
		}
		if n, err := replicas.Int(); n < 1 || err != nil {
			return errNotReplicated
		}
		return nil
	}
}
