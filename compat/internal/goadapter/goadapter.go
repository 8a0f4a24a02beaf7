// Package goadapter is the adapter of the Go library. It uses what any
// importer of the library would.
package goadapter

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"sync"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/remoteevent"
	"github.com/remote-events/remote-events/go/wire"
)

// message is a line of the adapter protocol, in either direction.
type message struct {
	Op       string            `json:"op"`
	ID       int               `json:"id"`
	Protocol int               `json:"protocol,omitempty"`
	Error    string            `json:"error,omitempty"`
	Name     string            `json:"name,omitempty"`
	Version  string            `json:"version,omitempty"`
	Roles    []string          `json:"roles,omitempty"`
	Details  map[string]string `json:"details,omitempty"`

	EventName   string            `json:"event_name,omitempty"`
	Parents     []string          `json:"parents,omitempty"`
	PayloadText string            `json:"payload_text,omitempty"`
	Metadata    map[string]string `json:"metadata,omitempty"`

	Queues  []string `json:"queues,omitempty"`
	Signals []string `json:"signals,omitempty"`
	Queue   string   `json:"queue,omitempty"`
}

// event is the line of a listener's call. Nothing of it is left out where it is
// empty: the empty string is the name of an event, too.
type event struct {
	Op          string            `json:"op"`
	Signal      string            `json:"signal"`
	Signals     []string          `json:"signals"`
	PayloadText string            `json:"payload_text"`
	Metadata    map[string]string `json:"metadata"`
}

// Run serves the adapter protocol until the input ends or says stop.
func Run(ctx context.Context, redisURL, version string, in io.Reader, out, diagnostics io.Writer) error {
	options, err := redis.ParseURL(redisURL)
	if err != nil {
		return errors.New("REDIS_URL is no URL of a Redis")
	}
	client := redis.NewClient(options)
	defer client.Close()
	log := slog.New(slog.NewTextHandler(diagnostics, nil))
	sender, err := remoteevent.NewSender(client, remoteevent.WithLogger(log))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	a := adapter{version: version, client: client, log: log, sender: sender, out: json.NewEncoder(out)}
	defer a.receiving.Wait()
	defer cancel()
	return a.serve(ctx, in)
}

type adapter struct {
	version   string
	client    *redis.Client
	log       *slog.Logger
	sender    *remoteevent.Sender
	received  bool // the op receive was served
	receiving sync.WaitGroup

	mu  sync.Mutex // listeners of several queues report
	out *json.Encoder
}

func (a *adapter) serve(ctx context.Context, in io.Reader) error {
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		var request message
		if err := json.Unmarshal(line, &request); err != nil {
			return a.emit(message{Op: "failed", Error: "the line is no JSON object"})
		}
		answer := message{ID: request.ID}
		switch request.Op {
		case "hello":
			answer = message{Op: "hello", Protocol: 1, Name: "go", Version: a.version, Roles: []string{"send", "receive"}}
		case "send":
			answer.Op, err = "sent", a.send(ctx, request)
		case "receive":
			answer.Op, err = "ready", a.receive(ctx, request)
		case "stop":
			return nil
		default:
			err = errors.New("unknown op")
		}
		if err != nil {
			answer = message{Op: "failed", ID: request.ID, Error: err.Error()}
		}
		if err := a.emit(answer); err != nil {
			return err
		}
	}
}

func (a *adapter) send(ctx context.Context, request message) error {
	return a.sender.Forward(ctx, wire.Envelope{
		EventName: request.EventName,
		Payload:   json.RawMessage(request.PayloadText),
		Metadata: wire.Metadata{
			Signals:    wire.Chain(request.EventName, request.Parents...),
			Attributes: request.Metadata,
		},
	})
}

func (a *adapter) receive(ctx context.Context, request message) error {
	if a.received {
		return errors.New("receive is served once")
	}
	a.received = true
	mux, err := remoteevent.NewMux()
	if err != nil {
		return err
	}
	for _, signal := range request.Signals {
		err := mux.Listen(signal, func(_ context.Context, d *remoteevent.Delivery) error {
			attributes := maps.Clone(d.Envelope().Metadata.Attributes)
			if attributes == nil {
				attributes = map[string]string{} // there are none, and that is reported
			}
			return a.emit(event{
				Op: "event", Signal: signal, Signals: d.Envelope().Metadata.Signals,
				PayloadText: string(d.Payload()), Metadata: attributes,
			})
		})
		if err != nil {
			return err
		}
	}
	receiver, err := remoteevent.NewReceiver(a.client, mux,
		remoteevent.WithQueues(request.Queues...), remoteevent.WithAtMostOnce(), remoteevent.WithLogger(a.log))
	if err != nil {
		return err
	}
	a.receiving.Go(func() {
		if err := receiver.Run(ctx); err != nil {
			for _, queue := range request.Queues {
				_ = a.emit(message{Op: "died", Queue: queue, Error: err.Error()})
			}
		}
	})
	return nil
}

func (a *adapter) emit(m any) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.out.Encode(m)
}
