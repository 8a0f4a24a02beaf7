package protocol_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/remote-events/remote-events/compat/internal/protocol"
)

// fake sends every event except "no", and reports one call and one end.
type fake struct{ sent []protocol.Message }

func (f *fake) Identity() protocol.Identity {
	return protocol.Identity{Name: "fake", Classes: []protocol.Class{protocol.Sender}}
}

func (f *fake) Send(_ context.Context, message protocol.Message) error {
	if message.EventName == "no" {
		return errors.New("not sent <1>")
	}
	f.sent = append(f.sent, message)
	return nil
}

func (f *fake) Receive(_ context.Context, queues, signals []string, report func(protocol.Observation)) error {
	report(protocol.Event{Signal: signals[0], PayloadText: "{}", Metadata: map[string]string{}})
	report(protocol.Died{Queue: queues[0]})
	return nil
}

// TestServe makes each request and compares the lines of the adapter.
func TestServe(t *testing.T) {
	t.Parallel()
	requests := []protocol.Request{
		protocol.Hello(),
		protocol.Send(protocol.Message{EventName: "e", PayloadText: "{}"}),
		protocol.Send(protocol.Message{EventName: "no"}),
		protocol.Receive([]string{"q"}, []string{""}),
		{Op: "what"},
		{Op: "send"},
		protocol.Receive([]string{"q"}, []string{""}),
		protocol.Stop(),
		protocol.Hello(),
	}
	var in bytes.Buffer
	for i := range requests {
		if requests[i].Op != "hello" && requests[i].Op != "stop" {
			requests[i].ID = int64(i)
		}
		line, err := protocol.Encode(requests[i])
		if err != nil {
			t.Fatal(err)
		}
		in.Write(line)
	}
	if !strings.Contains(in.String(), `{"op":"send","id":1,"event_name":"e","parents":[],"payload_text":"{}"}`) || !strings.Contains(in.String(), `{"op":"stop"}`) {
		t.Errorf("the requests are %s", in.String())
	}
	var out bytes.Buffer
	f := &fake{}
	if err := protocol.Serve(t.Context(), &in, &out, f); err != nil {
		t.Fatal(err)
	}
	want := `{"op":"hello","protocol":1,"name":"fake","version":"","classes":["sender"]}
{"op":"sent","id":1}
{"op":"failed","id":2,"error":"not sent <1>"}
{"op":"event","signal":"","event_name":"","signals":[],"payload_text":"{}","metadata":{}}
{"op":"died","error":"","queue":"q"}
{"op":"ready","id":3}
{"op":"failed","id":4,"error":"unknown request \"what\""}
{"op":"failed","id":5,"error":"unknown request \"send\""}
{"op":"failed","id":6,"error":"an adapter receives once"}
`
	if out.String() != want {
		t.Errorf("the answers are\n%s, want\n%s", out.String(), want)
	}
	if len(f.sent) != 1 || f.sent[0].EventName != "e" {
		t.Errorf("it sent %v", f.sent)
	}
	for line := range strings.Lines(out.String()) {
		if _, err := protocol.Parse([]byte(line)); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
}

// TestServeUnreadable: a line that is not a request ends the session.
func TestServeUnreadable(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := protocol.Serve(t.Context(), strings.NewReader("[1]\n{\"op\":\"hello\"}\n"), &out, &fake{}); err != nil {
		t.Fatal(err)
	}
	if want := `{"op":"failed","error":"the line is not a JSON object of the protocol"}` + "\n"; out.String() != want {
		t.Errorf("the answers are %s, want %s", out.String(), want)
	}
}

// TestClasses: hello may claim the classes of the specification only, and the error for
// another names them. A class determines the requests.
func TestClasses(t *testing.T) {
	t.Parallel()
	hello := func(class string) error {
		_, err := protocol.Parse([]byte(`{"op":"hello","protocol":1,"name":"it","version":"1","classes":["receiver","` + class + `"]}`))
		return err
	}
	if err := hello("send"); err == nil || !strings.Contains(err.Error(), `"send", which does not exist; the classes are: sender, legacy-safe sender, receiver, `) {
		t.Errorf("an unknown class: %v", err)
	}
	for class, op := range map[protocol.Class]string{
		protocol.Sender: "send", protocol.LegacySafeSender: "send", protocol.Receiver: "receive", protocol.ReliableReceiver: "receive",
		protocol.Validator: "evaluate", protocol.Converter: "evaluate", protocol.ConfigurationReader: "evaluate", "relay": "",
	} {
		if err := hello(string(class)); err != nil {
			t.Error(err)
		}
		for _, other := range []string{"send", "receive", "evaluate"} {
			if got := class.Gets(other); got != (other == op) {
				t.Errorf("%s gets %s: %v", class, other, got)
			}
		}
	}
}
