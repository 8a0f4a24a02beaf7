package protocol

import (
	"bytes"
	"encoding/json"
)

// Version is the version of the adapter protocol.
const Version = 1

// Message is an event that a sender is asked to send.
type Message struct {
	EventName   string            `json:"event_name"`
	Parents     []string          `json:"parents"`      // nearest first
	PayloadText string            `json:"payload_text"` // the JSON text of the payload
	Metadata    map[string]string `json:"metadata,omitempty"`
}

// Request is a line from the harness. Members that its operation does not have are
// zero or nil.
type Request struct {
	Op       string `json:"op"`
	ID       int64  `json:"id,omitzero"`
	Session  string `json:"session,omitzero"`  // of a probe
	Protocol int    `json:"protocol,omitzero"` // of hello

	*Message // of send

	Queues  []string `json:"queues,omitzero"`  // of receive, like Signals
	Signals []string `json:"signals,omitzero"` // one for each listener
}

// Hello returns the request for the identity of an implementation.
func Hello() Request { return Request{Op: "hello", Protocol: Version} }

// Send returns the request to send an event.
func Send(message Message) Request {
	message.Parents = append([]string{}, message.Parents...)
	return Request{Op: "send", Message: &message}
}

// Receive returns the request to consume queues with a listener for each signal.
func Receive(queues, signals []string) Request {
	return Request{Op: "receive", Queues: append([]string{}, queues...), Signals: append([]string{}, signals...)}
}

// Stop returns the request to end.
func Stop() Request { return Request{Op: "stop"} }

// answers has the operation that answers each request. Only a probe answers stop.
var answers = map[string]string{"hello": "hello", "send": "sent", "receive": "ready", "stop": "stopped"}

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
