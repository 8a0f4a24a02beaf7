// The sender dispatches a new_file_event for each path that it is given.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/remoteevent"
)

// NewFileEvent is the event of the original's README. Its fields are its
// payload.
type NewFileEvent struct {
	Path string `json:"path"`
}

// EventName is also the name of the list in Redis.
func (NewFileEvent) EventName() string { return "new_file_event" }

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: sender PATH…")
		os.Exit(2)
	}
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "sender:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, paths []string) error {
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

	sender, err := remoteevent.NewSender(client)
	if err != nil {
		return err
	}
	for _, path := range paths {
		if err := sender.Send(ctx, NewFileEvent{Path: path}); err != nil {
			return err
		}
		fmt.Println("sent", path)
	}
	return nil
}
