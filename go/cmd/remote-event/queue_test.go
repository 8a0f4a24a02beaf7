package main

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/redistest"
	"github.com/remote-events/remote-events/go/queueadmin"
	"github.com/remote-events/remote-events/go/remoteevent"
)

func TestQueueList(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		url := urlOfClient(client)
		invoke(t, "queue", "ls", "--redis", url).expect(t, exitNothing, "no queue")
		push(t, client, "x", message("x", 1), message("x", 2))
		importLetters(t, client, "日本 {x}", letter("x", "failed"))
		want := "  queued  staged  leased  retrying  dead  queue\n" +
			"       2       0       0         0     0  x\n" +
			"       0       0       0         0     1  \"日本 {x}\"\n"
		if r := invoke(t, "queue", "ls", "--redis", url).expect(t, exitDone); r.stdout != want {
			t.Errorf("got\n%s", r.stdout)
		}
		r := invoke(t, "queue", "ls", "none", "x", "-o", "ndjson", "--redis", url).expect(t, exitNothing, `the queue "none" does not exist`)
		if r.stdout != `{"queue":"x","queued":2,"staged":0,"leased":0,"retrying":0,"dead":0}`+"\n" {
			t.Errorf("got %s", r.stdout)
		}
	})
}

// TestQueueDrain: what waits for another attempt, and what is staged, is there for
// an original again, and what is dead stays.
func TestQueueDrain(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		q, err := queueadmin.Open(client, "x")
		if err != nil {
			t.Fatal(err)
		}
		running, stop := context.WithCancel(t.Context())
		receiver, err := remoteevent.NewReceiver(client, remoteevent.HandlerFunc(func(context.Context, *remoteevent.Delivery) error {
			stop()
			return errors.New("not now")
		}), remoteevent.WithQueues("x"), remoteevent.WithLogger(slog.New(slog.DiscardHandler)))
		if err != nil {
			t.Fatal(err)
		}
		push(t, client, "x", message("x", 1), message("x", 2))
		if err := receiver.Run(running); err != nil {
			t.Fatal(err)
		}
		push(t, client, q.CompanionKeys()["staging"], message("x", 3))
		importLetters(t, client, "x", letter("dead", "failed"))
		if d, err := q.Stats(t.Context()); err != nil || d != (queueadmin.Stats{Queued: 1, Staged: 1, Retrying: 1, Dead: 1}) {
			t.Fatalf("%+v, %v", d, err)
		}
		r := invoke(t, "queue", "drain", "x", "--redis", urlOfClient(client)).expect(t, exitDone)
		if r.stdout != "x: returned 2; remaining: 0 leased, 1 dead\n" {
			t.Errorf("got %s", r.stdout)
		}
		if got, want := strings.Join(stored(t, client, "x"), " "), message("x", 1)+" "+message("x", 3)+" "+message("x", 2); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		r = invoke(t, "queue", "drain", "a", "x", "-o", "ndjson", "--redis", urlOfClient(client)).expect(t, exitNothing, `the queue "a" does not exist`)
		if r.stdout != `{"queue":"x","returned":0,"leased":0,"dead":1}`+"\n" {
			t.Errorf("got %s", r.stdout)
		}
	})
}
