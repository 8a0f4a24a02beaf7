// The app sends a new_file_event for each path that it is given, and handles
// new files until it is interrupted, beside app.py, which reads the same
// configuration.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/config"
	"github.com/remote-events/remote-events/go/remoteevent"
)

// NewFileEvent is the event that app.py declares.
type NewFileEvent struct {
	Path string `json:"path"`
}

// EventName is also the name of the list in Redis.
func (NewFileEvent) EventName() string { return "new_file_event" }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "app:", err)
		os.Exit(1) //nolint:gocritic // nothing is left to be done
	}
}

func run(ctx context.Context, paths []string) error {
	settings, err := config.Load("config/config.yml")
	if err != nil {
		return err
	}
	for _, warning := range settings.Warnings {
		fmt.Fprintln(os.Stderr, "app:", warning)
	}
	options, err := settings.Redis.Options()
	if err != nil {
		return err
	}
	client := redis.NewClient(options)
	defer client.Close()

	sender, err := remoteevent.NewSender(client)
	if err != nil {
		return err
	}
	for _, path := range paths {
		if err := sender.Send(ctx, NewFileEvent{Path: path}); err != nil {
			return err
		}
		fmt.Println("go sent", path)
	}

	mux, err := remoteevent.NewMux()
	if err != nil {
		return err
	}
	err = remoteevent.Handle(mux, func(_ context.Context, event NewFileEvent) error {
		fmt.Println("go handled", event.Path)
		return nil
	})
	if err != nil {
		return err
	}
	receiver, err := remoteevent.NewReceiver(client, mux, remoteevent.WithQueues(settings.RemoteEvent.Events...))
	if err != nil {
		return err
	}
	fmt.Println("go is ready")
	return receiver.Run(ctx)
}
