package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/spf13/cobra"

	"github.com/remote-events/remote-events/go/embeddedredis"
	"github.com/remote-events/remote-events/go/remoteevent"
	"github.com/remote-events/remote-events/go/wire"
)

// FileEvent reports a change of a file.
type FileEvent struct {
	Path string `json:"path"`
}

// EventName implements [remoteevent.Event].
func (FileEvent) EventName() string { return "file_event" }

// NewFileEvent is a child of FileEvent: listeners to FileEvent receive it too.
type NewFileEvent struct{ FileEvent }

// EventName implements [remoteevent.Event].
func (NewFileEvent) EventName() string { return "new_file_event" }

// Reading is the measurement of a sensor, or NaN if the sensor failed.
type Reading struct {
	Celsius float64 `json:"c"`
}

// EventName implements [remoteevent.Event].
func (Reading) EventName() string { return "probe" }

// The messages that the demo pushes without the library.
const (
	pythonMessage = `{"data": {"c": NaN}, "signals": ["probe", "remote_event", "event"]}`
	deadlyMessage = `{"data": {"path": "/uploads/lost.mp4"}}`
)

func (a *app) demoCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "demo",
		GroupID: groupStart,
		Short:   "Send and receive events through an embedded Redis",
		Long: `Send and receive events through an embedded Redis, and show the messages. Kill
a consumer, and show that none of its events is lost. The demo needs neither
Redis nor configuration, and leaves nothing behind.`,
		Example: "  remote-event demo",
		Args:    noSuchArgument,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.demo(cmd.Context()) },
	}
}

func (a *app) demo(ctx context.Context) error {
	server, err := embeddedredis.Listen("127.0.0.1:0")
	if err != nil {
		return err
	}
	defer func() { _ = server.Close() }()
	client := redis.NewClient(&redis.Options{Addr: server.Addr()})
	defer client.Close()

	d := demonstration{heard: make(chan hearing, 16)}
	if err := d.send(ctx, client); err != nil {
		return err
	}
	receiver, err := d.receiver(client)
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- receiver.Run(running) }()
	err = d.listen(ctx)
	stop()
	if err = errors.Join(err, <-ended); err != nil {
		return err
	}
	if err := d.kill(ctx, client); err != nil {
		return err
	}
	return a.print(d.summary(a.coloursOf(a.stdout), terminalWidth(a.stdout)))
}

// demonstration collects what the demo sent and received.
type demonstration struct {
	sent      string // the message of the first event in Redis
	heard     chan hearing
	listeners map[string][]string // called listeners, by the path or the name of the event
	survival  survival

	mu        sync.Mutex // guards the fields that the receiver writes
	envelopes []wire.Envelope
	log       bytes.Buffer
}

// hearing is one call of a listener.
type hearing struct{ listener, event string }

// send pushes four messages: two typed events, and two without the library.
func (d *demonstration) send(ctx context.Context, client *redis.Client) error {
	sender, err := remoteevent.NewSender(client)
	if err != nil {
		return err
	}
	if err := sender.Send(ctx, NewFileEvent{FileEvent{Path: "/uploads/video1.mp4"}}); err != nil {
		return err
	}
	if d.sent, err = client.LIndex(ctx, "new_file_event", -1).Result(); err != nil {
		return err
	}
	if err := client.LPush(ctx, "probe", pythonMessage).Err(); err != nil {
		return err
	}
	if err := client.LPush(ctx, "new_file_event", deadlyMessage).Err(); err != nil {
		return err
	}
	return sender.Send(ctx, NewFileEvent{FileEvent{Path: "/uploads/video2.mp4"}})
}

// receiver returns a receiver with three listeners. Two of them receive a
// NewFileEvent.
func (d *demonstration) receiver(client *redis.Client) (*remoteevent.Receiver, error) {
	mux, err := remoteevent.NewMux(remoteevent.WithMiddleware(d.record))
	if err != nil {
		return nil, err
	}
	err = errors.Join(
		remoteevent.Handle(mux, func(_ context.Context, e NewFileEvent) error {
			d.heard <- hearing{"Handle[NewFileEvent]", e.Path}
			return nil
		}),
		remoteevent.Handle(mux, func(_ context.Context, e FileEvent) error {
			d.heard <- hearing{"Handle[FileEvent]", e.Path}
			return nil
		}),
		remoteevent.Handle(mux, func(_ context.Context, e Reading) error {
			d.heard <- hearing{fmt.Sprintf("Handle[Reading], whose Celsius is %v", e.Celsius), e.EventName()}
			return nil
		}),
	)
	if err != nil {
		return nil, err
	}
	return remoteevent.NewReceiver(client, mux, remoteevent.WithLogger(slog.New(slog.NewJSONHandler(d, &slog.HandlerOptions{Level: slog.LevelWarn}))))
}

// record keeps the envelopes of received events.
func (d *demonstration) record(next remoteevent.HandlerFunc) remoteevent.HandlerFunc {
	return func(ctx context.Context, delivery *remoteevent.Delivery) error {
		d.mu.Lock()
		d.envelopes = append(d.envelopes, delivery.Envelope())
		d.mu.Unlock()
		return next(ctx, delivery)
	}
}

// Write receives the receiver's log.
func (d *demonstration) Write(entry []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.log.Write(entry)
}

// listen waits until every listener has received its events.
func (d *demonstration) listen(ctx context.Context) error {
	d.listeners = map[string][]string{}
	for range 5 { // two events with two listeners, and one with one
		select {
		case h := <-d.heard:
			d.listeners[h.event] = append(d.listeners[h.event], h.listener)
		case <-time.After(8 * time.Second):
			return errors.New("the events did not arrive")
		case <-ctx.Done():
			return errInterrupted
		}
	}
	return nil
}

// logged returns the first warning of the receiver's log.
func (d *demonstration) logged() string {
	var entry struct {
		Message string `json:"msg"`
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := json.NewDecoder(bytes.NewReader(d.log.Bytes())).Decode(&entry); err != nil {
		return "nothing"
	}
	return entry.Message
}

// envelope returns the envelope of the event with a name, as JSON.
func (d *demonstration) envelope(name string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, env := range d.envelopes {
		if env.EventName == name {
			text, _ := env.MarshalJSON() // a received envelope can be encoded
			return string(text)
		}
	}
	return ""
}

// summary describes the demonstration on one screen.
func (d *demonstration) summary(c colours, width int) string {
	var b strings.Builder
	row := func(label, text string) {
		for i, part := range wrap(text, width-11) {
			if i > 0 {
				label = ""
			}
			fmt.Fprintf(&b, "  %s %s\n", c.cyan(fmt.Sprintf("%-8s", label)), part)
		}
	}
	verdict := func(key, message string) {
		judged := wire.InspectFrom(key, []byte(message), wire.Limits{})
		worst := judged.Findings[0]
		row("verdict", fmt.Sprintf("%s; an original %s; [%s] %s",
			c.verdict(judged.Verdict), c.legacy(judged.Legacy), worst.Requirement, worst.Message))
	}
	hears := func(event string) string { return strings.Join(d.listeners[event], " and ") }

	fmt.Fprintf(&b, "%s a NewFileEvent, which is a child of FileEvent\n", c.bold("1 Sent in Go:"))
	row("key", "new_file_event")
	row("message", d.sent)
	row("envelope", spaced(d.envelope("new_file_event")))
	row("heard by", hears("/uploads/video1.mp4")+", its parent's")
	fmt.Fprintf(&b, "\n%s as a Python original sends it: no metadata, and a NaN\n", c.bold("2 Pushed by hand,"))
	row("key", "probe")
	row("message", pythonMessage)
	verdict("probe", pythonMessage)
	row("heard by", hears("probe"))
	fmt.Fprintf(&b, "\n%s a message that permanently ends an original receiver\n", c.bold("3 Pushed by hand,"))
	row("key", "new_file_event")
	row("message", deadlyMessage)
	verdict("new_file_event", deadlyMessage)
	row("Go log", d.logged())
	row("next", "video2.mp4, heard by "+hears("/uploads/video2.mp4"))
	fmt.Fprintf(&b, "\n%s while it handles %d events\n", c.bold("4 A consumer is killed"), len(d.survival.held))
	d.survival.summary(row)
	fmt.Fprintf(&b, "\n%s\n", c.bold("Next steps"))
	if _, err := exec.LookPath("python3"); err == nil {
		b.WriteString("  go tool compat run                 Go and the real originals, both ways\n")
	}
	b.WriteString("  go run ./go/cmd/remote-event dev   a Redis for your own events\n")
	return b.String()
}

// spaced adds spaces to JSON where a line may break.
func spaced(text string) string {
	return strings.NewReplacer(`","`, `", "`, `":{`, `": {`, `},"`, `}, "`, `],"`, `], "`).Replace(text)
}
