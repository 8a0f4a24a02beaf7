package remoteevent_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/lease"
	"github.com/remote-events/remote-events/go/internal/redistest"
	"github.com/remote-events/remote-events/go/queueadmin"
	"github.com/remote-events/remote-events/go/remoteevent"
)

// soon are delays that no test waits for long.
func soon() remoteevent.QueueOption { return remoteevent.WithBackoff(0, time.Millisecond) }

func queue(t *testing.T, client redis.UniversalClient) *queueadmin.Queue {
	t.Helper()
	q, err := queueadmin.Open(client, "file_event")
	must(t, err)
	return q
}

// expectStats waits until the messages of a queue are where they should be.
func expectStats(t *testing.T, q *queueadmin.Queue, want queueadmin.Stats) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		got, err := q.Stats(t.Context())
		must(t, err)
		if got == want {
			break
		}
		select {
		case <-deadline:
			t.Fatalf("got %+v, want %+v", got, want)
		default:
		}
	}
	for fault, err := range q.Audit(t.Context()) {
		t.Errorf("%+v, %v", fault, err)
	}
}

func deadLetters(t *testing.T, q *queueadmin.Queue) []queueadmin.DeadLetter {
	t.Helper()
	var letters []queueadmin.DeadLetter
	for letter, err := range q.DeadLetters(t.Context()) {
		must(t, err)
		letters = append(letters, letter)
	}
	return letters
}

func TestRetries(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		_, quiet := newLog()
		type attempt struct {
			number int
			key    string
			seen   time.Time
		}
		got := make(chan attempt, 10)
		mux, r := receiver(t, client, soon(), quiet)
		must(t, remoteevent.Handle(mux, func(ctx context.Context, _ FileEvent) error {
			d := remoteevent.DeliveryOf(ctx)
			got <- attempt{d.Attempt, d.Key(), d.FirstSeen}
			if d.Attempt < 3 {
				return errors.New("not yet")
			}
			return nil
		}))
		must(t, sender(t, client).Send(t.Context(), FileEvent{"x"}))
		start(t, r)
		first := next(t, got)
		for number := 2; number <= 3; number++ {
			if a := next(t, got); a != (attempt{number, first.key, first.seen}) {
				t.Errorf("attempt %+v after %+v", a, first)
			}
		}
		if first.number != 1 || len(first.key) != 36 || time.Since(first.seen).Abs() > time.Minute {
			t.Errorf("the first was %+v", first)
		}
		expectStats(t, queue(t, client), queueadmin.Stats{})
	})
}

// TestDeath: what fails for good is kept as it was.
func TestDeath(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		_, quiet := newLog()
		mux, r := receiver(t, client, soon(), quiet, remoteevent.WithMaxAttempts(4), remoteevent.WithQueue("file_event", remoteevent.WithMaxAttempts(2)))
		must(t, remoteevent.Handle(mux, func(ctx context.Context, e FileEvent) error {
			if d := remoteevent.DeliveryOf(ctx); d.MaxAttempts != 2 || d.LastAttempt() != (d.Attempt == 2) {
				t.Errorf("attempt %d of %d is the last: %t", d.Attempt, d.MaxAttempts, d.LastAttempt())
			}
			switch e.Path {
			case "panic":
				panic("at the disk")
			case "permanent":
				return fmt.Errorf("outer: %w", remoteevent.Permanent(errors.New("no such user")))
			case "fails":
				return fmt.Errorf("write: %w", errors.New("the disk is full"))
			}
			return nil
		}))
		want := map[string]struct {
			code     string
			attempts int
			error    string
		}{
			"\xff\x00":                     {"malformed", 1, "JSON-1"},
			`{"data": {"path": "s3cret"}}`: {"malformed", 1, "WIRE-2"},
			`{"data": {"path": 5}, "signals": ["file_event"]}`:           {"schema", 1, "at /path"},
			`{"data": {"path": "panic"}, "signals": ["file_event"]}`:     {"panicked", 2, "at the disk"},
			`{"data": {"path": "permanent"}, "signals": ["file_event"]}`: {"permanent", 1, "outer: no such user"},
			`{"data": {"path": "fails"}, "signals": ["file_event"]}`:     {"failed", 2, "write: the disk is full"},
		}
		for raw := range want {
			must(t, client.LPush(t.Context(), "file_event", raw, `{"data": {}, "signals": ["file_event"]}`).Err())
		}
		stop := start(t, r)
		q := queue(t, client)
		expectStats(t, q, queueadmin.Stats{Dead: int64(len(want))})
		must(t, stop())
		for _, letter := range deadLetters(t, q) {
			w := want[string(letter.Raw)]
			if string(letter.Code) != w.code || letter.Attempts != w.attempts || !strings.Contains(letter.Error, w.error) || letter.Died.Before(letter.FirstSeen) || strings.Contains(letter.Error, "s3cret") {
				t.Errorf("%q is %+v", letter.Raw, letter)
			}
			if w.code == "failed" && !slices.Equal(letter.Causes, []string{"the disk is full"}) {
				t.Errorf("causes %q", letter.Causes)
			}
			missing, err := q.Requeue(t.Context(), letter.ID, "none")
			if err != nil || !slices.Equal(missing, []string{"none"}) {
				t.Errorf("requeue: %v, %v", missing, err)
			}
			if raw := client.RPop(t.Context(), "file_event").Val(); raw != string(letter.Raw) {
				t.Errorf("%q came back as %q", letter.Raw, raw)
			}
		}
		expectStats(t, q, queueadmin.Stats{})
	})
}

// TestLeaseLost: somebody else has got hold of the event.
func TestLeaseLost(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		_, quiet := newLog()
		q := queue(t, client)
		begun, causes := make(chan struct{}, 2), make(chan error, 2)
		var calls atomic.Int32
		mux, r := receiver(t, client, quiet, remoteevent.WithLease(60*time.Millisecond))
		must(t, remoteevent.Handle(mux, func(ctx context.Context, _ FileEvent) error {
			if calls.Add(1) > 1 {
				return nil
			}
			begun <- struct{}{}
			<-ctx.Done()
			causes <- context.Cause(ctx)
			return ctx.Err()
		}))
		must(t, sender(t, client).Send(t.Context(), FileEvent{"x"}))
		start(t, r)
		next(t, begun)
		must(t, client.Del(t.Context(), q.CompanionKeys()["claims"]).Err())
		if cause := next(t, causes); !errors.Is(cause, remoteevent.ErrLeaseLost) {
			t.Errorf("the cause is %v", cause)
		}
		for fault, err := range q.Audit(t.Context()) {
			must(t, err)
			changed, err := q.Repair(t.Context(), fault.ID)
			if err != nil || changed != 1 {
				t.Errorf("repair: %d, %v", changed, err)
			}
		}
		expectStats(t, q, queueadmin.Stats{})
		if n := calls.Load(); n != 2 {
			t.Errorf("the listener was called %d times", n)
		}
	})
}

// TestHeartbeat: a listener may take longer than a lease.
func TestHeartbeat(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		q := queue(t, client)
		begun, release := make(chan struct{}, 9), make(chan struct{})
		mux, r := receiver(t, client, remoteevent.WithLease(150*time.Millisecond))
		must(t, remoteevent.Handle(mux, func(context.Context, FileEvent) error { begun <- struct{}{}; <-release; return nil }))
		must(t, sender(t, client).Send(t.Context(), FileEvent{"x"}))
		start(t, r)
		next(t, begun)
		id := client.ZRange(t.Context(), q.CompanionKeys()["claims"], 0, 0).Val()[0]
		deadline := func() float64 { return client.ZScore(t.Context(), q.CompanionKeys()["claims"], id).Val() }
		for first := deadline(); deadline() < first+300; {
			if err := client.Ping(t.Context()).Err(); err != nil {
				t.Fatal(err)
			}
		}
		close(release)
		expectStats(t, q, queueadmin.Stats{})
		if len(begun) != 0 {
			t.Error("the event was handled twice")
		}
	})
}

// TestStopGivesBack: what was fetched ahead goes back in its order, and its
// attempts do not count.
func TestStopGivesBack(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		begun, release := make(chan string, 9), make(chan struct{})
		mux, r := receiver(t, client, remoteevent.WithPrefetch(10))
		must(t, remoteevent.Handle(mux, func(_ context.Context, e FileEvent) error { begun <- e.Path; <-release; return nil }))
		for i := range 6 {
			must(t, sender(t, client).Send(t.Context(), FileEvent{fmt.Sprint(i)}))
		}
		q := queue(t, client)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- r.Run(ctx) }()
		next(t, begun)
		expectStats(t, q, queueadmin.Stats{Leased: 6})
		cancel()
		expectStats(t, q, queueadmin.Stats{Queued: 5, Leased: 1})
		close(release)
		must(t, next(t, ended))
		expectStats(t, q, queueadmin.Stats{Queued: 5})
		for i := 1; i < 6; i++ {
			if raw := client.RPop(t.Context(), "file_event").Val(); !strings.Contains(raw, fmt.Sprintf(`"path":"%d"`, i)) {
				t.Errorf("number %d is %s", i, raw)
			}
		}
	})
}

// TestClaimsAreNotRepeated: a claim whose answer is lost may have been done.
func TestClaimsAreNotRepeated(t *testing.T) {
	t.Parallel()
	claims := make(chan string, 10)
	addr, _ := impostor(t, func(command string) (string, bool) {
		if strings.HasPrefix(command, "eval") {
			claims <- command
			return "", true
		}
		return "-ERR unknown command\r\n", false
	})
	client := redis.NewClient(&redis.Options{Addr: addr, MaxRetries: 3})
	defer client.Close()
	q, err := lease.NewQueue(client, "file_event")
	must(t, err)
	answer := q.Exchange(t.Context(), lease.Exchange{Claim: &lease.Claim{Lease: time.Second, Count: 1, Bytes: 1, MaxBytes: 1, MaxAttempts: 1}})
	if answer.Err == nil || len(claims) != 1 {
		t.Errorf("%d claims, %v", len(claims), answer.Err)
	}
}

func TestDeadLettersAtMostOnce(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		_, quiet := newLog()
		mux, r := receiver(t, client, remoteevent.WithAtMostOnce(), remoteevent.WithDeadLetters(), quiet)
		must(t, remoteevent.Handle(mux, func(context.Context, FileEvent) error { return errors.New("no") }))
		must(t, client.LPush(t.Context(), "file_event", "\xff").Err())
		must(t, client.LPush(t.Context(), "file_event", `{"data": {}, "signals": ["file_event"]}`).Err())
		start(t, r)
		q := queue(t, client)
		expectStats(t, q, queueadmin.Stats{Dead: 2})
		letters := deadLetters(t, q)
		if string(letters[0].Raw) != "\xff" || letters[0].Code != "malformed" || letters[1].Code != "failed" {
			t.Errorf("%+v", letters)
		}
	})
}

// TestOutOfMemory: receivers go on, and so free memory.
func TestOutOfMemory(t *testing.T) {
	t.Parallel()
	addr := redistest.FreeAddr(t)
	redistest.Start(t, addr)
	client := redis.NewClient(&redis.Options{Addr: addr})
	defer client.Close()
	for i := range 50 {
		must(t, sender(t, client).Send(t.Context(), FileEvent{fmt.Sprint(i)}))
	}
	must(t, client.ConfigSet(t.Context(), "maxmemory", "1").Err())
	logged, option := newLog()
	got := make(chan string, 50)
	mux, r := receiver(t, client, option)
	must(t, remoteevent.Handle(mux, func(_ context.Context, e FileEvent) error { got <- e.Path; return nil }))
	start(t, r)
	for range 50 {
		next(t, got)
	}
	logged.wait(t, "OOM")
	expectStats(t, queue(t, client), queueadmin.Stats{})
}

// TestClaimsGoOnWithoutWaiting: a user who may not run BLMOVE has events claimed in
// batches, and is not held up by waits that fail.
func TestClaimsGoOnWithoutWaiting(t *testing.T) {
	t.Parallel()
	addr := redistest.FreeAddr(t)
	redistest.Start(t, addr)
	client := redis.NewClient(&redis.Options{Addr: addr})
	defer client.Close()
	must(t, client.Do(t.Context(), "ACL", "SETUSER", "u", "on", ">p", "~*", "&*", "+@all", "-blmove").Err())
	limited := redis.NewClient(&redis.Options{Addr: addr, Username: "u", Password: "p"})
	defer limited.Close()
	_, option := newLog()
	got := make(chan string, 10)
	mux, r := receiver(t, limited, option, remoteevent.WithPrefetch(0))
	must(t, remoteevent.Handle(mux, func(_ context.Context, e FileEvent) error { got <- e.Path; return nil }))
	start(t, r)
	begun := time.Now()
	for i := range 20 { // one after the other, each with a wait that fails
		must(t, sender(t, client).Send(t.Context(), FileEvent{fmt.Sprint(i)}))
		next(t, got)
	}
	if took := time.Since(begun); took > 30*time.Second { // about 3 s; over a minute if the pauses grew
		t.Errorf("20 events one after the other took %v", took)
	}
	waits := deniedCalls(t, client, "blmove")
	events := make([]remoteevent.Event, 500)
	for i := range events {
		events[i] = FileEvent{fmt.Sprint(i)}
	}
	must(t, sender(t, client).SendBatch(t.Context(), events...))
	for range events {
		next(t, got)
	}
	if n := deniedCalls(t, client, "blmove") - waits; n > len(events)/10 {
		t.Errorf("the receiver waited %d times for %d events that were all in the queue", n, len(events))
	}
	expectStats(t, queue(t, client), queueadmin.Stats{})
}

// deniedCalls returns how many calls of a command an ACL has denied.
func deniedCalls(t *testing.T, client *redis.Client, command string) int {
	t.Helper()
	info, err := client.Info(t.Context(), "commandstats").Result()
	must(t, err)
	_, line, found := strings.Cut(info, "cmdstat_"+command+":")
	if !found {
		t.Fatalf("no call of %s was counted", command)
	}
	line, _, _ = strings.Cut(line, "\r\n")
	_, text, _ := strings.Cut(line, "rejected_calls=")
	text, _, _ = strings.Cut(text, ",")
	n, err := strconv.Atoi(text)
	must(t, err)
	return n
}

// TestRetryAfterOnTheWire: the delay of the next attempt is the one that the listener sets.
func TestRetryAfterOnTheWire(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		log, quiet := newLog()
		mux, r := receiver(t, client, soon(), quiet)
		must(t, remoteevent.Handle(mux, func(context.Context, FileEvent) error {
			return remoteevent.RetryAfter(time.Hour, errors.New("too many requests"))
		}))
		must(t, sender(t, client).Send(t.Context(), FileEvent{"x"}))
		stop := start(t, r)
		log.wait(t, "retry_in=1h0m0s")
		expectStats(t, queue(t, client), queueadmin.Stats{Retrying: 1})
		must(t, stop())
		retries, err := client.ZRangeWithScores(t.Context(), "remote-event:v1:{file_event}:retries:file_event", 0, 0).Result()
		must(t, err)
		if left := time.Until(time.UnixMilli(int64(retries[0].Score))); left < 50*time.Minute || left > 70*time.Minute {
			t.Errorf("the event is due in %v", left)
		}
	})
}
