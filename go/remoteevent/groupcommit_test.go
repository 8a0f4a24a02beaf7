package remoteevent_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/redistest"
	"github.com/remote-events/remote-events/go/remoteevent"
	"github.com/remote-events/remote-events/go/wire"
)

// stalled is a server that withholds its replies to LPUSH until the test provides them, by
// list if the list has a channel of its own. It denies all other commands.
type stalled struct {
	lists   map[string]chan string
	client  *redis.Client
	sender  *remoteevent.Sender
	pushes  <-chan string
	answers chan string
}

func newStalled(t *testing.T, lists ...string) *stalled {
	t.Helper()
	s := &stalled{answers: make(chan string), lists: map[string]chan string{}}
	for _, list := range lists {
		s.lists[list] = make(chan string)
	}
	var addr string
	addr, s.pushes = impostor(t, func(command string) (string, bool) {
		if strings.HasPrefix(command, "lpush") {
			answers := s.lists[strings.Fields(command)[1]]
			if answers == nil {
				answers = s.answers
			}
			select {
			case answer, ok := <-answers:
				return answer, !ok
			case <-t.Context().Done():
				return "", true
			}
		}
		return "-ERR unknown command\r\n", false
	})
	s.client = redis.NewClient(&redis.Options{Addr: addr, ReadTimeout: time.Minute})
	t.Cleanup(func() { _ = s.client.Close() })
	s.sender = sender(t, s.client)
	return s
}

// send sends an event of a list in a new goroutine.
func (s *stalled) send(ctx context.Context, list, path string) <-chan error {
	done := make(chan error, 1)
	go func() {
		done <- s.sender.Forward(ctx, wire.Envelope{EventName: list, Payload: fmt.Appendf(nil, `{"path":%q}`, path)})
	}()
	return done
}

// occupy starts two commands, the maximum of a sender at a time.
func (s *stalled) occupy(t *testing.T) (first, second <-chan error) {
	t.Helper()
	first = s.send(t.Context(), "q", "first")
	next(t, s.pushes)
	second = s.send(t.Context(), "q", "second")
	next(t, s.pushes)
	return first, second
}

// waiting waits until the given number of calls wait for a reply.
func waiting(t *testing.T, s *remoteevent.Sender, n int) {
	t.Helper()
	for remoteevent.Waiting(s) < n {
		must(t, t.Context().Err())
	}
}

// TestGroupCommit checks that calls that begin while two commands are in progress share one
// command, and that each returns when its own event is stored.
func TestGroupCommit(t *testing.T) {
	t.Parallel()
	s := newStalled(t)
	first, second := s.occupy(t)
	var rest []<-chan error
	for i := range 10 {
		rest = append(rest, s.send(t.Context(), "q", fmt.Sprint("number ", i)))
		waiting(t, s.sender, i+1)
	}
	if err := s.sender.Forward(t.Context(), wire.Envelope{EventName: "q", Payload: []byte(`{"rejected":NaN}`)}); err == nil {
		t.Error("NaN was sent")
	}
	s.answers <- ":1\r\n"
	command := next(t, s.pushes)
	for i := range rest {
		if strings.Count(command, "number") != 10 || !strings.Contains(command, fmt.Sprint("number ", i)) || strings.Contains(command, "rejected") {
			t.Fatalf("%s", command)
		}
	}
	s.answers <- ":2\r\n"
	s.answers <- ":12\r\n"
	for _, done := range append(rest, first, second) {
		must(t, next(t, done))
	}
}

// TestGroupOutcomes checks that each list of a pipeline has its own outcome.
func TestGroupOutcomes(t *testing.T) {
	t.Parallel()
	s := newStalled(t, "good", "bad", "full", "lost")
	first, second := s.occupy(t)
	var results []<-chan error
	for i, list := range []string{"good", "bad", "full", "lost"} {
		results = append(results, s.send(t.Context(), list, "x"))
		waiting(t, s.sender, i+1)
	}
	good, bad, full, lost := results[0], results[1], results[2], results[3]
	s.answers <- ":1\r\n"
	s.answers <- ":2\r\n"
	s.lists["good"] <- ":1\r\n"
	s.lists["bad"] <- "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"
	s.lists["full"] <- "-OOM command not allowed when used memory > 'maxmemory'.\r\n"
	close(s.lists["lost"])
	for _, done := range []<-chan error{first, second, good} {
		must(t, next(t, done))
	}
	if err := next(t, bad); !redis.HasErrorPrefix(err, "WRONGTYPE") || errors.Is(err, remoteevent.ErrUnknown) {
		t.Error(err)
	}
	if err := next(t, full); !redis.IsOOMError(err) || errors.Is(err, remoteevent.ErrUnknown) {
		t.Error(err)
	}
	if err := next(t, lost); !errors.Is(err, remoteevent.ErrUnknown) {
		t.Error(err)
	}
}

// TestContextEndsOneWait checks that the end of a context ends only its own call, whether the
// event was written or not.
func TestContextEndsOneWait(t *testing.T) {
	t.Parallel()
	s := newStalled(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	written := s.send(ctx, "q", "written")
	next(t, s.pushes)
	other := s.send(t.Context(), "q", "other")
	next(t, s.pushes)
	withdrawn := s.send(ctx, "q", "withdrawn")
	waiting(t, s.sender, 1)
	stays := s.send(t.Context(), "q", "stays")
	waiting(t, s.sender, 2)
	cause := errors.New("the cause")
	cancel(cause)
	if err := next(t, written); !errors.Is(err, remoteevent.ErrUnknown) || !errors.Is(err, cause) {
		t.Error(err)
	}
	if err := next(t, withdrawn); !errors.Is(err, remoteevent.ErrNotSent) || errors.Is(err, remoteevent.ErrUnknown) || !errors.Is(err, cause) {
		t.Error(err)
	}
	s.answers <- ":1\r\n"
	if command := next(t, s.pushes); !strings.Contains(command, "stays") || strings.Contains(command, "withdrawn") {
		t.Error(command)
	}
	s.answers <- ":2\r\n"
	s.answers <- ":3\r\n"
	must(t, next(t, other))
	must(t, next(t, stays))
}

// TestWithdrawnBeforeItIsWritten checks that one event can be withdrawn while its command waits
// for a connection. The other events are sent.
func TestWithdrawnBeforeItIsWritten(t *testing.T) {
	t.Parallel()
	addr := redistest.FreeAddr(t)
	redistest.Start(t, addr)
	client := redis.NewClient(&redis.Options{Addr: addr, PoolSize: 1, PoolTimeout: time.Minute})
	defer client.Close()
	conn := client.Conn()
	must(t, conn.Ping(t.Context()).Err()) // holds the only connection
	s := sender(t, client)
	ctx, cancel := context.WithCancel(t.Context())
	sent := make(chan error, 4)
	send := func(ctx context.Context, path string) {
		go func() { sent <- s.Send(ctx, FileEvent{path}) }()
	}
	for _, path := range []string{"a", "b"} {
		send(t.Context(), path)
	}
	for remoteevent.Commands(s) < 2 {
		must(t, t.Context().Err())
	}
	withdrawn := make(chan error, 1)
	batch := make(chan error, 1)
	go func() { withdrawn <- s.Send(ctx, FileEvent{"withdrawn"}) }()
	waiting(t, s, 1)
	send(t.Context(), "c")
	waiting(t, s, 2)
	go func() { batch <- s.SendBatch(ctx, FileEvent{"batch"}, FileEvent{"batch"}) }()
	cancel()
	if err := next(t, withdrawn); !errors.Is(err, remoteevent.ErrNotSent) {
		t.Error(err)
	}
	if err := next(t, batch); !errors.Is(err, remoteevent.ErrNotSent) || errors.Is(err, remoteevent.ErrUnknown) {
		t.Error(err)
	}
	must(t, conn.Close())
	for range 3 {
		must(t, next(t, sent))
	}
	messages := client.LRange(t.Context(), "file_event", 0, -1).Val()
	if len(messages) != 3 || strings.Contains(strings.Join(messages, ""), "withdrawn") || strings.Contains(strings.Join(messages, ""), "batch") {
		t.Errorf("%q", messages)
	}
}

// TestDeadlineBoundsSend checks that the deadline bounds the call for all timeouts of the client,
// whether Redis has replied promptly before or not.
func TestDeadlineBoundsSend(t *testing.T) {
	t.Parallel()
	s := newStalled(t)
	bounded := func() {
		t.Helper()
		for name, send := range map[string]func(context.Context) error{
			"Send":      func(ctx context.Context) error { return s.sender.Send(ctx, FileEvent{"x"}) },
			"SendBatch": func(ctx context.Context) error { return s.sender.SendBatch(ctx, FileEvent{"x"}, FileEvent{"y"}) },
		} {
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			start := time.Now()
			err := send(ctx)
			cancel()
			if !errors.Is(err, remoteevent.ErrUnknown) && !errors.Is(err, remoteevent.ErrNotSent) || !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > 20*time.Second {
				t.Errorf("%s: %v after %v", name, err, time.Since(start))
			}
		}
	}
	bounded()
	s = newStalled(t)
	done := s.send(t.Context(), "q", "x")
	next(t, s.pushes)
	s.answers <- ":1\r\n"
	must(t, next(t, done))
	bounded()
	if o := s.client.Options(); o.ContextTimeoutEnabled || o.ReadTimeout != time.Minute {
		t.Error("the caller's client was changed")
	}
}

// TestConcurrentSends checks that, with each kind of client, every event is stored once and in
// the order of its goroutine.
//
//nolint:tparallel // the clients share a server
func TestConcurrentSends(t *testing.T) {
	t.Parallel()
	addr := redistest.FreeAddr(t)
	redistest.Start(t, addr)
	single := redis.NewClient(&redis.Options{Addr: addr})
	defer single.Close()
	ring := redis.NewRing(&redis.RingOptions{Addrs: map[string]string{"a": addr}})
	defer func() { must(t, ring.Close()) }()
	for name, client := range map[string]redis.UniversalClient{
		"Client": single, "Ring": ring, "ClusterClient": cluster(t), "a client that wraps one": struct{ redis.UniversalClient }{single},
	} {
		t.Run(name, func(t *testing.T) {
			s := sender(t, client)
			var group sync.WaitGroup
			const goroutines, each = 20, 50
			for g := range goroutines {
				group.Go(func() {
					for i := range each {
						list := fmt.Sprint("list", (g+i)%3)
						if err := s.Forward(t.Context(), wire.Envelope{EventName: list, Payload: fmt.Appendf(nil, `{"g":%d,"i":%d}`, g, i)}); err != nil {
							t.Error(err)
						}
						if g == 0 && i%10 == 0 {
							if err := s.SendBatch(t.Context(), Tags{}, FileEvent{"x"}, Tags{}); err != nil {
								t.Error(err)
							}
						}
					}
				})
			}
			group.Wait()
			total := 0
			for i := range 3 {
				messages := client.LRange(t.Context(), fmt.Sprint("list", i), 0, -1).Val()
				slices.Reverse(messages)
				last := map[int]int{}
				for _, raw := range messages {
					env, err := wire.Decode([]byte(raw), wire.Limits{})
					must(t, err)
					var g, i int
					_, err = fmt.Sscanf(string(env.Payload), `{"g":%d,"i":%d}`, &g, &i)
					must(t, err)
					if before, ok := last[g]; ok && before >= i {
						t.Errorf("%d is stored after %d", i, before)
					}
					last[g] = i
				}
				total += len(messages)
				client.Del(t.Context(), fmt.Sprint("list", i))
			}
			if total != goroutines*each {
				t.Errorf("%d events stored", total)
			}
			client.Del(t.Context(), "tags")
			client.Del(t.Context(), "file_event")
			if remoteevent.Lanes(s) != 0 {
				t.Error("unused lanes are kept")
			}
		})
	}
}

// TestLargeBatch checks that chunks are sent in order, and that no chunk follows a lost reply.
func TestLargeBatch(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		events := make([]remoteevent.Event, 3500)
		for i := range events {
			events[i] = FileEvent{fmt.Sprint(i)}
		}
		must(t, sender(t, client).SendBatch(t.Context(), events...))
		messages := client.LRange(t.Context(), "file_event", 0, -1).Val()
		slices.Reverse(messages)
		for i, raw := range messages {
			if !strings.Contains(raw, fmt.Sprintf(`{"path":"%d"}`, i)) {
				t.Fatalf("%d is %s", i, raw)
			}
		}
		if len(messages) != len(events) {
			t.Errorf("%d messages stored", len(messages))
		}
	})
	s := newStalled(t)
	events := make([]remoteevent.Event, 3500)
	for i := range events {
		events[i] = FileEvent{fmt.Sprint(i)}
	}
	done := make(chan error, 1)
	go func() { done <- s.sender.SendBatch(t.Context(), events...) }()
	next(t, s.pushes)
	s.answers <- ":1000\r\n"
	next(t, s.pushes)
	close(s.answers)
	batch, ok := errors.AsType[*remoteevent.BatchError](next(t, done))
	if !ok || batch.Count(remoteevent.Stored) != 1000 || batch.Count(remoteevent.Unknown) != 1000 || batch.Count(remoteevent.Rejected) != 1500 {
		t.Fatalf("%v", batch)
	}
	if last := batch.Results[3499].Err; !errors.Is(last, remoteevent.ErrNotSent) || errors.Is(last, remoteevent.ErrUnknown) || len(s.pushes) != 0 {
		t.Error(last)
	}
}

// TestErrorsOfSendQuoteNothing checks errors of a proxy, a Sentinel or a renamed command that
// quote arguments.
func TestErrorsOfSendQuoteNothing(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]string{
		"-ERR unknown command 'lpush', with args beginning with: 'file_event' '{\"path\": \"s3cret\"}'": "ERR unknown command 'lpush' …",
		"-ERR s3cret":         "ERR …",
		"-WRONGTYPE s3cret":   "WRONGTYPE …",
		"+s3cret":             "",
		"$6\r\ns3cret":        "",
		"*1\r\n$6\r\ns3cret":  "",
		"-LOADING of s3cret.": "LOADING …",
	} {
		s := newStalled(t)
		go func() { s.answers <- answer + "\r\n" }()
		err := s.sender.Send(t.Context(), FileEvent{"s3cret"})
		if err == nil || strings.Contains(fmt.Sprintf("%s %+v", err, err), "s3cret") || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", answer, err)
		}
		for cause := err; cause != nil; cause = errors.Unwrap(cause) {
			if strings.Contains(cause.Error(), "s3cret") {
				t.Errorf("%q: a cause: %v", answer, cause)
			}
		}
	}
}
