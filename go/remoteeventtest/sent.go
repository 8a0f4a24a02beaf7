package remoteeventtest

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/queueadmin"
	"github.com/remote-events/remote-events/go/remoteevent"
	"github.com/remote-events/remote-events/go/wire"
)

// NewSender returns a sender for code under test, and a client of its Redis, as made by
// [Redis]. Pass the client to [RequireSent]. After
// client.Close, every event is rejected with [remoteevent.ErrNotSent].
//
// The sender is a real one: it rejects events that cannot be sent. The test fails if
// the options are wrong.
func NewSender(t testing.TB, options ...remoteevent.SenderOption) (*remoteevent.Sender, *redis.Client) {
	t.Helper()
	client := Redis(t)
	sender, err := remoteevent.NewSender(client, options...)
	if err != nil {
		t.Fatalf("remoteeventtest.NewSender: %v", err)
	}
	return sender, client
}

// RequireSent returns the event of type E that was sent. The test fails unless exactly
// one event with E's name is in E's queue, and if its payload does not fit E. The
// failure names the events that are in all queues instead, without their payloads.
//
// The event stays in its queue. RequireSent does not find events that a receiver
// has taken.
func RequireSent[E remoteevent.Event](t testing.TB, client redis.UniversalClient) E {
	t.Helper()
	events := Sent[E](t, client)
	if len(events) != 1 {
		t.Fatalf("RequireSent: %d events %q were sent, not 1; %s", len(events), nameOf[E](t), holdings(t, client))
	}
	return events[0]
}

// RequireNotSent fails the test if an event with E's name is in E's queue. It does not
// find events that a receiver has taken.
func RequireNotSent[E remoteevent.Event](t testing.TB, client redis.UniversalClient) {
	t.Helper()
	if events := Sent[E](t, client); len(events) != 0 {
		t.Fatalf("RequireNotSent: %d events %q were sent; %s", len(events), nameOf[E](t), holdings(t, client))
	}
}

// Sent returns the events of type E in E's queue, in the order in which they were
// sent. Events of other types in the queue are passed over. The test fails if a
// payload does not fit E. The events stay in their queue.
func Sent[E remoteevent.Event](t testing.TB, client redis.UniversalClient) []E {
	t.Helper()
	name := nameOf[E](t)
	messages, err := messagesOf(t, client, name)
	if err != nil {
		t.Fatalf("read the queue %q: %v", name, err)
	}
	var events []E
	for _, message := range messages {
		envelope, err := wire.Decode(message, wire.Limits{})
		if err != nil || envelope.EventName != name {
			continue
		}
		event, err := remoteevent.Decode[E](envelope)
		if err != nil {
			t.Fatalf("an event was sent that does not fit %v: %v", reflect.TypeFor[E](), err)
		}
		events = append(events, event)
	}
	return events
}

// nameOf returns the name of the events of a type, which is also the name of their queue.
func nameOf[E remoteevent.Event](t testing.TB) string {
	t.Helper()
	var mux remoteevent.Mux
	if err := remoteevent.Handle(&mux, func(context.Context, E) error { return nil }); err != nil {
		t.Fatal(err)
	}
	return mux.Queues()[0]
}

// messagesOf returns the messages of a queue in the order in which they were sent.
func messagesOf(t testing.TB, client redis.UniversalClient, queue string) ([][]byte, error) {
	t.Helper()
	texts, err := client.LRange(context.WithoutCancel(t.Context()), queue, 0, -1).Result()
	if err != nil {
		return nil, err
	}
	messages := make([][]byte, 0, len(texts))
	for _, text := range slices.Backward(texts) {
		messages = append(messages, []byte(text))
	}
	return messages, nil
}

// holdings describes the messages of all queues by the names of their events.
func holdings(t testing.TB, client redis.UniversalClient) string {
	t.Helper()
	queues, err := queueadmin.FindQueues(context.WithoutCancel(t.Context()), client)
	if err != nil {
		return fmt.Sprintf("the queues cannot be listed: %v", err)
	}
	var lines []string
	for _, queue := range queues {
		messages, err := messagesOf(t, client, queue)
		if err != nil {
			lines = append(lines, fmt.Sprintf("queue %q cannot be read: %v", queue, err))
			continue
		}
		var names []string
		for _, message := range messages {
			name := "a malformed message"
			if envelope, err := wire.Decode(message, wire.Limits{}); err == nil {
				name = fmt.Sprintf("%q", envelope.EventName)
			}
			names = append(names, name)
		}
		if len(names) > 0 {
			lines = append(lines, fmt.Sprintf("queue %q has %s", queue, strings.Join(names, ", ")))
		}
	}
	if len(lines) == 0 {
		return "all queues are empty"
	}
	return strings.Join(lines, "; ")
}
