package faults

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/remoteevent"
	"github.com/remote-events/remote-events/go/wire"
)

// push stores an event, and says whether Redis has promised to keep it.
type push func(ctx context.Context, event wire.Envelope) error

// plainly sends as everybody does, by a sender of its own: senders that share one join
// their events in one command.
func plainly(client redis.UniversalClient) (push, error) {
	sender, err := remoteevent.NewSender(client)
	if err != nil {
		return nil, err
	}
	return sender.Forward, nil
}

// errNotReplicated is that an event is in the primary, and perhaps nowhere else.
var errNotReplicated = fmt.Errorf("no replica has it: %w", remoteevent.ErrUnknown)

// replicated sends and waits until a replica has the event as well: what has not
// been replicated is promised by nobody. Both go over one connection, since WAIT
// speaks of what was written on its own.
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
