package protocol

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"

	"github.com/remote-events/remote-events/go/wire"
	"github.com/remote-events/remote-events/spec"
)

// Version is the version of the adapter protocol.
const Version = 1

// Message is an event that a sender is asked to send.
type Message struct {
	EventName string
	Parents   []string // nearest first
	// Signals has the signals of a forwarded event. It is nil for other events.
	Signals     []string
	PayloadText string // the JSON text of the payload
	Metadata    map[string]string
}

// Chain returns the signals of the message that the sender makes.
func (m Message) Chain() []string {
	if m.Signals != nil {
		return m.Signals
	}
	return wire.Chain(m.EventName, m.Parents...)
}

// messageForm has the members of a Message in a line.
type messageForm struct {
	EventName   *text             `json:"event_name"`
	Parents     []string          `json:"parents,omitzero"`
	Signals     []string          `json:"signals,omitzero"`
	PayloadText *text             `json:"payload_text"`
	Metadata    map[string]string `json:"metadata,omitempty"`
}

func (m Message) form() messageForm {
	return messageForm{(*text)(&m.EventName), m.Parents, m.Signals, (*text)(&m.PayloadText), m.Metadata}
}

// message returns nil if a member is missing.
func (f messageForm) message() *Message {
	if f.EventName == nil || f.PayloadText == nil {
		return nil
	}
	return &Message{string(*f.EventName), f.Parents, f.Signals, string(*f.PayloadText), f.Metadata}
}

// text is bytes in a line: a string, or {"base64": …} if they are not UTF-8.
type text string

func (t text) MarshalJSON() ([]byte, error) {
	if utf8.ValidString(string(t)) {
		return Encode(string(t))
	}
	return json.Marshal(map[string][]byte{"base64": []byte(t)})
}

func (t *text) UnmarshalJSON(line []byte) error {
	var raw spec.RawMessage
	err := json.Unmarshal(line, &raw)
	*t = text(raw.String())
	return err
}

// Request is a line from the harness: the members of every request, and the members of its
// operation. The others are nil.
type Request struct {
	Head

	*Message    // of send
	*Reception  // of receive
	*Return     // of return
	*Evaluation // of evaluate
}

// Evaluation is a request to evaluate an input of a family of test vectors.
type Evaluation struct {
	Family string          `json:"family"`
	Input  json.RawMessage `json:"input"`
}

// Head has the members that do not depend on the operation.
type Head struct {
	Op       string `json:"op"`
	ID       int64  `json:"id,omitzero"`
	Session  string `json:"session,omitzero"`  // of a probe
	Protocol int    `json:"protocol,omitzero"` // of hello
}

// MarshalJSON returns the line.
func (r Request) MarshalJSON() ([]byte, error) {
	switch {
	case r.Message != nil:
		return Encode(struct {
			Head
			messageForm
		}{r.Head, r.form()})
	case r.Reception != nil:
		return Encode(struct {
			Head
			*Reception
		}{r.Head, r.Reception})
	case r.Return != nil:
		return Encode(struct {
			Head
			*Return
		}{r.Head, r.Return})
	case r.Evaluation != nil:
		return Encode(struct {
			Head
			*Evaluation
		}{r.Head, r.Evaluation})
	}
	return Encode(r.Head)
}

// UnmarshalJSON reads a line. Members that its operation does not have are ignored.
func (r *Request) UnmarshalJSON(line []byte) error {
	*r = Request{}
	if err := json.Unmarshal(line, &r.Head); err != nil {
		return err
	}
	var err error
	switch r.Op { // a nil pointer becomes one to a value if the line has a member of it
	case "send":
		var body messageForm
		err = json.Unmarshal(line, &body)
		r.Message = body.message()
	case "receive":
		var body struct{ *Reception }
		err = json.Unmarshal(line, &body)
		r.Reception = body.Reception
	case "return":
		var body struct{ *Return }
		err = json.Unmarshal(line, &body)
		r.Return = body.Return
	case "evaluate":
		var body struct{ *Evaluation }
		err = json.Unmarshal(line, &body)
		r.Evaluation = body.Evaluation
	}
	return err
}

// Hello returns the request for the identity of an implementation.
func Hello() Request { return Request{Head: Head{Op: "hello", Protocol: Version}} }

// Send returns the request to send an event.
func Send(message Message) Request {
	if message.Signals == nil {
		message.Parents = append([]string{}, message.Parents...)
	}
	return Request{Head: Head{Op: "send"}, Message: &message}
}

// Receive returns the request to consume queues with a listener for each signal.
func Receive(reception Reception) Request {
	reception.Queues = append([]string{}, reception.Queues...)
	reception.Signals = append([]string{}, reception.Signals...)
	return Request{Head: Head{Op: "receive"}, Reception: &reception}
}

// EndCall returns the request to end a held call of a listener.
func EndCall(r Return) Request { return Request{Head: Head{Op: "return"}, Return: &r} }

// Evaluate returns the request to evaluate an input of a family of test vectors.
func Evaluate(family string, input json.RawMessage) Request {
	return Request{Head: Head{Op: "evaluate"}, Evaluation: &Evaluation{family, input}}
}

// Stop returns the request to end.
func Stop() Request { return Request{Head: Head{Op: "stop"}} }

// answers has the operation that answers each request. Only a probe answers stop.
var answers = map[string]string{"hello": "hello", "send": "sent", "receive": "ready", "return": "returned", "evaluate": "evaluated", "stop": "stopped"}

// Encode returns a request or response as one line. Unlike json.Marshal it does not
// escape <, > and &, so that people can read the lines in a trace.
func Encode(line any) ([]byte, error) {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(line); err != nil {
		return nil, err
	}
	return buffer.Bytes(), nil
}
