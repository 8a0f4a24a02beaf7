// The receiver prints every new_file_event until it is interrupted.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/remoteevent"
)

// NewFileEvent may be the sender's type, or another of the same name.
type NewFileEvent struct {
	Path string `json:"path"`
}

// EventName is also the name of the list in Redis.
func (NewFileEvent) EventName() string { return "new_file_event" }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "receiver:", err)
		os.Exit(1) //nolint:gocritic // nothing is left to be done
	}
}

func run(ctx context.Context) error {
	url := os.Getenv("REDIS_URL")
	if url == "" {
		url = "redis://localhost:6379/0"
	}
	options, err := redis.ParseURL(url)
	if err != nil {
		return err
	}
	client := redis.NewClient(options)
	defer client.Close()

	mux, err := remoteevent.NewMux()
	if err != nil {
		return err
	}
	err = remoteevent.Handle(mux, func(_ context.Context, event NewFileEvent) error {
		fmt.Println("New file received", event.Path)
		return nil
	})
	if err != nil {
		return err
	}
	receiver, err := remoteevent.NewReceiver(client, mux)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "waiting for new_file_event in Redis at %s; Ctrl-C ends\n", options.Addr)
	return receiver.Run(ctx)
}
