package remoteeventotel_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/remote-events/remote-events/go/internal/redistest"
	remoteeventotel "github.com/remote-events/remote-events/go/otel"
	"github.com/remote-events/remote-events/go/remoteevent"
	"github.com/remote-events/remote-events/go/wire"
)

// released has the messages of TestOutcomes that were released once.
var released sync.Map

func acknowledge(context.Context, *remoteevent.Delivery) error { return nil }

func sender(t testing.TB, client redis.UniversalClient, options ...remoteevent.SenderOption) *remoteevent.Sender {
	t.Helper()
	s, err := remoteevent.NewSender(client, append(options, quiet)...)
	must(t, err)
	return s
}

func TestNewRejects(t *testing.T) {
	t.Parallel()
	for name, option := range map[string]remoteeventotel.Option{
		"an option is nil": nil, "WithTracerProvider(nil)": remoteeventotel.WithTracerProvider(nil),
		"WithMeterProvider(nil)": remoteeventotel.WithMeterProvider(nil), "WithPropagator(nil)": remoteeventotel.WithPropagator(nil),
	} {
		if _, err := remoteeventotel.New(option); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("New returned %v instead of an error with %q", err, name)
		}
	}
}

// TestLink: the span of a delivery is the root of a trace and links to the sender's span, or
// is its child as well. The handler works in it.
func TestLink(t *testing.T) {
	t.Parallel()
	for name, options := range map[string][]remoteeventotel.Option{"root": nil, "child": {remoteeventotel.WithSenderAsParent()}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			redistest.Each(t, func(t *testing.T, client *redis.Client) {
				r := record(t, options...)
				var inner trace.SpanContext
				ended := make(handled, 10)
				run(t, client, remoteevent.HandlerFunc(func(ctx context.Context, _ *remoteevent.Delivery) error {
					inner = trace.SpanContextFromContext(ctx)
					return nil
				}), r.Receiver(), remoteevent.WithHooks(ended))

				ctx, caller := r.tracer.Tracer("test").Start(t.Context(), "caller")
				must(t, sender(t, client, r.Sender()).Send(ctx, FileEvent{"/a"}))
				caller.End()
				ended.wait(t, remoteevent.Acknowledged)

				send, process := r.one(t, "send file_event"), r.one(t, "process file_event")
				if send.SpanKind() != trace.SpanKindProducer || send.Parent().SpanID() != caller.SpanContext().SpanID() {
					t.Errorf("the sender's span is a %v with the parent %v", send.SpanKind(), send.Parent())
				}
				if links := process.Links(); len(links) != 1 || links[0].SpanContext.SpanID() != send.SpanContext().SpanID() {
					t.Errorf("the delivery's span has the links %v", links)
				}
				if process.SpanKind() != trace.SpanKindConsumer || inner.SpanID() != process.SpanContext().SpanID() {
					t.Errorf("the delivery's span is a %v, and the handler works in the span %v", process.SpanKind(), inner.SpanID())
				}
				if child := process.Parent().SpanID() == send.SpanContext().SpanID(); child != (name == "child") {
					t.Errorf("the delivery's span has the parent %v", process.Parent())
				}
				for key, want := range map[attribute.Key]string{
					"messaging.system": "remote_events", "messaging.operation.name": "process", "messaging.operation.type": "process",
					"messaging.destination.name": "file_event", "remote_events.event": "file_event", "messaging.message.body.size": "13",
					"messaging.message.id": valueOf(send, "messaging.message.id"), "remote_events.delivery.attempt": "1",
					"remote_events.delivery.max_attempts": "25", "remote_events.disposition": "acknowledged", "error.type": "",
				} {
					if got := valueOf(process, key); got != want {
						t.Errorf("the delivery's span has %s = %q instead of %q", key, got, want)
					}
				}
				if valueOf(send, "messaging.message.id") == "" || valueOf(process, "remote_events.delivery.id") == "" {
					t.Error("the spans do not name the event and the delivery")
				}
			})
		})
	}
}

// TestRunHasSpan: a span around Run is neither the parent of deliveries nor linked to them.
func TestRunHasSpan(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		r := record(t, remoteeventotel.WithSenderAsParent())
		ended := make(handled, 10)
		receiver, err := remoteevent.NewReceiver(client, remoteevent.HandlerFunc(acknowledge), remoteevent.WithQueues("file_event"), quiet,
			r.Receiver(), remoteevent.WithHooks(ended))
		must(t, err)
		ctx, around := r.tracer.Tracer("test").Start(t.Context(), "run")
		ctx, cancel := context.WithCancel(ctx)
		done := make(chan error, 1)
		go func() { done <- receiver.Run(ctx) }()
		must(t, client.LPush(t.Context(), "file_event", `{"data": {}, "signals": ["file_event"]}`, "malformed").Err())
		ended.wait(t, remoteevent.Acknowledged, remoteevent.DeadLettered)
		cancel()
		must(t, <-done)
		around.End()
		spans := r.named("process file_event")
		if len(spans) != 2 {
			t.Fatalf("%d deliveries have a span", len(spans))
		}
		for _, span := range spans {
			if span.Parent().IsValid() || len(span.Links()) > 0 {
				t.Errorf("the span has the parent %v and the links %v", span.Parent(), span.Links())
			}
		}
	})
}

// TestOriginalSender: an event of an original has no traceparent, and its span no link.
func TestOriginalSender(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes many seconds")
	}
	addr := redistest.Start(t, redistest.FreeAddr(t)).Addr
	client := redis.NewClient(&redis.Options{Addr: addr})
	t.Cleanup(func() { _ = client.Close() })
	r := record(t)
	ended := make(handled, 10)
	var path atomic.Value
	mux, err := remoteevent.NewMux()
	must(t, err)
	must(t, remoteevent.Handle(mux, func(_ context.Context, e FileEvent) error {
		path.Store(e.Path)
		return nil
	}))
	run(t, client, mux, r.Receiver(), remoteevent.WithHooks(ended))

	find := exec.CommandContext(t.Context(), "go", "run", "./cmd/compat", "python", "1.6")
	find.Dir, find.Stderr = filepath.Join("..", "..", "compat"), t.Output()
	python, err := find.Output()
	must(t, err)
	original := exec.CommandContext(t.Context(), strings.TrimSpace(string(python)), "send.py")
	host, port, err := net.SplitHostPort(addr)
	must(t, err)
	original.Dir = filepath.Join("testdata", "original")
	original.Env = append(original.Environ(), "REDIS_HOST="+host, "REDIS_PORT="+port, "PYTHONDONTWRITEBYTECODE=1")
	if output, err := original.CombinedOutput(); err != nil {
		t.Fatalf("the original: %v\n%s", err, output)
	}
	ended.wait(t, remoteevent.Acknowledged)
	span := r.one(t, "process file_event")
	if path.Load() != "/from/python" || len(span.Links()) != 0 || span.Parent().IsValid() || valueOf(span, "messaging.message.id") != "" {
		t.Errorf("the event of %v has a span with the links %v and the id %q", path.Load(), span.Links(), valueOf(span, "messaging.message.id"))
	}
}

// TestOutcomes: the span of each attempt has its disposition and the type of its error, and
// no text of it unless that is permitted.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	const secret = "card 4111-1111"
	for name, c := range map[string]struct {
		handle       func(d *remoteevent.Delivery) error
		dispositions []remoteevent.Disposition
		errors       []string
	}{
		"retried": {func(d *remoteevent.Delivery) error {
			if d.Attempt < 3 {
				return errors.New(secret)
			}
			return nil
		}, []remoteevent.Disposition{remoteevent.Retried, remoteevent.Retried, remoteevent.Acknowledged}, []string{"failed", "failed", ""}},
		"last attempt": {func(*remoteevent.Delivery) error { return errors.New(secret) },
			[]remoteevent.Disposition{remoteevent.Retried, remoteevent.Retried, remoteevent.DeadLettered}, []string{"failed", "failed", "failed"}},
		"permanent": {func(*remoteevent.Delivery) error { return remoteevent.Permanent(errors.New(secret)) },
			[]remoteevent.Disposition{remoteevent.DeadLettered}, []string{"permanent"}},
		"panic": {func(d *remoteevent.Delivery) error {
			if d.Attempt == 1 {
				panic(secret)
			}
			return nil
		}, []remoteevent.Disposition{remoteevent.Retried, remoteevent.Acknowledged}, []string{"panicked", ""}},
		"released": {func(d *remoteevent.Delivery) error {
			if _, again := released.LoadOrStore(string(d.Raw), true); !again {
				return remoteevent.ErrRelease
			}
			return nil
		}, []remoteevent.Disposition{remoteevent.Released, remoteevent.Acknowledged}, []string{"", ""}},
	} {
		for _, permitted := range []bool{false, true} {
			t.Run(fmt.Sprint(name, " ", permitted), func(t *testing.T) {
				t.Parallel()
				redistest.Each(t, func(t *testing.T, client *redis.Client) {
					var options []remoteeventotel.Option
					if permitted {
						options = append(options, remoteeventotel.WithErrorText())
					}
					r := record(t, options...)
					ended := make(handled, 10)
					run(t, client, remoteevent.HandlerFunc(func(_ context.Context, d *remoteevent.Delivery) error { return c.handle(d) }),
						r.Receiver(), remoteevent.WithHooks(ended), remoteevent.WithMaxAttempts(3), remoteevent.WithBackoff(time.Millisecond, time.Millisecond))
					must(t, sender(t, client, r.Sender()).Send(t.Context(), FileEvent{t.Name()}))
					ended.wait(t, c.dispositions...)
					spans := r.named("process file_event")
					if len(spans) != len(c.dispositions) {
						t.Fatalf("%d attempts have a span", len(spans))
					}
					for i, span := range spans {
						if got := valueOf(span, "remote_events.disposition"); got != c.dispositions[i].String() {
							t.Errorf("attempt %d has the disposition %q", i+1, got)
						}
						if got := valueOf(span, "error.type"); got != c.errors[i] || (span.Status().Code == codes.Error) != (got != "") {
							t.Errorf("attempt %d has the error %q and the status %v", i+1, got, span.Status())
						}
						if (valueOf(span, "remote_events.retry_in") != "") != (c.dispositions[i] == remoteevent.Retried) {
							t.Errorf("attempt %d has the delay %q", i+1, valueOf(span, "remote_events.retry_in"))
						}
						if text := fmt.Sprint(span.Attributes(), span.Events(), span.Status()); strings.Contains(text, secret) != (permitted && c.errors[i] != "") {
							t.Errorf("attempt %d has a span with %s", i+1, text)
						}
						if len(span.Links()) != 1 {
							t.Errorf("attempt %d has the links %v", i+1, span.Links())
						}
					}
					counted := map[string]int64{}
					for i := range spans {
						errorType := c.errors[i]
						if errorType == "" {
							errorType = "-"
						}
						counted["file_event "+c.dispositions[i].String()+" "+errorType]++
					}
					metrics := r.collect(t)
					for _, name := range []string{"messaging.client.consumed.messages", "messaging.process.duration"} {
						if got := points(t, metrics[name], "messaging.destination.name", "remote_events.disposition", "error.type"); fmt.Sprint(got) != fmt.Sprint(counted) {
							t.Errorf("%s has %v instead of %v", name, got, counted)
						}
					}
				})
			})
		}
	}
}

// TestUnread: a message that cannot be decoded has a span without a link, and one that
// names its sender's span in a wrong form has no link.
func TestUnread(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		r := record(t)
		ended := make(handled, 10)
		run(t, client, remoteevent.HandlerFunc(acknowledge), r.Receiver(), remoteevent.WithHooks(ended))
		long := strings.Repeat("é", 10_000)
		must(t, client.LPush(t.Context(), "file_event", "secret, malformed",
			`{"data": {}, "signals": ["`+long+`"], "metadata": {"traceparent": "00-0-0-01", "tracestate": "x", "id": "`+long+`"}}`).Err())
		ended.wait(t, remoteevent.DeadLettered, remoteevent.Acknowledged)
		spans := r.named("process file_event")
		if len(spans) != 2 {
			t.Fatalf("%d messages have a span", len(spans))
		}
		if span := spans[0]; valueOf(span, "error.type") != "malformed" || valueOf(span, "remote_events.disposition") != "dead-lettered" ||
			valueOf(span, "remote_events.delivery.id") == "" || strings.Contains(fmt.Sprint(span.Attributes(), span.Status()), "secret") {
			t.Errorf("the malformed message has a span with %v", span.Attributes())
		}
		for _, key := range []attribute.Key{"messaging.message.id", "remote_events.event"} {
			if value := valueOf(spans[1], key); len(value) > 256 || !strings.HasSuffix(value, "é…") {
				t.Errorf("%s has %d bytes: %q", key, len(value), value)
			}
		}
		if len(spans[1].Links()) != 0 {
			t.Errorf("the message with a wrong traceparent has the links %v", spans[1].Links())
		}
	})
}

// TestBatch: a batch is one span whose context all of its events have, except those that
// have one of their own.
func TestBatch(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		r := record(t)
		s := sender(t, client, r.Sender(), remoteevent.WithMaxSendBytes(1000))
		must(t, s.SendBatch(t.Context(), FileEvent{"/a"}, FileEvent{"/b"}))
		first := r.one(t, "send file_event")
		if valueOf(first, "messaging.batch.message_count") != "2" || valueOf(first, "messaging.message.id") != "" || len(first.Links()) != 0 {
			t.Errorf("the span of a batch has %v and the links %v", first.Attributes(), first.Links())
		}
		var forwarded []wire.Envelope
		for _, raw := range client.LRange(t.Context(), "file_event", 0, -1).Val() {
			d, err := remoteevent.NewDelivery("file_event", []byte(raw))
			must(t, err)
			forwarded = append(forwarded, d.Envelope())
			if parent := d.Attribute("traceparent"); !strings.Contains(parent, first.SpanContext().SpanID().String()) {
				t.Errorf("an event of the batch has the traceparent %q", parent)
			}
		}

		before := forwarded[0].Metadata.Attributes["traceparent"]
		fresh, err := remoteevent.NewEnvelope(FileEvent{"/c"})
		must(t, err)
		tooLong, err := remoteevent.NewEnvelope(FileEvent{strings.Repeat("x", 2000)})
		must(t, err)
		other := wire.Envelope{EventName: "other_event", Payload: []byte("{}")}
		err = s.ForwardBatch(t.Context(), forwarded[0], fresh, tooLong, other)
		var batch *remoteevent.BatchError
		if !errors.As(err, &batch) || batch.Count(remoteevent.Stored) != 3 {
			t.Fatalf("ForwardBatch returned %v", err)
		}
		span := r.one(t, "send")
		if valueOf(span, "error.type") != "rejected" || valueOf(span, "remote_events.batch.failed_count") != "1" || span.Status().Code != codes.Error {
			t.Errorf("the span has %v and the status %v", span.Attributes(), span.Status())
		}
		if links := span.Links(); len(links) != 1 || links[0].SpanContext.SpanID() != first.SpanContext().SpanID() {
			t.Errorf("the span has the links %v", links)
		}
		d, err := remoteevent.NewDelivery("file_event", []byte(client.LIndex(t.Context(), "file_event", 1).Val()))
		must(t, err)
		if d.Attribute("traceparent") != before {
			t.Errorf("the forwarded event has the traceparent %q instead of %q", d.Attribute("traceparent"), before)
		}
		want := map[string]int64{"file_event -": 4, "file_event rejected": 1, "other_event -": 1}
		metrics := r.collect(t)
		if got := points(t, metrics["messaging.client.sent.messages"], "messaging.destination.name", "error.type"); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("messaging.client.sent.messages has %v instead of %v", got, want)
		}
		want = map[string]int64{"file_event -": 1, "- rejected": 1}
		if got := points(t, metrics["messaging.client.operation.duration"], "messaging.destination.name", "error.type"); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("messaging.client.operation.duration has %v instead of %v", got, want)
		}
	})
}

// TestSendErrors: the span of a sender has the type of the error.
func TestSendErrors(t *testing.T) {
	t.Parallel()
	addr := redistest.Start(t, redistest.FreeAddr(t), "--maxmemory", "1", "--maxmemory-policy", "noeviction").Addr
	full := redis.NewClient(&redis.Options{Addr: addr})
	t.Cleanup(func() { _ = full.Close() })
	closed := redis.NewClient(&redis.Options{Addr: addr})
	must(t, closed.Close())
	fail := func(err error) remoteevent.SenderOption {
		return remoteevent.WithSendMiddleware(func(remoteevent.SendFunc) remoteevent.SendFunc {
			return func(context.Context, []*wire.Envelope) error { return err }
		})
	}
	for want, c := range map[string]struct {
		client *redis.Client
		path   string
		option remoteevent.SenderOption
	}{
		"OOM": {full, "/a", quiet}, "not_sent": {closed, "/a", quiet}, "rejected": {full, "\xff", quiet},
		"unknown_outcome": {full, "/a", fail(remoteevent.ErrUnknown)}, "_OTHER": {full, "/a", fail(errors.New("secret"))},
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			r := record(t)
			env := wire.Envelope{EventName: "file_event", Payload: []byte(`{"path": "` + c.path + `"}`)}
			if err := sender(t, c.client, r.Sender(), c.option).Forward(t.Context(), env); err == nil {
				t.Fatal("the event was sent")
			}
			span := r.one(t, "send file_event")
			if got := valueOf(span, "error.type"); got != want || span.Status().Code != codes.Error || span.Status().Description != "" {
				t.Errorf("the span has the error %q and the status %v", got, span.Status())
			}
			if got := points(t, r.collect(t)["messaging.client.sent.messages"], "error.type"); got[want] != 1 {
				t.Errorf("messaging.client.sent.messages has %v", got)
			}
		})
	}
}

// TestSendPanic: the span of a call ends if a middleware within panics.
func TestSendPanic(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{}) // never used
	t.Cleanup(func() { _ = client.Close() })
	r := record(t)
	s := sender(t, client, r.Sender(), remoteevent.WithSendMiddleware(func(remoteevent.SendFunc) remoteevent.SendFunc {
		return func(context.Context, []*wire.Envelope) error { panic("secret") }
	}))
	if err := s.Send(t.Context(), FileEvent{"/a"}); !errors.Is(err, remoteevent.ErrUnknown) {
		t.Fatalf("Send returned %v", err)
	}
	if span := r.one(t, "send file_event"); span.Status().Code != codes.Error {
		t.Errorf("the span has the status %v", span.Status())
	}
}

// TestPropagator: baggage travels if the propagator has it, and fields whose names no
// attribute can have do not.
func TestPropagator(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		r := record(t, remoteeventotel.WithPropagator(propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{}, hyphenated{})))
		member, err := baggage.NewMember("tenant", "7")
		must(t, err)
		bag, err := baggage.New(member)
		must(t, err)
		ended := make(handled, 10)
		got := make(chan string, 1)
		run(t, client, remoteevent.HandlerFunc(func(ctx context.Context, _ *remoteevent.Delivery) error {
			got <- baggage.FromContext(ctx).Member("tenant").Value()
			return nil
		}), r.Receiver(), remoteevent.WithHooks(ended))
		must(t, sender(t, client, r.Sender()).Send(baggage.ContextWithBaggage(t.Context(), bag), FileEvent{"/a"}))
		ended.wait(t, remoteevent.Acknowledged)
		if tenant := <-got; tenant != "7" {
			t.Errorf("the handler has the tenant %q", tenant)
		}
	})
}

// hyphenated is a propagator whose field cannot be an attribute.
type hyphenated struct{}

func (hyphenated) Inject(_ context.Context, c propagation.TextMapCarrier) { c.Set("x-trace", "1") }
func (hyphenated) Extract(ctx context.Context, _ propagation.TextMapCarrier) context.Context {
	return ctx
}
func (hyphenated) Fields() []string { return []string{"x-trace"} }

// TestConcurrent: each of many deliveries at a time has a span of its own that links to
// the span of its sender.
func TestConcurrent(t *testing.T) {
	t.Parallel()
	const senders, events = 8, 50
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		r := record(t)
		ended := make(handled, senders*events*2)
		var failed atomic.Int64
		run(t, client, remoteevent.HandlerFunc(func(_ context.Context, d *remoteevent.Delivery) error {
			if d.Attempt == 1 && failed.Add(1)%10 == 0 {
				return errors.New("failed")
			}
			return nil
		}), r.Receiver(), remoteevent.WithHooks(ended), remoteevent.WithConcurrency(8), remoteevent.WithBackoff(time.Millisecond, time.Millisecond))
		s := sender(t, client, r.Sender())
		errs := make(chan error, senders)
		for range senders {
			go func() {
				var err error
				for range events {
					err = errors.Join(err, s.Send(t.Context(), FileEvent{"/a"}))
				}
				errs <- err
			}()
		}
		for range senders {
			must(t, <-errs)
		}
		for acknowledged := 0; acknowledged < senders*events; {
			select {
			case d := <-ended:
				if d == remoteevent.Acknowledged {
					acknowledged++
				}
			case <-time.After(20 * time.Second):
				t.Fatalf("%d events were acknowledged", acknowledged)
			}
		}
		linked := map[trace.SpanID]int{}
		for _, span := range r.named("process file_event") {
			for _, link := range span.Links() {
				linked[link.SpanContext.SpanID()]++
			}
		}
		for _, span := range r.named("send file_event") {
			if linked[span.SpanContext().SpanID()] == 0 {
				t.Errorf("no delivery links to the span %v of a sender", span.SpanContext().SpanID())
			}
		}
		if got := points(t, r.collect(t)["messaging.client.consumed.messages"], "remote_events.disposition"); got["acknowledged"] != senders*events || got["retried"] != senders*events/10 {
			t.Errorf("messaging.client.consumed.messages has %v", got)
		}
	})
}
