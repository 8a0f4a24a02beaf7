package remoteevent_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/remoteevent"
	"github.com/remote-events/remote-events/go/wire"
)

const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

// traced adds an attribute to every event.
func traced(next remoteevent.SendFunc) remoteevent.SendFunc {
	return func(ctx context.Context, events []*wire.Envelope) error {
		for _, env := range events {
			env.Metadata.Attributes["traceparent"] = traceparent
		}
		return next(ctx, events)
	}
}

// stored takes the oldest event of a queue.
func stored(t *testing.T, client *redis.Client, queue string) wire.Envelope {
	t.Helper()
	raw, err := client.RPop(t.Context(), queue).Bytes()
	must(t, err)
	env, err := wire.Decode(raw, wire.Limits{})
	must(t, err)
	return env
}

// TestSendMiddleware: events that are sent in any of the ways get the attribute, besides
// those of the sender, and an envelope of the caller stays as it is.
func TestSendMiddleware(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr()})
	defer client.Close()
	fresh, err := remoteevent.NewEnvelope(FileEvent{"a"})
	must(t, err)
	received := remoteevent.Stamp(fresh)
	id := received.Metadata.Attributes[wire.AttributeID]
	s := sender(t, client, remoteevent.WithSendMiddleware(traced), remoteevent.WithSource("/a"))
	plain := sender(t, client, remoteevent.WithSendMiddleware(traced), remoteevent.WithoutMetadata())
	for name, c := range map[string]struct {
		send func() error
		want map[string]bool // attributes
	}{
		"Send":                  {func() error { return s.Send(t.Context(), FileEvent{"a"}) }, map[string]bool{"id": true, "time": true, "source": true}},
		"SendBatch":             {func() error { return s.SendBatch(t.Context(), FileEvent{"a"}) }, map[string]bool{"id": true, "time": true, "source": true}},
		"Forward":               {func() error { return s.Forward(t.Context(), fresh) }, map[string]bool{"id": true, "time": true, "source": true}},
		"ForwardBatch":          {func() error { return s.ForwardBatch(t.Context(), fresh) }, map[string]bool{"id": true, "time": true, "source": true}},
		"Forward a received":    {func() error { return s.Forward(t.Context(), received) }, map[string]bool{"id": true, "time": true}},
		"Send without metadata": {func() error { return plain.Send(t.Context(), FileEvent{"a"}) }, map[string]bool{}},
		"Forward no map": {func() error {
			return plain.Forward(t.Context(), wire.Envelope{EventName: "file_event", Payload: []byte(`{"path": "a"}`)})
		}, map[string]bool{}},
	} {
		must(t, c.send())
		env := stored(t, client, "file_event")
		c.want["traceparent"] = true
		if len(env.Metadata.Attributes) != len(c.want) || env.Metadata.Attributes["traceparent"] != traceparent {
			t.Errorf("%s: the attributes are %v", name, env.Metadata.Attributes)
		}
		for attribute := range c.want {
			if env.Metadata.Attributes[attribute] == "" {
				t.Errorf("%s: the attribute %s is missing", name, attribute)
			}
		}
		if name == "Forward a received" && env.Metadata.Attributes["id"] != id {
			t.Error("the id is another one")
		}
		if !strings.Contains(string(env.Payload), `"path"`) {
			t.Errorf("%s: the payload is %s", name, env.Payload)
		}
	}
	if len(fresh.Metadata.Attributes) != 0 || len(received.Metadata.Attributes) != 2 {
		t.Errorf("the caller's envelopes were changed: %v, %v", fresh, received)
	}
}

// TestSendMiddlewareOrder: the first middleware is the outermost, over several options,
// and each sees the whole batch at once.
func TestSendMiddlewareOrder(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr()})
	defer client.Close()
	var order []string
	named := func(name string) remoteevent.SendMiddleware {
		return func(next remoteevent.SendFunc) remoteevent.SendFunc {
			return func(ctx context.Context, events []*wire.Envelope) error {
				order = append(order, fmt.Sprint(name, len(events)))
				return next(ctx, events)
			}
		}
	}
	s := sender(t, client, remoteevent.WithSendMiddleware(named("a"), named("b")), remoteevent.WithSendMiddleware(named("c")))
	must(t, s.SendBatch(t.Context(), FileEvent{"a"}, FileEvent{"b"}))
	if want := []string{"a2", "b2", "c2"}; !slices.Equal(order, want) {
		t.Errorf("the order is %v", order)
	}
	must(t, s.SendBatch(t.Context()))
	must(t, s.ForwardBatch(t.Context()))
	if len(order) != 3 {
		t.Errorf("an empty batch called middleware: %v", order)
	}
	if n := client.LLen(t.Context(), "file_event").Val(); n != 2 {
		t.Errorf("%d events are stored", n)
	}
}

// TestSendMiddlewareOutcomes: each event of a batch has its own outcome, whatever the
// middleware does.
func TestSendMiddlewareOutcomes(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr()})
	defer client.Close()
	own := errors.New("of the middleware")
	for name, c := range map[string]struct {
		send SendFunc
		want []remoteevent.Outcome // of an event that has no name, and two others
	}{
		"passed on": {func(ctx context.Context, events []*wire.Envelope, next remoteevent.SendFunc) error {
			return next(ctx, events)
		},
			[]remoteevent.Outcome{remoteevent.Rejected, remoteevent.Stored, remoteevent.Stored}},
		"one made invalid": {func(ctx context.Context, events []*wire.Envelope, next remoteevent.SendFunc) error {
			events[1].Metadata.Attributes["traceparent"] = "\xff"
			return fmt.Errorf("wrapped: %w", next(ctx, events))
		}, []remoteevent.Outcome{remoteevent.Rejected, remoteevent.Stored, remoteevent.Rejected}},
		"not sent": {func(context.Context, []*wire.Envelope, remoteevent.SendFunc) error { return own },
			[]remoteevent.Outcome{remoteevent.Rejected, remoteevent.Rejected, remoteevent.Rejected}},
		"unknown": {func(context.Context, []*wire.Envelope, remoteevent.SendFunc) error {
			return fmt.Errorf("%w: %w", remoteevent.ErrUnknown, own)
		}, []remoteevent.Outcome{remoteevent.Rejected, remoteevent.Unknown, remoteevent.Unknown}},
		"panicked": {func(context.Context, []*wire.Envelope, remoteevent.SendFunc) error { panic("s3cret") },
			[]remoteevent.Outcome{remoteevent.Rejected, remoteevent.Unknown, remoteevent.Unknown}},
		"an envelope that is nil": {func(ctx context.Context, _ []*wire.Envelope, next remoteevent.SendFunc) error {
			return next(ctx, []*wire.Envelope{nil, nil})
		}, []remoteevent.Outcome{remoteevent.Rejected, remoteevent.Rejected, remoteevent.Rejected}},
	} {
		s := sender(t, client, remoteevent.WithSendMiddleware(func(next remoteevent.SendFunc) remoteevent.SendFunc {
			return func(ctx context.Context, events []*wire.Envelope) error { return c.send(ctx, events, next) }
		}))
		err := s.SendBatch(t.Context(), nil, FileEvent{"a"}, FileEvent{"b"})
		var batch *remoteevent.BatchError
		if !errors.As(err, &batch) {
			t.Fatalf("%s: SendBatch returned %v", name, err)
		}
		var got []remoteevent.Outcome
		for _, result := range batch.Results {
			got = append(got, result.Outcome)
		}
		if !slices.Equal(got, c.want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: the outcomes are %v; the error is %v", name, got, err)
		}
		switch err := s.Send(t.Context(), FileEvent{"a"}); {
		case name == "not sent" && !errors.Is(err, own), name == "unknown" && !errors.Is(err, own):
			t.Errorf("%s: Send returned %v", name, err)
		case name == "panicked" && (!errors.Is(err, remoteevent.ErrUnknown) || strings.Contains(err.Error(), "s3cret")):
			t.Errorf("%s: Send returned %v", name, err)
		}
	}
}

// SendFunc is what a middleware of TestSendMiddlewareOutcomes does.
type SendFunc func(ctx context.Context, events []*wire.Envelope, next remoteevent.SendFunc) error

// TestSendMiddlewareRetries: an event that a middleware sends again keeps its id.
func TestSendMiddlewareRetries(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr()})
	defer client.Close()
	s := sender(t, client, remoteevent.WithSendMiddleware(func(next remoteevent.SendFunc) remoteevent.SendFunc {
		return func(ctx context.Context, events []*wire.Envelope) error {
			return errors.Join(next(ctx, events), next(ctx, events))
		}
	}))
	must(t, s.Send(t.Context(), FileEvent{"a"}))
	first, second := stored(t, client, "file_event"), stored(t, client, "file_event")
	if id := first.Metadata.Attributes["id"]; id == "" || id != second.Metadata.Attributes["id"] {
		t.Errorf("the ids are %q and %q", id, second.Metadata.Attributes["id"])
	}
}

// TestSendMiddlewareOptions: middleware without sense is an error of the constructor.
func TestSendMiddlewareOptions(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{})
	defer client.Close()
	for name, middleware := range map[string]remoteevent.SendMiddleware{
		"is nil":       nil,
		"returned nil": func(remoteevent.SendFunc) remoteevent.SendFunc { return nil },
		"panicked":     func(remoteevent.SendFunc) remoteevent.SendFunc { panic("s3cret") },
	} {
		_, err := remoteevent.NewSender(client, remoteevent.WithSendMiddleware(traced, middleware))
		if err == nil || !strings.Contains(err.Error(), "NewSender: WithSendMiddleware: middleware 2 "+name) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: NewSender returned %v", name, err)
		}
	}
}

// TestNewEnvelopeTakesAttributes: what NewEnvelope returns has a map to set attributes
// in, which the event keeps when it is forwarded.
func TestNewEnvelopeTakesAttributes(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr()})
	defer client.Close()
	env, err := remoteevent.NewEnvelope(FileEvent{"a"})
	must(t, err)
	env.Metadata.Attributes["traceparent"] = traceparent
	must(t, sender(t, client).Forward(t.Context(), env))
	if got := stored(t, client, "file_event").Metadata.Attributes; got["traceparent"] != traceparent || got["id"] == "" {
		t.Errorf("the attributes are %v", got)
	}
}
