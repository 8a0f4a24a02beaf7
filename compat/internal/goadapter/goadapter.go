// Package goadapter is the adapter of the Go library. It uses the public API of the
// library only.
package goadapter

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/compat/internal/protocol"
	"github.com/remote-events/remote-events/go/remoteevent"
	"github.com/remote-events/remote-events/go/wire"
)

// Run serves the adapter protocol until the input ends or a request stops it.
func Run(ctx context.Context, redisURL, version string, in io.Reader, out, diagnostics io.Writer) error {
	options, err := redis.ParseURL(redisURL)
	if err != nil {
		return errors.New("REDIS_URL is not a valid URL of Redis")
	}
	// A Redis that is busy with messages of 64 MiB may need seconds for a reply.
	options.ReadTimeout, options.WriteTimeout = 30*time.Second, 30*time.Second
	client := redis.NewClient(options)
	defer client.Close()
	log := slog.New(slog.NewTextHandler(diagnostics, nil))
	sender, err := remoteevent.NewSender(client, remoteevent.WithLogger(log))
	if err != nil {
		return err
	}
	return protocol.Serve(ctx, in, out, &adapter{version: version, client: client, log: log, sender: sender})
}

// adapter is a sender and a receiver of the library.
type adapter struct {
	version   string
	client    *redis.Client
	log       *slog.Logger
	sender    *remoteevent.Sender
	receiving sync.WaitGroup
}

func (a *adapter) Identity() protocol.Identity {
	return protocol.Identity{Name: "go", Version: a.version, Classes: []protocol.Class{
		protocol.LegacySafeSender, protocol.Receiver, protocol.ReliableReceiver, protocol.Validator, protocol.Converter, protocol.ConfigurationReader,
	}}
}

func (a *adapter) Send(ctx context.Context, message protocol.Message) error {
	return a.sender.Forward(ctx, wire.Envelope{
		EventName: message.EventName,
		Payload:   json.RawMessage(message.PayloadText),
		Metadata: wire.Metadata{
			Signals:    message.Chain(),
			Attributes: message.Metadata,
		},
	})
}

// Wait waits for the receiver's shutdown.
func (a *adapter) Wait() { a.receiving.Wait() }

func (a *adapter) Receive(ctx context.Context, reception protocol.Reception, report func(protocol.Observation) error) error {
	mux, err := remoteevent.NewMux()
	if err != nil {
		return err
	}
	for _, signal := range reception.Signals {
		err := mux.Listen(signal, func(_ context.Context, d *remoteevent.Delivery) error {
			attributes := maps.Clone(d.Envelope().Metadata.Attributes)
			if attributes == nil {
				attributes = map[string]string{} // reports that there are none
			}
			err := report(protocol.Event{Signal: signal, EventName: d.Envelope().EventName, Signals: d.Envelope().Metadata.Signals, PayloadText: string(d.Payload()), Metadata: attributes})
			if failure, ok := errors.AsType[*protocol.ListenerError](err); ok && failure.Permanent {
				return remoteevent.Permanent(failure)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	options := []remoteevent.ReceiverOption{remoteevent.WithQueues(reception.Queues...), remoteevent.WithLogger(a.log)}
	receiver, err := remoteevent.NewReceiver(a.client, mux, append(options, delivery(reception.Reliable)...)...)
	if err != nil {
		return err
	}
	a.receiving.Go(func() {
		if err := receiver.Run(ctx); err != nil {
			for _, queue := range reception.Queues {
				_ = report(protocol.Died{Queue: queue, Error: err.Error()})
			}
		}
	})
	return nil
}

// lastRetry is the longest delay of a retry, which REL-21 recommends.
const lastRetry = 10 * time.Minute

// delivery returns the options of a receiver: at most once if reliable is nil.
func delivery(reliable *protocol.Reliable) []remoteevent.ReceiverOption {
	if reliable == nil {
		return []remoteevent.ReceiverOption{remoteevent.WithAtMostOnce()}
	}
	retry := time.Duration(reliable.RetryMS) * time.Millisecond
	return []remoteevent.ReceiverOption{
		remoteevent.WithLease(time.Duration(reliable.LeaseMS) * time.Millisecond),
		remoteevent.WithMaxAttempts(reliable.MaxAttempts),
		remoteevent.WithBackoff(retry, max(retry, lastRetry)),
	}
}
