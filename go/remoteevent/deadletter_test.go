package remoteevent_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/santhosh-tekuri/jsonschema/v5"

	"github.com/remote-events/remote-events/go/internal/redistest"
	"github.com/remote-events/remote-events/go/remoteevent"
	"github.com/remote-events/remote-events/schemas"
	"github.com/remote-events/remote-events/spec"
)

// recordSchema is that of dead letters as JSON.
func recordSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := schemas.Files.ReadFile("dead-letter.schema.json")
	must(t, err)
	schema, err := jsonschema.CompileString("dead-letter.schema.json", string(text))
	must(t, err)
	return schema
}

// TestRecords: whatever a message holds, its dead letter goes through a record
// and back into Redis without the change of a byte.
func TestRecords(t *testing.T) {
	t.Parallel()
	vectors, err := spec.MessageVectors("poison", "wire")
	must(t, err)
	messages := [][]byte{{}, {0}, bytes.Repeat([]byte("\xff\x00"), 1<<19), []byte(`{"data": {"a": "<&> "}, "signals": ["日本 {x}"], "metadata": {"id": "7"}}`)}
	for _, v := range vectors {
		messages = append(messages, v.Message.Bytes())
	}
	schema := recordSchema(t)
	at := time.Date(2026, 11, 24, 3, 0, 0, 7_000_000, time.UTC)
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		q, err := remoteevent.NewQueue(client, "日本 {x}")
		must(t, err)
		var letters []remoteevent.DeadLetter
		for i, raw := range messages {
			if len(raw) > 1<<20 {
				continue
			}
			letter := remoteevent.DeadLetter{
				ID: "one", Queue: q.Name(), Raw: raw, Attempts: i % 3, FirstSeen: at, Died: at.Add(time.Duration(i) * time.Millisecond),
				Code: "failed", Error: "why", Chain: []string{"because"},
			}
			text, err := json.Marshal(letter)
			must(t, err)
			var value any
			must(t, json.Unmarshal(text, &value))
			if err := schema.Validate(value); err != nil {
				t.Errorf("%s: %v", text, err)
			}
			var read remoteevent.DeadLetter
			must(t, json.Unmarshal(text, &read))
			if fmt.Sprint(read) != fmt.Sprint(letter) {
				t.Errorf("%+v became %+v", letter, read)
			}
			letters = append(letters, read)
		}
		ids, err := q.Bury(t.Context(), letters...)
		must(t, err)
		back := deadLetters(t, q)
		if len(back) != len(letters) || len(ids) != len(letters) {
			t.Fatalf("%d dead letters with %d ids of %d", len(back), len(ids), len(letters))
		}
		for i, letter := range back {
			if !bytes.Equal(letter.Raw, letters[i].Raw) || letter.ID != ids[i] {
				t.Errorf("%q became %q", letters[i].Raw, letter.Raw)
			}
			letter.ID, letter.FirstSeen, letter.Died = "one", letter.FirstSeen.UTC(), letter.Died.UTC()
			if fmt.Sprint(letter) != fmt.Sprint(letters[i]) {
				t.Errorf("%+v became %+v", letters[i], letter)
			}
		}
	})
}

func TestNoRecords(t *testing.T) {
	t.Parallel()
	for text, words := range map[string]string{
		`[]`: "record", `{}`: "version",
		`{"version":2,"queue":"x","message":"","reason":""}`:                       "version",
		`{"version":1,"message":"","reason":""}`:                                   "missing",
		`{"version":1,"queue":"x","reason":""}`:                                    "missing",
		`{"version":1,"queue":"x","message":""}`:                                   "missing",
		`{"version":1,"queue":"x","message":"AA=","reason":""}`:                    "base64",
		`{"version":1,"queue":"x","message":"_w==","reason":""}`:                   "base64",
		`{"version":1,"queue":"x","message":"AB==","reason":""}`:                   "base64",
		`{"version":1,"queue":"x","message":"AA\n==","reason":""}`:                 "base64",
		`{"version":1,"queue":"x","message":"","reason":null}`:                     "reason",
		`{"version":1,"queue":"x","message":"","reason":{}}`:                       "reason",
		`{"version":1,"queue":"x","message":"","reason":5}`:                        "reason",
		`{"version":1,"queue":"x","message":"","reason":"","attempts":-1}`:         "attempts",
		`{"version":1,"queue":"x","message":"","reason":"","died":"2026-11-23"}`:   "died",
		`{"version":1,"queue":"x","message":"","reason":"","first_seen":"now"}`:    "first_seen",
		`{"version":1,"queue":"x","message":"","reason":"","died":1795464000000}`:  "record",
		`{"version":1,"queue":"x","message":"c2VjcmV0","reason":{"code":["no"]}}`:  "reason",
		`{"version":1,"queue":"x","message":["c2VjcmV0"],"reason":{"code":"yes"}}`: "record",
	} {
		var letter remoteevent.DeadLetter
		if err := json.Unmarshal([]byte(text), &letter); err == nil || !strings.Contains(err.Error(), words) || strings.Contains(err.Error(), "c2Vj") {
			t.Errorf("%s: %v", text, err)
		}
	}
	var letter remoteevent.DeadLetter
	must(t, json.Unmarshal([]byte(`{"version":1,"queue":"","message":"","reason":"of another form","later":{}}`), &letter))
	if letter.Code != "" || letter.Error != "of another form" || len(letter.Raw) != 0 {
		t.Errorf("%+v", letter)
	}
	if text, err := json.Marshal(letter); err != nil || !strings.Contains(string(text), `"reason":"of another form"`) {
		t.Errorf("%s, %v", text, err)
	}
	letter.Queue = "\xff"
	if _, err := json.Marshal(letter); err == nil || !strings.Contains(err.Error(), "UTF-8") {
		t.Errorf("a queue that is not UTF-8: %v", err)
	}
}

// TestUnfitIsKept: a payload that does not fit its schema is a dead letter, byte
// for byte.
func TestUnfitIsKept(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		_, quiet := newLog()
		r := receiver(t, client, quiet, remoteevent.WithPayloadSchemas(catalogue(t)))
		must(t, remoteevent.Handle(r, func(context.Context, sized) error { return errors.New("a listener was called") }))
		raws := []string{
			`{"data": {"size": -471100}, "signals": ["sized", "remote_event", "event"]}`,
			" {\n\t\"signals\" :[\"sized\"],\"data\":{ \"size\":\"\\u00e4\", \"size\" : \"ä\"}  }\r\n",
		}
		for _, raw := range raws {
			must(t, client.LPush(t.Context(), "sized", raw).Err())
		}
		stop := start(t, r)
		q, err := remoteevent.NewQueue(client, "sized")
		must(t, err)
		expectDepths(t, q, remoteevent.Depths{Dead: 2})
		must(t, stop())
		for i, letter := range deadLetters(t, q) {
			if string(letter.Raw) != raws[i] || letter.Code != "schema" || letter.Attempts != 1 || !strings.Contains(letter.Error, "SCHEMA-2") || strings.Contains(letter.Error, "4711") {
				t.Errorf("%+v", letter)
			}
			if name, _ := letter.Event(); name != "sized" {
				t.Errorf("the event is %q", name)
			}
			must(t, second(q.Requeue(t.Context(), letter.ID)))
			if raw := client.RPop(t.Context(), "sized").Val(); raw != raws[i] {
				t.Errorf("%q went back as %q", raws[i], raw)
			}
		}
	})
}

func second[T any](_ T, err error) error { return err }

func TestFindQueues(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		if found, err := remoteevent.FindQueues(t.Context(), client); err != nil || len(found) != 0 {
			t.Errorf("in an empty Redis: %q, %v", found, err)
		}
		want := []string{"", "list", "{}x", "日本 {x}"}
		for _, name := range want {
			q, err := remoteevent.NewQueue(client, name)
			must(t, err)
			if name == "list" {
				must(t, client.LPush(t.Context(), name, "x").Err())
				continue
			}
			must(t, second(q.Bury(t.Context(), remoteevent.DeadLetter{Raw: []byte("x")})))
		}
		must(t, client.LPush(t.Context(), "remote-event:v1:{a}:staging:b", "x").Err())
		must(t, client.Set(t.Context(), "other", "x", 0).Err())
		found, err := remoteevent.FindQueues(t.Context(), client)
		if err != nil || !slices.Equal(found, want) {
			t.Errorf("found %q, %v", found, err)
		}
	})
}

// TestDeadLetterBounds: the oldest go, and that is said.
func TestDeadLetterBounds(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		for name, options := range map[string][]remoteevent.ReceiverOption{
			"at least once": nil, "at most once": {remoteevent.AtMostOnce(), remoteevent.WithDeadLetters()},
		} {
			must(t, client.FlushAll(t.Context()).Err())
			q := queue(t, client)
			var old []remoteevent.DeadLetter
			for i := range 2500 { // more than one script takes
				old = append(old, remoteevent.DeadLetter{Raw: []byte("old"), Died: time.Now().Add(-time.Duration(i) * time.Hour)})
			}
			must(t, second(q.Bury(t.Context(), old...)))
			logged, option := newLog()
			r := receiver(t, client, append(options, option, remoteevent.WithDeadLetterLimit(20), remoteevent.WithDeadLetterAge(10*time.Hour-time.Minute))...)
			must(t, remoteevent.Handle(r, func(context.Context, FileEvent) error { return remoteevent.Permanent(errors.New("no")) }))
			stop := start(t, r)
			expectDepths(t, q, remoteevent.Depths{Dead: 10}) // those of the last hours
			for i := range 15 {
				must(t, client.LPush(t.Context(), "file_event", fmt.Sprintf(`{"data": {"path": "%d"}, "signals": ["file_event"]}`, i)).Err())
			}
			for !strings.Contains(logged.String(), "dropped_in_all=2495") {
				logged.wait(t, "dead letters were dropped")
			}
			must(t, stop())
			expectDepths(t, q, remoteevent.Depths{Dead: 20})
			letters := deadLetters(t, q)
			if string(letters[4].Raw) != "old" || !strings.Contains(string(letters[5].Raw), `"0"`) || !strings.Contains(string(letters[19].Raw), `"14"`) {
				t.Errorf("%s: kept %+v", name, letters)
			}
		}
	})
}

// TestDeadLetterOncePerEvent: at most once, an event that failed is one dead letter,
// however often taking the next event fails afterwards.
func TestDeadLetterOncePerEvent(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{Addr: redistest.Start(t, redistest.FreeAddr(t)).Addr})
	defer client.Close()
	must(t, client.Do(t.Context(), "ACL", "SETUSER", "u", "on", ">p", "~*", "&*", "+@all").Err())
	limited := redis.NewClient(&redis.Options{Addr: client.Options().Addr, Username: "u", Password: "p"})
	defer limited.Close()
	_, quiet := newLog()
	r := receiver(t, limited, quiet, remoteevent.AtMostOnce(), remoteevent.WithDeadLetters(), remoteevent.WithConcurrency(2))
	must(t, r.Queues("file_event", "b", "c", "d", "e", "f")) // so many that a doorbell watches them
	begun, fail := make(chan string, 10), make(chan struct{})
	must(t, remoteevent.Handle(r, func(_ context.Context, e FileEvent) error {
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
		t.Errorf("one event is %d dead letters", n)
	}
}

// rejectedCalls returns how many calls of a command Redis has rejected.
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
		"only with WithDeadLetters": {remoteevent.AtMostOnce(), remoteevent.WithDeadLetterLimit(1)},
	} {
		if _, err := remoteevent.NewReceiver(client, options...); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v", words, err)
		}
	}
}
