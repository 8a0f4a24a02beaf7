package main

import (
	"context"
	"errors"
	"log/slog"
	"regexp"
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
		want := regexp.MustCompile(`^  queued  staged  leased  retrying  dead  age  memory  recv  queue
       2       0       0         0     0    \?  +[0-9.]+K?     [0?]  x
       0       0       0         0     1    -  +[0-9.]+K?     [0?]  "日本 \{x\}"
$`)
		if r := invoke(t, "queue", "ls", "--redis", url).expect(t, exitDone); !want.MatchString(r.stdout) {
			t.Errorf("got\n%s", r.stdout)
		}
		r := invoke(t, "queue", "ls", "none", "x", "-o", "ndjson", "--redis", url).expect(t, exitNothing, `the queue "none" does not exist`)
		if !strings.HasPrefix(r.stdout, `{"queue":"x","queued":2,"staged":0,"leased":0,"retrying":0,"dead":0,"bytes":`) || strings.Count(r.stdout, "\n") != 1 {
			t.Errorf("got %s", r.stdout)
		}
		r = invoke(t, "queue", "ls", "x", "--interval", "1ms", "--redis", url).expect(t, exitDone)
		if !strings.Contains(r.stdout, "change/s  in/s  out/s  queue\n") || !strings.Contains(r.stdout, "+0.0     ?      ?  x\n") {
			t.Errorf("got\n%s", r.stdout)
		}
	})
}

// TestQueueConsumers checks the values of a queue, of its consumers among them, and that an
// unreadable queue hides no other.
func TestQueueConsumers(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{Addr: redistest.Start(t, redistest.FreeAddr(t)).Addr, ClientName: "uploads"})
	defer client.Close()
	url := urlOfClient(client)
	running, stop := context.WithCancel(t.Context())
	defer stop()
	working := make(chan struct{})
	receiver, err := remoteevent.NewReceiver(client, remoteevent.HandlerFunc(func(context.Context, *remoteevent.Delivery) error {
		close(working)
		<-running.Done()
		return nil
	}), remoteevent.WithQueues("x", "empty"), remoteevent.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 2)
	go func() { ended <- receiver.Run(running) }()
	go func() { ended <- client.BRPop(t.Context(), 0, "original").Err() }()
	invoke(t, "send", "x", "{}", "--redis", url).expect(t, exitDone)
	<-working
	push(t, client, "y", message("x", 1))
	importLetters(t, client, "x", letter("x", "failed"), letter("y", "failed"))
	client.Set(t.Context(), "text", "x", 0)
	var r result
	for r.stdout == "" || !strings.Contains(r.stdout, "beside 1 of unknown queues") {
		r = invoke(t, "queue", "show", "text", "x", "y", "--interval", "1ms", "--redis", url).expect(t, exitFailed, "WRONGTYPE", `queue "text"`)
	}
	for _, want := range []string{
		"leased            1  the first lease expires in ", "; the oldest was delivered ", "dead              2  failed 2\n", "receivers         1  127.0.0.1:", " uploads",
		"y\n  queued            1  the next has no time; the same message is next after 0s\n", "receivers         0  beside 1 of unknown queues",
	} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("got %s, want %s", r.stdout, want)
		}
	}
	if strings.Count(r.stderr, "WRONGTYPE") != 1 {
		t.Errorf("got %s", r.stderr)
	}
	if r := invoke(t, "queue", "show", "empty", "--redis", url).expect(t, exitDone); !strings.Contains(r.stdout, "receivers         1") {
		t.Errorf("a queue without messages: %s", r.stdout)
	}
	for args, code := range map[string]int{"x --min-consumers 1": exitDone, "x --min-consumers 2": exitFindings, "y --min-consumers 1 -o nagios": 1} {
		invoke(t, append([]string{"check", "--redis", url}, strings.Fields(args)...)...).expect(t, code)
	}
	push(t, client, "original", "x")
	if err := <-ended; err != nil {
		t.Error(err)
	}
	checked := invoke(t, "check", "y", "--min-consumers", "1", "-o", "nagios", "--redis", url).expect(t, 2)
	if checked.stdout != "REMOTE_EVENT CRITICAL - y: 0 consumers | 'y queued'=1 'y retrying'=0 'y dead'=0 'y consumers'=0;1:;1:\n" {
		t.Errorf("got %s", checked.stdout)
	}
	invoke(t, "check", "y", "--min-consumers", "1,2", "--redis", url).expect(t, exitUsage, "not higher")
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if err := client.Do(t.Context(), "ACL", "SETUSER", "anna", "on", ">s3cret", "~*", "+@all", "-client|list").Err(); err != nil {
		t.Fatal(err)
	}
	denied := strings.Replace(url, "://", "://anna:s3cret@", 1)
	invoke(t, "check", "y", "--min-consumers", "1", "--redis", denied).expect(t, exitConnection, "consumers of the queue \"y\" are unknown", "+client|list")
	if r := invoke(t, "queue", "show", "y", "-o", "ndjson", "--redis", denied).expect(t, exitDone); !strings.Contains(r.stdout, `"receivers":null`) {
		t.Errorf("got %s", r.stdout)
	}
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
