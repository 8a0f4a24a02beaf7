package remoteevent_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/remoteevent"
)

// outcomes is a hook that reports what happens to events. Like every hook, it
// implements the interfaces of what it wants to observe, and no others.
type outcomes struct{ handled chan remoteevent.HandledInfo }

func (outcomes) OnSent(_ context.Context, info remoteevent.SentInfo) {
	fmt.Println("sent", info.Event, info.Outcome)
}

func (o outcomes) OnHandled(_ context.Context, info remoteevent.HandledInfo) { o.handled <- info }

// One hook observes a sender and a receiver, for metrics or an audit log.
func ExampleWithHooks() {
	server, err := miniredis.Run() // in an application: a Redis server
	if err != nil {
		panic(err)
	}
	defer server.Close()
	client := redis.NewClient(&redis.Options{Addr: server.Addr()})
	defer client.Close()
	hook := outcomes{make(chan remoteevent.HandledInfo, 10)}

	mux := new(remoteevent.Mux)
	if err := remoteevent.Handle(mux, func(_ context.Context, e FileEvent) error {
		if e.Path == "" {
			return remoteevent.Permanent(errors.New("the file has no path"))
		}
		return nil
	}); err != nil {
		panic(err)
	}
	receiver, err := remoteevent.NewReceiver(client, mux, remoteevent.WithHooks(hook), remoteevent.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		panic(err)
	}
	sender, err := remoteevent.NewSender(client, remoteevent.WithHooks(hook))
	if err != nil {
		panic(err)
	}
	if err := sender.SendBatch(context.Background(), FileEvent{"/uploads/video1.mp4"}, FileEvent{}); err != nil {
		panic(err)
	}

	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- receiver.Run(ctx) }()
	for range 2 {
		info := <-hook.handled
		fmt.Printf("handled %s: %s %q\n", info.Event, info.Disposition, info.Code)
	}
	cancel()
	if err := <-done; err != nil {
		panic(err)
	}
	// Output:
	// sent file_event stored
	// sent file_event stored
	// handled file_event: acknowledged ""
	// handled file_event: dead-lettered "permanent"
}
