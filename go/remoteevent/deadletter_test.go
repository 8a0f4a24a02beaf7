package remoteevent_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/redistest"
	"github.com/remote-events/remote-events/go/queueadmin"
	"github.com/remote-events/remote-events/go/remoteevent"
)

// TestUnfitIsKept checks that a message whose payload does not match its schema becomes a
// dead letter unchanged.
func TestUnfitIsKept(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		_, quiet := newLog()
		mux, r := receiver(t, client, quiet, remoteevent.WithPayloadSchemas(catalogue(t)))
		must(t, remoteevent.Handle(mux, func(context.Context, sized) error { return errors.New("a listener was called") }))
		raws := []string{
			`{"data": {"size": -471100}, "signals": ["sized", "remote_event", "event"]}`,
			" {\n\t\"signals\" :[\"sized\"],\"data\":{ \"size\":\"\\u00e4\", \"size\" : \"ä\"}  }\r\n",
		}
		for _, raw := range raws {
			must(t, client.LPush(t.Context(), "sized", raw).Err())
		}
		stop := start(t, r)
		q, err := queueadmin.Open(client, "sized")
		must(t, err)
		expectStats(t, q, queueadmin.Stats{Dead: 2})
		must(t, stop())
		for i, letter := range deadLetters(t, q) {
			if string(letter.Raw) != raws[i] || letter.Code != "schema" || letter.Attempts != 1 || !strings.Contains(letter.Error, "SCHEMA-2") || strings.Contains(letter.Error, "4711") {
				t.Errorf("%+v", letter)
			}
			if name, _ := letter.Event(); name != "sized" {
				t.Errorf("event = %q", name)
			}
			must(t, second(q.Requeue(t.Context(), letter.ID)))
			if raw := client.RPop(t.Context(), "sized").Val(); raw != raws[i] {
				t.Errorf("%q was requeued as %q", raws[i], raw)
			}
		}
	})
}

func second[T any](_ T, err error) error { return err }

// TestDeadLetterBounds checks that the oldest dead letters are deleted and logged.
func TestDeadLetterBounds(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		for name, options := range map[string][]remoteevent.ReceiverOption{
			"at least once": nil, "at most once": {remoteevent.WithAtMostOnce(), remoteevent.WithDeadLetters()},
		} {
			must(t, client.FlushAll(t.Context()).Err())
			q := queue(t, client)
			var old []queueadmin.DeadLetter
			for i := range 2500 { // more than one script deletes
				old = append(old, queueadmin.DeadLetter{Raw: []byte("old"), Died: time.Now().Add(-time.Duration(i) * time.Hour)})
			}
			must(t, second(q.Import(t.Context(), old...)))
			logged, option := newLog()
			mux, r := receiver(t, client, append(options, option, remoteevent.WithDeadLetterLimit(20), remoteevent.WithDeadLetterAge(10*time.Hour-time.Minute))...)
			must(t, remoteevent.Handle(mux, func(context.Context, FileEvent) error { return remoteevent.Permanent(errors.New("no")) }))
			stop := start(t, r)
			expectStats(t, q, queueadmin.Stats{Dead: 10}) // those of the last ten hours
			for i := range 15 {
				must(t, client.LPush(t.Context(), "file_event", fmt.Sprintf(`{"data": {"path": "%d"}, "signals": ["file_event"]}`, i)).Err())
			}
			for !strings.Contains(logged.String(), "dropped_in_all=2495") {
				logged.wait(t, "dead letters dropped")
			}
			must(t, stop())
			expectStats(t, q, queueadmin.Stats{Dead: 20})
			letters := deadLetters(t, q)
			if string(letters[4].Raw) != "old" || !strings.Contains(string(letters[5].Raw), `"0"`) || !strings.Contains(string(letters[19].Raw), `"14"`) {
				t.Errorf("%s: kept %+v", name, letters)
			}
		}
	})
}

// TestDeadLetterOncePerEvent checks that a failed event at most once becomes one dead letter,
// even if later claims fail.
func TestDeadLetterOncePerEvent(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{Addr: redistest.Start(t, redistest.FreeAddr(t)).Addr})
	defer client.Close()
	must(t, client.Do(t.Context(), "ACL", "SETUSER", "u", "on", ">p", "~*", "&*", "+@all").Err())
	limited := redis.NewClient(&redis.Options{Addr: client.Options().Addr, Username: "u", Password: "p"})
	defer limited.Close()
	_, quiet := newLog()
	mux, r := receiver(t, limited, quiet, remoteevent.WithAtMostOnce(), remoteevent.WithDeadLetters(), remoteevent.WithConcurrency(2), remoteevent.WithQueues("file_event", "b", "c", "d", "e", "f"))
	begun, fail := make(chan string, 10), make(chan struct{})
	must(t, remoteevent.Handle(mux, func(_ context.Context, e FileEvent) error {
		begun <- e.Path
		if e.Path == "first" {
			<-fail
			return errors.New("no")
		}
		return nil
	}))
	start(t, r)
	s, q := sender(t, client), queue(t, client)
	must(t, s.Send(t.Context(), FileEvent{"first"}))
	next(t, begun)
	must(t, client.Do(t.Context(), "ACL", "SETUSER", "u", "-rpop").Err())
	must(t, s.Send(t.Context(), FileEvent{"second"}))
	close(fail)
	for len(deadLetters(t, q)) == 0 {
		must(t, t.Context().Err())
	}
	denied := rejectedCalls(t, client, "rpop")
	for rejectedCalls(t, client, "rpop") < denied+3 {
		must(t, t.Context().Err())
	}
	must(t, client.Do(t.Context(), "ACL", "SETUSER", "u", "+rpop").Err())
	if path := next(t, begun); path != "second" {
		t.Errorf("got %s", path)
	}
	if n := len(deadLetters(t, q)); n != 1 {
		t.Errorf("one event became %d dead letters", n)
	}
}

// rejectedCalls returns the number of calls of a command that Redis has rejected.
func rejectedCalls(t *testing.T, client *redis.Client, command string) int {
	t.Helper()
	_, line, _ := strings.Cut(client.Info(t.Context(), "commandstats").Val(), "cmdstat_"+command+":")
	_, value, found := strings.Cut(line, "rejected_calls=")
	if !found {
		return 0
	}
	n, err := strconv.Atoi(value[:strings.IndexByte(value, ',')])
	must(t, err)
	return n
}

func TestDeadLettersWithoutBounds(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})
	defer client.Close()
	for words, options := range map[string][]remoteevent.ReceiverOption{
		"WithDeadLetterLimit(-1)":   {remoteevent.WithDeadLetterLimit(-1)},
		"WithDeadLetterAge(-1ns)":   {remoteevent.WithDeadLetterAge(-1)},
		"only with WithDeadLetters": {remoteevent.WithAtMostOnce(), remoteevent.WithDeadLetterLimit(1)},
	} {
		if _, err := remoteevent.NewReceiver(client, new(remoteevent.Mux), options...); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v", words, err)
		}
	}
}
