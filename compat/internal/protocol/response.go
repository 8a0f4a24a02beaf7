package protocol

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Identity is an adapter's description of its implementation.
type Identity struct {
	Name    string
	Version string
	Classes []Class           // that it claims
	Details map[string]string // versions of its dependencies
}

// Observation is a report of a receiver: an Event or a Died.
type Observation interface {
	response() Response
}

// Event is the call of a listener.
type Event struct {
	Signal      string   // the signal of the listener
	EventName   string   // the name of the event
	Signals     []string // the signals of the message
	PayloadText string   // JSON as the receiver's language writes it
	// Metadata has the attributes that the listener got. It is nil if the implementation
	// has no attributes.
	Metadata map[string]string
	// Call identifies a held call of the process. It is 0 if the call is not held.
	Call int64
}

// Died is the end of the consumer of a queue.
type Died struct {
	Queue string
	Error string // empty if the consumer ended without an error
}

// Response is a line from an adapter: the answer to a request, or an observation.
// A nil pointer is an absent member, in contrast to an empty one.
type Response struct {
	Op          string            `json:"op"`
	ID          *int64            `json:"id,omitzero"`
	Error       *string           `json:"error,omitzero"`
	Protocol    int               `json:"protocol,omitzero"`
	Name        string            `json:"name,omitzero"`
	Version     *string           `json:"version,omitzero"`
	Classes     []Class           `json:"classes,omitzero"`
	Details     map[string]string `json:"details,omitzero"`
	Signal      *string           `json:"signal,omitzero"`
	EventName   *string           `json:"event_name,omitzero"`
	Signals     []string          `json:"signals,omitzero"`
	PayloadText *string           `json:"payload_text,omitzero"`
	Metadata    map[string]string `json:"metadata,omitzero"`
	Queue       *string           `json:"queue,omitzero"`
	Call        int64             `json:"call,omitzero"`
	Output      json.RawMessage   `json:"output,omitzero"`
}

// Parse reads a line from an adapter. It returns an error if the line is not a
// response with all members of its operation.
func Parse(line []byte) (Response, error) {
	var r Response
	if !utf8.Valid(line) {
		return r, errors.New("not UTF-8")
	}
	if err := json.Unmarshal(line, &r); err != nil {
		return r, fmt.Errorf("not a message of the protocol: %w", err)
	}
	var complete bool
	switch r.Op {
	case "hello":
		complete = r.Name != "" && r.Classes != nil
		if err := checkClasses(r.Classes); err != nil {
			return r, err
		}
	case "sent", "ready", "returned", "stopped":
		complete = r.ID != nil
	case "evaluated":
		complete = r.ID != nil && r.Output != nil
	case "failed":
		complete = r.Error != nil
	case "event":
		complete = r.Signal != nil && r.EventName != nil && r.Signals != nil && r.PayloadText != nil
	case "died":
		complete = r.Queue != nil && r.Error != nil
	default:
		return r, fmt.Errorf("unknown op %q", r.Op)
	}
	if !complete {
		return r, fmt.Errorf("%q lacks a member that it must have", r.Op)
	}
	return r, nil
}

// Observation returns the observation of a response, nil if it is an answer.
func (r Response) Observation() Observation {
	switch r.Op {
	case "event":
		return Event{Signal: *r.Signal, EventName: *r.EventName, Signals: r.Signals, PayloadText: *r.PayloadText, Metadata: r.Metadata, Call: r.Call}
	case "died":
		return Died{Queue: *r.Queue, Error: *r.Error}
	}
	return nil
}

// Answers returns nil if the response is the answer to a request that was carried
// out, and otherwise a *FailedError, or an error for the answer to another request.
func (r Response) Answers(op string) error {
	switch r.Op {
	case answers[op]:
		return nil
	case "failed":
		return &FailedError{Op: op, Reason: *r.Error}
	}
	return fmt.Errorf("it answered %q", r.Op)
}

// Identity returns the identity in the answer to hello.
func (r Response) Identity() Identity {
	who := Identity{Name: r.Name, Classes: r.Classes, Details: r.Details}
	if r.Version != nil {
		who.Version = *r.Version
	}
	return who
}

func (e Event) response() Response {
	signals := append([]string{}, e.Signals...)
	return Response{Op: "event", Signal: &e.Signal, EventName: &e.EventName, Signals: signals, PayloadText: &e.PayloadText, Metadata: e.Metadata, Call: e.Call}
}

func (d Died) response() Response { return Response{Op: "died", Queue: &d.Queue, Error: &d.Error} }

// FailedError is an adapter's answer that it did not carry out a request. The
// adapter continues.
type FailedError struct {
	Op     string
	Reason string
}

// Error quotes the adapter.
func (e *FailedError) Error() string {
	return fmt.Sprintf("%s: the adapter failed: %s", e.Op, e.Reason)
}

// Unsupported reports whether the implementation does not have the feature, which
// is not a failure of a case.
func (e *FailedError) Unsupported() bool { return strings.Contains(e.Reason, "unsupported") }
