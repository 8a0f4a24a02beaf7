package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/spf13/cobra"

	"github.com/remote-events/remote-events/go/queueadmin"
	"github.com/remote-events/remote-events/go/remoteevent"
	"github.com/remote-events/remote-events/go/wire"
)

func (a *app) relayCommand() *cobra.Command {
	var lease time.Duration
	command := &cobra.Command{
		Use:     "relay SOURCE DESTINATION…",
		GroupID: groupEvents,
		Short:   "Copy the events of a queue to other queues",
		Long: `Take events from the queue SOURCE and send each to every queue DESTINATION,
until Ctrl-C. Each DESTINATION has consumers of its own: an application that
needs every event consumes its own queue.

At DESTINATION, an event has the name DESTINATION, and its former name is the
first parent. Listeners of the former name receive it as before, in originals
too. The payload and the attributes do not change.

Delivery is at least once. The command acknowledges an event after every
DESTINATION has it. If it is killed before, the next relay sends the event
again, even to a DESTINATION that has it already: the attribute id is the same.

An event that no sender may send, such as one with NaN, becomes a dead letter of
SOURCE. So does one that already has the signal DESTINATION: it is in a loop of
relays.`,
		Example: `  remote-event relay order order.billing order.mail
  remote-event dead ls order`,
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	command.Flags().DurationVar(&lease, "lease", 30*time.Second, "time after a crash until another relay gets an event")
	command.RunE = func(cmd *cobra.Command, names []string) error {
		if lease < 100*time.Millisecond {
			return usageError("--lease must be at least 100ms")
		}
		if len(names) < 2 {
			return withHint(usageError("name a source and at least one destination"), "remote-event relay order order.billing order.mail")
		}
		if err := checkRelay(names[0], names[1:]); err != nil {
			return err
		}
		return a.relay(cmd.Context(), names[0], names[1:], lease)
	}
	return command
}

// checkRelay rejects names to which no event can be relayed.
func checkRelay(source string, destinations []string) error {
	for i, name := range destinations {
		if name == source {
			return usageError(fmt.Sprintf("the destination %s is the source", named(name)))
		}
		if slices.Contains(destinations[:i], name) {
			return usageError(fmt.Sprintf("the destination %s is named twice", named(name)))
		}
		if _, _, err := wire.Encode(wire.Envelope{EventName: name, Payload: []byte("{}")}, wire.Limits{}); err != nil {
			return usageError(err.Error())
		}
	}
	return nil
}

func (a *app) relay(ctx context.Context, source string, destinations []string, lease time.Duration) error {
	configuration, err := a.configuration(ctx)
	if errors.Is(err, errInterrupted) {
		return nil
	}
	if err != nil {
		return err
	}
	conn, err := a.connect(ctx, configuration)
	if errors.Is(err, errInterrupted) {
		return nil
	}
	if err != nil {
		return err
	}
	defer conn.close()
	if err := checkQueues(ctx, conn.client, []string{source}, queueadmin.ReceiverAtLeastOnce); err != nil {
		return a.redisError(ctx, &queues{connection: conn}, err)
	}
	if isTerminal(a.stderr) {
		fmt.Fprintf(a.stderr, "%s %s at %s; Ctrl-C stops it\n", a.coloursOf(a.stderr).green("relaying"), named(source), conn.target)
	}
	return runRelay(ctx, conn.client, source, destinations, lease, slog.New(unannounced{slog.NewTextHandler(redacted{a.stderr}, nil)}))
}

// runRelay relays events until ctx ends. It handles one event after another, so that
// destinations have the events in the order of the source.
func runRelay(ctx context.Context, client redis.UniversalClient, source string, destinations []string, lease time.Duration, log *slog.Logger) error {
	// The limit is that of receivers: whoever sent the event chose its length.
	sender, err := remoteevent.NewSender(client, remoteevent.WithoutMetadata(), remoteevent.WithMaxSendBytes(wire.DefaultReceiveBytes),
		remoteevent.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		return err
	}
	r := &relay{sender: sender, destinations: destinations, missing: map[string][]string{}}
	receiver, err := remoteevent.NewReceiver(client, remoteevent.HandlerFunc(r.handle),
		remoteevent.WithLogger(log), remoteevent.WithQueues(source), remoteevent.WithLease(lease))
	if err != nil {
		return err
	}
	return receiver.Run(ctx)
}

// relay sends each event to all destinations.
type relay struct {
	sender       *remoteevent.Sender
	destinations []string

	mu      sync.Mutex
	missing map[string][]string // by the id of a delivery that failed: the destinations that may not have its event
}

// maxMissing is the maximum number of failed deliveries whose missing destinations a relay
// stores. It sends the events of others to all destinations again.
const maxMissing = 10_000

// handle implements FAN-1 to FAN-5. An error keeps the event in the source: as a dead
// letter if it can never be sent, else as a retry.
func (r *relay) handle(ctx context.Context, d *remoteevent.Delivery) error {
	env := d.Envelope()
	destinations := r.remaining(d.ID)
	copies := make([]wire.Envelope, len(destinations))
	for i, name := range destinations {
		if slices.Contains(env.Metadata.Signals, name) {
			return remoteevent.Permanent(fmt.Errorf("the event already has the signal %q: it is in a loop of relays", name))
		}
		copies[i] = relayed(env, name)
	}
	err := r.sender.ForwardBatch(ctx, copies...)
	if err == nil {
		return nil
	}
	failed, ok := errors.AsType[*remoteevent.BatchError](err)
	if !ok {
		return err
	}
	var missing []string
	for i, result := range failed.Results {
		if _, unsafe := errors.AsType[*remoteevent.RejectedError](result.Err); unsafe {
			return remoteevent.Permanent(result.Err) // as at every other destination
		}
		if result.Outcome != remoteevent.Stored {
			missing = append(missing, destinations[i])
		}
	}
	r.keep(d, missing)
	return fmt.Errorf("relay to %q: %w", missing, err)
}

// remaining returns the destinations to which a delivery is to be sent.
func (r *relay) remaining(id string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	missing, ok := r.missing[id]
	if !ok {
		return r.destinations
	}
	delete(r.missing, id)
	return missing
}

// keep stores the destinations to which the next attempt must send.
func (r *relay) keep(d *remoteevent.Delivery, missing []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.missing) < maxMissing && !d.LastAttempt() {
		r.missing[d.ID] = missing
	}
}

// relayed returns an event as it is at a destination. Its name is the destination, so that
// it is safe there (SIG-1), and its former signals follow, so that their listeners
// receive it.
func relayed(env wire.Envelope, destination string) wire.Envelope {
	signals := []string{destination}
	for _, signal := range env.Metadata.Signals {
		base := signal == wire.SignalRemoteEvent || signal == wire.SignalEvent
		if !base && !wire.Reserved(signal) && !slices.Contains(signals, signal) {
			signals = append(signals, signal)
		}
	}
	env.EventName = destination
	signals = append(signals, wire.SignalRemoteEvent, wire.SignalEvent)
	env.Metadata.Signals = signals
	return env
}
