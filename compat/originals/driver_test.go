package originals_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/santhosh-tekuri/jsonschema/v5"
	"go.uber.org/goleak"

	"github.com/remote-events/remote-events/compat/internal/adapter"
	"github.com/remote-events/remote-events/compat/internal/cache"
	"github.com/remote-events/remote-events/compat/internal/calibration"
	"github.com/remote-events/remote-events/compat/internal/environment"
	"github.com/remote-events/remote-events/compat/internal/protocol"
	"github.com/remote-events/remote-events/compat/internal/redisserver"
	"github.com/remote-events/remote-events/compat/originals"
	"github.com/remote-events/remote-events/schemas"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// environments are shared by the tests, and with whoever runs the harness.
var environments = sync.OnceValues(func() (*environment.Cache, error) {
	dir, err := cache.Default()
	if err != nil {
		return nil, err
	}
	return environment.New(dir, "", os.Stderr), nil
})

// everyOriginal runs a test on each of the originals, in parallel, with a
// redis-server of its own.
func everyOriginal(t *testing.T, test func(t *testing.T, stage *stage)) {
	t.Helper()
	for _, original := range environment.Originals() {
		t.Run(original.Bundle, func(t *testing.T) {
			t.Parallel()
			test(t, newStage(t, original, redisserver.Options{}))
		})
	}
}

// stage is an original with a redis-server.
type stage struct {
	original environment.Original
	command  []string
	server   *redisserver.Server
	redis    *redis.Client
}

func newStage(t *testing.T, original environment.Original, options redisserver.Options) *stage {
	t.Helper()
	cache, err := environments()
	if err != nil {
		t.Fatal(err)
	}
	python, err := cache.Ensure(t.Context(), original)
	if err != nil {
		t.Fatal(err)
	}
	command, err := originals.Command(cache.Dir(), python)
	if err != nil {
		t.Fatal(err)
	}
	server, err := redisserver.Start(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	parsed, err := redis.ParseURL(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(parsed)
	t.Cleanup(func() { _ = client.Close() })
	return &stage{original: original, command: command, server: server, redis: client}
}

// start starts the driver; every line that it says is held against the schema.
func (s *stage) start(t *testing.T, env ...string) *adapter.Adapter {
	t.Helper()
	schema := compileSchema(t)
	a, err := adapter.Start(context.WithoutCancel(t.Context()), adapter.Options{
		Command: s.command, RedisURL: s.server.URL(), Env: env, MaxLine: adapter.LargeLine,
		StartTimeout: calibration.Scale(30 * time.Second), Timeout: calibration.Scale(5 * time.Second), Grace: calibration.Scale(2 * time.Second),
		Trace: func(direction string, line []byte) {
			if direction == "stderr" {
				return // it is free
			}
			var value any
			err := json.Unmarshal(line, &value)
			if err == nil {
				err = schema.Validate(value)
			}
			if err != nil {
				t.Errorf("%s %s: %v", direction, line, err)
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

func (s *stage) push(t *testing.T, queue string, messages ...string) {
	t.Helper()
	for _, message := range messages {
		if err := s.redis.LPush(t.Context(), queue, message).Err(); err != nil {
			t.Fatal(err)
		}
	}
}

func (s *stage) assertList(t *testing.T, queue string, want ...string) {
	t.Helper()
	got, err := s.redis.LRange(t.Context(), queue, 0, -1).Result()
	if err != nil || fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
		t.Errorf("the list %q has %q, %v, want %q", queue, got, err, want)
	}
}

func TestOriginalHello(t *testing.T) {
	t.Parallel()
	everyOriginal(t, func(t *testing.T, stage *stage) {
		identity, err := stage.start(t).Hello(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if identity.Name != "remote_event_bundle" || identity.Version != stage.original.Bundle || len(identity.Classes) != 2 ||
			identity.Details["applauncher"] != "1.44" || identity.Details["redis"] != "3.5.3" || identity.Details["python"] == "" {
			t.Errorf("got %+v", identity)
		}
	})
}

func TestOriginalSend(t *testing.T) {
	t.Parallel()
	everyOriginal(t, func(t *testing.T, stage *stage) {
		a := stage.start(t)
		for _, message := range []protocol.Message{
			{EventName: "new_file_event", PayloadText: `{"path": "/uploads/video1.mp4"}`},
			{EventName: "child", Parents: []string{"parent", "grandparent"}, PayloadText: `{"b":1e2,"a":[NaN,"é\ud800"]}`},
			{EventName: `日本 {x} "q" 'a':😀`, PayloadText: "{}"},
		} {
			if err := a.Send(t.Context(), message); err != nil {
				t.Error(err)
			}
		}
		stage.assertList(t, "new_file_event", `{"data": {"path": "/uploads/video1.mp4"}, "signals": ["new_file_event", "remote_event", "event"]}`)
		stage.assertList(t, "child", `{"data": {"b": 100.0, "a": [NaN, "\u00e9\ud800"]}, "signals": ["child", "parent", "grandparent", "remote_event", "event"]}`)
		stage.assertList(t, `日本 {x} "q" 'a':😀`, `{"data": {}, "signals": ["\u65e5\u672c {x} \"q\" 'a':\ud83d\ude00", "remote_event", "event"]}`)
	})
}

func TestOriginalSendFails(t *testing.T) {
	t.Parallel()
	stage := newStage(t, environment.Originals()[6], redisserver.Options{})
	a := stage.start(t)
	if err := stage.redis.Set(t.Context(), "string", "x", 0).Err(); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name        string
		message     protocol.Message
		want        string
		unsupported bool
	}{
		{"metadata", protocol.Message{EventName: "a", PayloadText: "{}", Metadata: map[string]string{"id": "1"}}, "no metadata", true},
		{"grammar", protocol.Message{EventName: "a", PayloadText: "{"}, "JSONDecodeError", false},
		{"array", protocol.Message{EventName: "a", PayloadText: "[]"}, "must be set to a dictionary", false},
		{"sent already", protocol.Message{EventName: "a", PayloadText: `{"_propagated": 1}`}, "_propagated", false},
		{"another chain", protocol.Message{EventName: "a", PayloadText: `{"_signals": ["a"]}`}, "did not propagate", false},
		{"lone surrogate as a key", protocol.Message{EventName: "a", PayloadText: `{"event_name": "\ud800"}`}, "UnicodeEncodeError", false},
		{"swallowed by the original", protocol.Message{EventName: "string", PayloadText: "{}"}, "WRONGTYPE", false},
	} {
		err := a.Send(t.Context(), test.message)
		failed, ok := err.(*protocol.FailedError)
		if !ok || !strings.Contains(failed.Reason, test.want) || failed.Unsupported() != test.unsupported {
			t.Errorf("%s: got %v, want one that says %q", test.name, err, test.want)
		}
	}
	stage.assertList(t, "a")
	if err := a.Receive(t.Context(), protocol.Reception{Queues: []string{"a"}}); err == nil || !strings.Contains(err.Error(), "is already used to send") {
		t.Errorf("a sender receives: %v", err)
	}
	if err := a.Send(t.Context(), protocol.Message{EventName: "a", PayloadText: "{}"}); err != nil {
		t.Errorf("after failures: %v", err)
	}
}

// One of everything that a receiver does: the hierarchy's listeners are called,
// a message without signals is dropped, one that is no JSON ends the queue.
func TestOriginalReceive(t *testing.T) {
	t.Parallel()
	everyOriginal(t, func(t *testing.T, stage *stage) {
		// What waits before the receiver starts is not lost.
		stage.push(t, "child", `{"data": {"n": 1, "x": NaN}, "signals": ["child", "parent", "grandparent", "remote_event", "event"]}`)
		a := stage.start(t)
		if err := a.Receive(t.Context(), protocol.Reception{Queues: []string{"child", "日本 {x}\"'"}, Signals: []string{"grandparent", "child", "parent", "日本 {x}\"'"}}); err != nil {
			t.Fatal(err)
		}
		signals := []string{"child", "parent", "grandparent", "remote_event", "event"}
		for _, signal := range signals[:3] {
			expect(t, a, protocol.Event{Signal: signal, Signals: signals, PayloadText: `{"n": 1, "x": NaN}`})
		}
		stage.push(t, "child",
			`{"data": {"n": 2}, "signals": []}`,
			`{"data": {"n": 3, "_signals": 1}, "signals": ["nobody", 1, true], "metadata": {"id": "1"}}`,
			`{"data": {"n": 4, "_propagated": 1}, "signals": ["child", 1, true], "metadata": {"id": "1"}}`)
		expect(t, a, protocol.Event{Signal: "child", Signals: []string{"child", "1", "true"}, PayloadText: `{"n": 4}`})
		stage.push(t, "日本 {x}\"'", `{"data": {}, "signals": ["日本 {x}\"'"]}`)
		expect(t, a, protocol.Event{Signal: "日本 {x}\"'", Signals: []string{"日本 {x}\"'"}, PayloadText: `{}`})

		stage.push(t, "child", "not JSON", `{"data": {"n": 5}, "signals": ["child"]}`)
		expect(t, a, protocol.Died{Queue: "child", Error: "JSONDecodeError: Expecting value: line 1 column 1 (char 0)"})
		stage.push(t, "日本 {x}\"'", `{"data": {"lives": true}, "signals": ["child"]}`)
		expect(t, a, protocol.Event{Signal: "child", Signals: []string{"child"}, PayloadText: `{"lives": true}`})
		stage.assertList(t, "child", `{"data": {"n": 5}, "signals": ["child"]}`)

		stage.push(t, "日本 {x}\"'", `{"data": {}, "signals": ["kernel.kernel_shutdown"]}`)
		expect(t, a, protocol.Died{Queue: "日本 {x}\"'"})
		if err := a.Receive(t.Context(), protocol.Reception{Queues: []string{"other"}}); err == nil || !strings.Contains(err.Error(), "is already used to ") {
			t.Errorf("it receives twice: %v", err)
		}
	})
}

// A message that starts a second set of consumers: their ends are reported too.
func TestOriginalReceiveInjectorReady(t *testing.T) {
	t.Parallel()
	stage := newStage(t, environment.Originals()[6], redisserver.Options{})
	a := stage.start(t)
	if err := a.Receive(t.Context(), protocol.Reception{Queues: []string{"q"}, Signals: []string{"q"}}); err != nil {
		t.Fatal(err)
	}
	stage.push(t, "q", `{"data": {}, "signals": ["kernel.injector_ready", "q"]}`)
	expect(t, a, protocol.Event{Signal: "q", Signals: []string{"kernel.injector_ready", "q"}, PayloadText: "{}"})
	stage.push(t, "q", "one", "two")
	for range 2 {
		expect(t, a, protocol.Died{Queue: "q", Error: "JSONDecodeError: Expecting value: line 1 column 1 (char 0)"})
	}
}

func TestOriginalReceiveRefuses(t *testing.T) {
	t.Parallel()
	stage := newStage(t, environment.Originals()[6], redisserver.Options{})
	var queues []string
	for i := range 5000 {
		queues = append(queues, fmt.Sprint("q", i))
	}
	if err := stage.start(t).Receive(t.Context(), protocol.Reception{Queues: queues}); err == nil || !strings.Contains(err.Error(), "serves no more than") {
		t.Errorf("more queues than threads: %v", err)
	}
}

// The ways to a Redis, with an environment that would change a configuration
// file's text and the interpreter.
func TestOriginalAddresses(t *testing.T) {
	t.Parallel()
	const password = `p@ss "w" {host} '1/2:3`
	for name, options := range map[string]redisserver.Options{
		"unix":              {Unix: true},
		"unix and password": {Unix: true, Password: password},
		"password":          {Password: password},
		"numeric password":  {Password: "12345"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			roundTrip(t, newStage(t, environment.Originals()[6], options))
		})
	}
}

// A user name, where the default user may not come in.
func TestOriginalAddressWithUser(t *testing.T) {
	t.Parallel()
	stage := newStage(t, environment.Originals()[6], redisserver.Options{})
	if err := stage.redis.Do(t.Context(), "ACL", "SETUSER", "some%one", "on", ">sec ret", "~*", "&*", "+@all").Err(); err != nil {
		t.Fatal(err)
	}
	if err := stage.redis.Do(t.Context(), "ACL", "SETUSER", "default", "off").Err(); err != nil {
		t.Fatal(err)
	}
	var err error
	stage.server, err = redisserver.External(t.Context(), strings.Replace(stage.server.URL(), "redis://", "redis://some%25one:sec%20ret@", 1), nil)
	if err != nil {
		t.Fatal(err)
	}
	roundTrip(t, stage)
}

func roundTrip(t *testing.T, stage *stage) {
	t.Helper()
	const signal = "{host} {{x}} {}"
	env := []string{"host='elsewhere'", "x={", "LC_ALL=C", "PYTHONPATH=/nowhere", "PYTHONIOENCODING=utf-16", "PYTHONHOME=/nowhere"}
	sender, receiver := stage.start(t, env...), stage.start(t, env...)
	if err := receiver.Receive(t.Context(), protocol.Reception{Queues: []string{signal}, Signals: []string{signal}}); err != nil {
		t.Fatal(err)
	}
	if err := sender.Send(t.Context(), protocol.Message{EventName: signal, PayloadText: `{"a": "é"}`}); err != nil {
		t.Fatal(err)
	}
	expect(t, receiver, protocol.Event{Signal: signal, Signals: []string{signal, "remote_event", "event"}, PayloadText: `{"a": "\u00e9"}`})
}

// expect waits for one observation and compares it.
func expect(t *testing.T, a *adapter.Adapter, want protocol.Observation) {
	t.Helper()
	ctx, cancel := calibration.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	got, err := a.Next(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if event, ok := want.(protocol.Event); ok { // an original's event has no other name
		event.EventName = event.Signals[0]
		want = event
	}
	if fmt.Sprintf("%#v", got) != fmt.Sprintf("%#v", want) {
		t.Errorf("got %#v, want %#v", got, want)
	}
}

const schemaName = "adapter.schema.json"

func compileSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := schemas.Files.ReadFile(schemaName)
	if err != nil {
		t.Fatal(err)
	}
	schema, err := jsonschema.CompileString("https://remote-events.github.io/schemas/v1/"+schemaName, string(text))
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func TestSchemaExamples(t *testing.T) {
	t.Parallel()
	schema := compileSchema(t)
	text, err := schemas.Files.ReadFile(schemaName)
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Examples []any `json:"examples"`
	}
	if err := json.Unmarshal(text, &document); err != nil || len(document.Examples) == 0 {
		t.Fatal(err)
	}
	for _, example := range document.Examples {
		if err := schema.Validate(example); err != nil {
			t.Errorf("%v: %v", example, err)
		}
	}
	for _, wrong := range []string{`{}`, `{"op":"what"}`, `{"op":"sent"}`, `{"op":"event","signal":"a"}`, `{"op":"failed","id":1}`, `[]`} {
		var value any
		if err := json.Unmarshal([]byte(wrong), &value); err != nil {
			t.Fatal(err)
		}
		if schema.Validate(value) == nil {
			t.Errorf("%s is valid", wrong)
		}
	}
}
