package protocol_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
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

func (f *fake) Receive(_ context.Context, reception protocol.Reception, report func(protocol.Observation) error) error {
	if err := report(protocol.Event{Signal: reception.Signals[0], PayloadText: "{}", Metadata: map[string]string{}}); err != nil {
		return err
	}
	return report(protocol.Died{Queue: reception.Queues[0]})
}

func (f *fake) Wait() {}

// TestServe makes each request and compares the lines of the adapter.
func TestServe(t *testing.T) {
	t.Parallel()
	requests := []protocol.Request{
		protocol.Hello(),
		protocol.Send(protocol.Message{EventName: "e", PayloadText: "{}"}),
		protocol.Send(protocol.Message{EventName: "no"}),
		protocol.Receive(protocol.Reception{Queues: []string{"q"}, Signals: []string{""}}),
		{Head: protocol.Head{Op: "what"}},
		{Head: protocol.Head{Op: "send"}},
		protocol.Receive(protocol.Reception{Queues: []string{"q"}, Signals: []string{""}}),
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
{"op":"failed","id":4,"error":"unsupported request \"what\""}
{"op":"failed","id":5,"error":"unsupported request \"send\""}
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
		protocol.Sender: "send", protocol.LegacySafeSender: "send", protocol.Receiver: "receive", protocol.ReliableReceiver: protocol.ReceiveReliably,
		protocol.Validator: "evaluate", protocol.Converter: "evaluate", protocol.ConfigurationReader: "evaluate", "relay": "",
	} {
		if err := hello(string(class)); err != nil {
			t.Error(err)
		}
		for _, other := range []string{"send", "receive", protocol.ReceiveReliably, "evaluate"} {
			if got := class.Gets(other); got != (other == op) {
				t.Errorf("%s gets %s: %v", class, other, got)
			}
		}
	}
}

// consumer receives one event, and records how its listener ended.
type consumer struct {
	fake

	running sync.WaitGroup
	ended   error
	stopped bool // before the listener ended
}

func (c *consumer) Receive(ctx context.Context, _ protocol.Reception, report func(protocol.Observation) error) error {
	c.running.Go(func() {
		c.ended = report(protocol.Event{PayloadText: "{}"})
		c.stopped = ctx.Err() != nil
	})
	return nil
}

func (c *consumer) Wait() { c.running.Wait() }

// TestServeHeldCall holds the call of a listener until the harness returns it, also after
// the request to stop, or until the end of the input.
func TestServeHeldCall(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		end     []protocol.Request
		want    string
		stopped bool
	}{
		"success":            {[]protocol.Request{protocol.EndCall(protocol.Return{Call: 1})}, "", false},
		"failure":            {[]protocol.Request{protocol.EndCall(protocol.Return{Call: 1, Error: "no", Permanent: true})}, "no", false},
		"after stop":         {[]protocol.Request{protocol.Stop(), protocol.EndCall(protocol.Return{Call: 1})}, "", true},
		"another call":       {[]protocol.Request{protocol.EndCall(protocol.Return{Call: 2})}, "the harness has closed stdin", true},
		"end of the input":   {nil, "the harness has closed stdin", true},
		"stop and no return": {[]protocol.Request{protocol.Stop()}, "the harness has closed stdin", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			requests, theirs := io.Pipe()
			ours, responses := io.Pipe()
			c := &consumer{}
			served := make(chan error, 1)
			go func() { served <- protocol.Serve(t.Context(), requests, responses, c) }()
			write := func(r protocol.Request) {
				line, err := protocol.Encode(r)
				if err == nil {
					_, err = theirs.Write(line)
				}
				if err != nil {
					t.Error(err)
				}
			}
			lines := bufio.NewScanner(ours)
			answers := make(chan protocol.Response, 10)
			go func() {
				defer close(answers)
				for lines.Scan() {
					answer, err := protocol.Parse(lines.Bytes())
					if err != nil {
						t.Errorf("%s: %v", lines.Bytes(), err)
					}
					answers <- answer
				}
			}()
			receive := protocol.Receive(protocol.Reception{Queues: []string{"q"}, Hold: true})
			receive.ID = 1
			write(receive)
			for range 2 { // ready and the event, in any order
				if answer := <-answers; answer.Op == "event" && answer.Call != 1 {
					t.Errorf("the call is %d", answer.Call)
				}
			}
			for i, request := range test.end {
				request.ID = int64(2 + i)
				write(request)
				if request.Op == "return" {
					if answer := <-answers; (answer.Op == "returned") != (request.Call == 1) {
						t.Errorf("the answer to return is %+v", answer)
					}
				}
			}
			_ = theirs.Close()
			if err := <-served; err != nil {
				t.Error(err)
			}
			_ = responses.Close()
			for range answers { // until the reader has ended
			}
			if got := fmt.Sprint(c.ended); c.ended == nil && test.want != "" || c.ended != nil && got != test.want || c.stopped != test.stopped && len(test.end) != 1 {
				t.Errorf("the listener ended with %v, stopped: %v", c.ended, c.stopped)
			}
		})
	}
}

// evaluator returns the family and the input.
type evaluator struct{ fake }

func (*evaluator) Evaluate(_ context.Context, family string, input json.RawMessage) (any, error) {
	if family == "no" {
		return nil, errors.New("unsupported family")
	}
	return map[string]any{"family": family, "input": input}, nil
}

// TestServeEvaluate evaluates, sends bytes that are not UTF-8, and forwards signals.
func TestServeEvaluate(t *testing.T) {
	t.Parallel()
	var in, out bytes.Buffer
	for i, request := range []protocol.Request{
		protocol.Evaluate("wire", json.RawMessage(`{"message":"<"}`)), protocol.Evaluate("no", json.RawMessage(`{}`)),
		protocol.Send(protocol.Message{EventName: "\xff", PayloadText: "{}"}),
		protocol.Send(protocol.Message{EventName: "e", Signals: []string{"e", "p", "event"}, PayloadText: "{}"}),
	} {
		request.ID = int64(i + 1)
		line, err := protocol.Encode(request)
		if err != nil {
			t.Fatal(err)
		}
		in.Write(line)
	}
	for _, says := range []string{`"event_name":{"base64":"/w=="},"parents":[]`, `"event_name":"e","signals":["e","p","event"],"payload_text"`} {
		if !strings.Contains(in.String(), says) {
			t.Errorf("the requests are %s, without %s", in.String(), says)
		}
	}
	e := &evaluator{}
	if err := protocol.Serve(t.Context(), &in, &out, e); err != nil {
		t.Fatal(err)
	}
	want := `{"op":"evaluated","id":1,"output":{"family":"wire","input":{"message":"<"}}}
{"op":"failed","id":2,"error":"unsupported family"}
{"op":"sent","id":3}
{"op":"sent","id":4}
`
	if out.String() != want {
		t.Errorf("the answers are\n%s, want\n%s", out.String(), want)
	}
	if len(e.sent) != 2 || e.sent[0].EventName != "\xff" || strings.Join(e.sent[1].Chain(), " ") != "e p event" {
		t.Errorf("it sent %+v", e.sent)
	}
}
