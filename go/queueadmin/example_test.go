package queueadmin_test

import (
	"context"
	"fmt"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/queueadmin"
)

// embedded starts a Redis in the process. Programs connect to theirs instead.
func embedded() (client *redis.Client, stop func()) {
	server, err := miniredis.Run()
	if err != nil {
		panic(err)
	}
	client = redis.NewClient(&redis.Options{Addr: server.Addr()})
	return client, func() {
		_ = client.Close()
		server.Close()
	}
}

func ExampleQueue_Stats() {
	client, stop := embedded()
	defer stop()
	ctx := context.Background()
	client.LPush(ctx, "new_file_event", `{"data": {"path": "/uploads/video1.mp4"}, "signals": ["new_file_event"]}`)

	queue, err := queueadmin.Open(client, "new_file_event")
	if err != nil {
		panic(err)
	}
	stats, err := queue.Stats(ctx)
	if err != nil {
		panic(err)
	}
	fmt.Printf("%d queued, %d leased, %d retrying, %d dead\n", stats.Queued, stats.Leased, stats.Retrying, stats.Dead)
	// Output: 1 queued, 0 leased, 0 retrying, 0 dead
}

func ExampleQueue_Peek() {
	client, stop := embedded()
	defer stop()
	ctx := context.Background()
	client.LPush(ctx, "new_file_event", `{"data": {"path": "/uploads/video1.mp4"}, "signals": ["new_file_event"]}`)

	queue, err := queueadmin.Open(client, "new_file_event")
	if err != nil {
		panic(err)
	}
	for message, err := range queue.Peek(ctx, 10) {
		if err != nil {
			panic(err)
		}
		fmt.Printf("%s, attempts: %d: %s\n", message.State, message.Attempts, message.Raw)
	}
	// Output: queued, attempts: 0: {"data": {"path": "/uploads/video1.mp4"}, "signals": ["new_file_event"]}
}

// Requeue the dead letters whose listener failed, and leave the malformed ones.
func ExampleQueue_Requeue() {
	client, stop := embedded()
	defer stop()
	ctx := context.Background()
	queue, err := queueadmin.Open(client, "new_file_event")
	if err != nil {
		panic(err)
	}
	_, err = queue.Import(ctx,
		queueadmin.DeadLetter{
			Raw:  []byte(`{"data": {"path": "/uploads/video1.mp4"}, "signals": ["new_file_event"]}`),
			Code: queueadmin.CodeFailed, Error: "the disk is full", Attempts: 5,
		},
		queueadmin.DeadLetter{Raw: []byte(`{`), Code: queueadmin.CodeMalformed, Error: "not JSON", Attempts: 1},
	)
	if err != nil {
		panic(err)
	}

	var failed []string
	for letter, err := range queue.DeadLetters(ctx) {
		if err != nil {
			panic(err)
		}
		fmt.Printf("%s after %d attempts: %s\n", letter.Code, letter.Attempts, letter.Error)
		if letter.Code == queueadmin.CodeFailed {
			failed = append(failed, letter.ID)
		}
	}
	missing, err := queue.Requeue(ctx, failed...)
	if err != nil {
		panic(err)
	}
	stats, err := queue.Stats(ctx)
	if err != nil {
		panic(err)
	}
	fmt.Printf("requeued %d; %d queued, %d dead\n", len(failed)-len(missing), stats.Queued, stats.Dead)
	// Output:
	// failed after 5 attempts: the disk is full
	// malformed after 1 attempts: not JSON
	// requeued 1; 1 queued, 1 dead
}

func ExampleRule() {
	rule, err := queueadmin.Rule(queueadmin.Sender, "new_file_event", "file_event")
	if err != nil {
		panic(err)
	}
	fmt.Println("ACL SETUSER upload on >password", rule)
	// Output: ACL SETUSER upload on >password ~new_file_event ~file_event +lpush
}
