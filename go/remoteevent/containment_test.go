package remoteevent_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/queueadmin"
	"github.com/remote-events/remote-events/go/remoteevent"
	"github.com/remote-events/remote-events/go/wire"
)

// nilError is an error whose method panics on a nil pointer.
type nilError struct{ text string }

func (e *nilError) Error() string { return e.text }

// wildError is an error whose methods, or one of them, panic.
type wildError struct{ in string }

func (e wildError) misbehave(in string) {
	if e.in == in || e.in == "all" {
		panic("a method of the user's error")
	}
}

func (e wildError) Error() string { e.misbehave("Error"); return "wild" }
func (e wildError) Unwrap() error { e.misbehave("Unwrap"); return nil }
func (e wildError) Is(error) bool { e.misbehave("Is"); return false }
func (e wildError) As(any) bool   { e.misbehave("As"); return false }

// loopError unwraps to itself, and returns the text of the unwrapped error.
type loopError struct{ next error }

func (e *loopError) Error() string { return "loop: " + e.next.Error() }
func (e *loopError) Unwrap() error { return e.next }

// bushError unwraps to itself twice.
type bushError struct{}

func (e bushError) Error() string   { return "bush" }
func (e bushError) Unwrap() []error { return []error{e, e} }

// deepError is a chain of that many errors, created by Unwrap.
type deepError int64

func (e deepError) Error() string {
	if e == 0 {
		return "the bottom"
	}
	return (e - 1).Error()
}

func (e deepError) Unwrap() error {
	if e == 0 {
		return nil
	}
	return e - 1
}

// endingError ends the goroutine that calls Error.
type endingError struct{}

func (endingError) Error() string { runtime.Goexit(); return "" }

// sliceError is not comparable.
type sliceError []string

func (e sliceError) Error() string { return strings.Join(e, " ") }

// wildText panics when it is printed, with a value that does the same.
type wildText struct{}

func (wildText) String() string { panic(wildText{}) }

type nilText struct{ text string }

func (t *nilText) String() string { return t.text }

// wildJSON is an event whose payload can be neither decoded nor encoded.
type wildJSON struct {
	Field wildField `json:"field"`
}

func (wildJSON) EventName() string { return "file_event" }

type wildField struct{}

func (*wildField) UnmarshalJSON([]byte) error  { panic("s3cret") }
func (wildField) MarshalJSON() ([]byte, error) { panic("s3cret") }

// wildSchemas panics for some events, and rejects others with an error that panics.
type wildSchemas struct{}

func (wildSchemas) Check(_ string, payload []byte) error {
	switch kind := kindOf(payload); kind {
	case "a schema panics":
		panic("s3cret")
	case "a schema's error is a nil pointer":
		return (*nilError)(nil)
	case "a schema's error panics":
		return wildError{"all"}
	case "a schema's error is a loop":
		return loop()
	case "a redaction panics":
		return redactedError{}
	}
	return nil
}

func kindOf(payload []byte) string {
	var p struct {
		Kind string `json:"kind"`
	}
	_ = json.Unmarshal(payload, &p)
	return p.Kind
}

func loop() error {
	l := new(loopError)
	l.next = l
	return l
}

// redactedError is an error of a schema that panics only in its redaction.
type redactedError struct{ wildError }

func (redactedError) Redacted() string { panic("s3cret") }

// wildHandler is a log handler that panics or ends its goroutine.
type wildHandler struct {
	slog.Handler

	do func()
}

func (h wildHandler) Handle(context.Context, slog.Record) error { h.do(); return nil }
func (h wildHandler) WithAttrs([]slog.Attr) slog.Handler        { return h }

type goodEvent struct {
	Kind string `json:"kind"`
}

func (goodEvent) EventName() string { return "good" }

// TestContainment checks that any failure of user code fails only the attempt: the receiver
// continues and handles the next event.
func TestContainment(t *testing.T) {
	t.Parallel()
	var nilErr *nilError
	failing := func(err error) remoteevent.HandlerFunc {
		return func(context.Context, *remoteevent.Delivery) error { return err }
	}
	panicking := func(value any) remoteevent.HandlerFunc {
		return func(context.Context, *remoteevent.Delivery) error { panic(value) }
	}
	kinds := map[string]struct {
		listener   remoteevent.HandlerFunc
		code, text string // code and text of the dead letter
	}{
		"nil pointer":                 {failing(nilErr), "failed", "nil *remoteevent_test.nilError"},
		"nil pointer, panicked":       {panicking(error(nilErr)), "panicked", "nil *remoteevent_test.nilError"},
		"nil pointer, joined":         {failing(errors.Join(nilErr, nil, errors.New("x"))), "failed", "whose method Error panicked"},
		"nil pointer, wrapped":        {failing(fmt.Errorf("outer: %w", nilErr)), "failed", "outer: "},
		"nil pointer, permanent":      {failing(remoteevent.Permanent(nilErr)), "permanent", "nil *remoteevent_test.nilError"},
		"nil pointer of this package": {failing((*remoteevent.PanicError)(nil)), "failed", "nothing panicked"},
		"nil payload error":           {failing((*remoteevent.PayloadError)(nil)), "failed", "payload"},
		"Error panics":                {failing(wildError{"Error"}), "failed", "wildError, whose method Error panicked"},
		"Unwrap panics":               {failing(wildError{"Unwrap"}), "failed", "wild"},
		"Is panics":                   {failing(wildError{"Is"}), "failed", "wild"},
		"As panics":                   {failing(wildError{"As"}), "failed", "wild"},
		"all panic, wrapped":          {failing(&loopError{wildError{"all"}}), "failed", "whose method Error panicked"},
		"panics with such an error":   {panicking(wildError{"all"}), "panicked", "the listener panicked: an error of type"},
		"unwraps to itself":           {failing(loop()), "failed", "unwraps endlessly"},
		"panics with such a loop":     {panicking(loop()), "panicked", "unwraps endlessly"},
		"a loop, marked permanent":    {failing(remoteevent.Permanent(loop())), "permanent", "unwraps endlessly"},
		"unwraps to itself twice":     {failing(bushError{}), "failed", "unwraps endlessly"},
		"a deep chain":                {failing(deepError(1 << 40)), "failed", "unwraps endlessly"},
		"a chain of some length":      {failing(deepError(900)), "failed", "the bottom"},
		"many joined":                 {failing(errors.Join(numbered(20_000)...)), "failed", "number 0"},
		"cannot be compared":          {failing(sliceError{"a", "b"}), "failed", "a b"},
		"panics with nil":             {panicking(nil), "panicked", "nil"},
		"panics with a wild text":     {panicking(wildText{}), "panicked", "wildText"},
		"panics with a nil text":      {panicking((*nilText)(nil)), "panicked", "<nil>"},
		"ends its goroutine":          {func(context.Context, *remoteevent.Delivery) error { runtime.Goexit(); return nil }, "failed", "ended its goroutine"},
		"Error ends its goroutine":    {failing(endingError{}), "failed", "ended its goroutine"},
		"an unmarshaler panics": {func(_ context.Context, d *remoteevent.Delivery) error {
			_, err := remoteevent.Decode[wildJSON](d.Envelope())
			return err
		}, "schema", "wildField panicked"},
		"a marshaler panics": {func(context.Context, *remoteevent.Delivery) error {
			_, err := remoteevent.NewEnvelope(wildJSON{})
			return err
		}, "panicked", "a method for JSON of the event panicked"},
		"a middleware panics":               {failing(nil), "panicked", "of the middleware"},
		"a schema panics":                   {failing(nil), "panicked", "the check of the payload schemas panicked"},
		"a schema's error is a nil pointer": {failing(nil), "schema", "does not fit"},
		"a schema's error panics":           {failing(nil), "schema", "does not fit"},
		"a schema's error is a loop":        {failing(nil), "schema", "does not fit"},
		"a redaction panics":                {failing(nil), "panicked", "the check of the payload schemas panicked"},
	}
	middleware := func(next remoteevent.HandlerFunc) remoteevent.HandlerFunc {
		return func(ctx context.Context, d *remoteevent.Delivery) error {
			if kindOf(d.Payload()) == "a middleware panics" {
				panic("of the middleware")
			}
			return next(ctx, d)
		}
	}
	logged, logging := newLog()
	t.Cleanup(func() {
		if strings.Contains(logged.String(), "s3cret") {
			t.Error("the log contains a payload")
		}
	})
	for mode, options := range map[string][]remoteevent.ReceiverOption{
		"at least once":     {soon(), remoteevent.WithMaxAttempts(2)},
		"at most once":      {remoteevent.WithAtMostOnce()},
		"with dead letters": {remoteevent.WithAtMostOnce(), remoteevent.WithDeadLetters()},
	} {
		for log, option := range map[string]remoteevent.ReceiverOption{
			"":                                   logging,
			" a log handler panics":              remoteevent.WithLogger(slog.New(wildHandler{slog.DiscardHandler, func() { panic("of the handler") }})),
			" a log handler ends its goroutine":  remoteevent.WithLogger(slog.New(wildHandler{slog.DiscardHandler, runtime.Goexit})),
			" a logger is one without a handler": remoteevent.WithLogger(new(slog.Logger)),
		} {
			t.Run(mode+log, func(t *testing.T) {
				t.Parallel()
				client := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr()})
				defer client.Close()
				mux, err := remoteevent.NewMux(remoteevent.WithMiddleware(middleware))
				must(t, err)
				all := []remoteevent.ReceiverOption{option, remoteevent.WithPayloadSchemas(wildSchemas{}), remoteevent.WithQueues("file_event")}
				r := receiverOf(t, client, mux, append(all, options...)...)
				must(t, mux.Listen("file_event", func(ctx context.Context, d *remoteevent.Delivery) error {
					return kinds[kindOf(d.Payload())].listener(ctx, d)
				}))
				good := make(chan bool, 1)
				must(t, mux.Listen("good", func(context.Context, *remoteevent.Delivery) error { good <- true; return nil }))
				for kind := range kinds {
					message := fmt.Sprintf(`{"data": {"kind": %q, "field": "s3cret"}, "signals": ["file_event"]}`, kind)
					must(t, client.LPush(t.Context(), "file_event", message).Err())
				}
				must(t, client.LPush(t.Context(), "file_event", `{"data": {}, "signals": ["good"]}`).Err())
				stop := start(t, r)
				next(t, good)
				q, want := queue(t, client), queueadmin.Stats{Dead: int64(len(kinds))}
				if mode == "at most once" {
					want.Dead = 0
				}
				expectStats(t, q, want)
				must(t, stop())
				for _, letter := range deadLetters(t, q) {
					env, err := wire.Decode(letter.Raw, wire.Limits{})
					must(t, err)
					kind := kindOf(env.Payload)
					if want := kinds[kind]; string(letter.Code) != want.code || !strings.Contains(letter.Error, want.text) {
						t.Errorf("%s: %s: %.2000s", kind, letter.Code, letter.Error)
					}
					if text := fmt.Sprint(letter.Error, letter.Causes); strings.Contains(text, "s3cret") || len(text) > 15_000 {
						t.Errorf("%s: reason: %.5000s", kind, text)
					}
				}
			})
		}
	}
}

func numbered(n int) []error {
	errs := make([]error, n)
	for i := range errs {
		errs[i] = fmt.Errorf("number %d", i)
	}
	return errs
}

// TestContainmentOfSenders checks that panics of user code become errors of Send, and that
// other events are sent.
func TestContainmentOfSenders(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr()})
	defer client.Close()
	s := sender(t, client, remoteevent.WithPayloadSchemas(wildSchemas{}))
	events := []remoteevent.Event{wildJSON{}, (*wildJSON)(nil), goodEvent{}}
	for _, kind := range []string{"a schema panics", "a schema's error is a nil pointer", "a schema's error panics", "a schema's error is a loop", "a redaction panics"} {
		events = append(events, goodEvent{kind})
	}
	err := s.SendBatch(t.Context(), events...)
	batch, ok := err.(*remoteevent.BatchError)
	if !ok || batch.Count(remoteevent.Stored) != 1 || batch.Count(remoteevent.Rejected) != 7 || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("got %v", err)
	}
	for _, middleware := range []remoteevent.Middleware{
		func(remoteevent.HandlerFunc) remoteevent.HandlerFunc { panic("a middleware") },
		func(remoteevent.HandlerFunc) remoteevent.HandlerFunc { return nil },
		nil,
	} {
		if _, err := remoteevent.NewMux(remoteevent.WithMiddleware(middleware)); err == nil || !strings.Contains(err.Error(), "middleware 1") {
			t.Errorf("got %v", err)
		}
	}
}
