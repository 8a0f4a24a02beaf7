package adapter

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// Protocol is the version of the adapter protocol.
const Protocol = 1

// Identity is what an adapter says of itself.
type Identity struct {
	Name    string
	Version string
	Roles   []Role
	Details map[string]string // versions of what it stands on
}

// Role is what an adapter can play.
type Role string

// The roles.
const (
	RoleSend    Role = "send"
	RoleReceive Role = "receive"
)

// Message is what a sender is asked to send.
type Message struct {
	EventName   string            `json:"event_name"`
	Parents     []string          `json:"parents"`      // nearest first
	PayloadText string            `json:"payload_text"` // the JSON text of the payload
	Metadata    map[string]string `json:"metadata,omitempty"`
}

// Observation is what a receiver reports: an Event or a Died.
type Observation interface{ observation() }

// Event is a call of a listener.
type Event struct {
	Signal      string   // the signal that the listener listens to
	Signals     []string // all of the message's
	PayloadText string   // JSON as the receiver's language writes it
	// Metadata are the attributes that its listener got, nil where the adapter
	// reports none.
	Metadata map[string]string
}

// Died is the end of what consumed a queue.
type Died struct {
	Queue string
	Error string // empty where it ended without one
}

func (Event) observation() {}
func (Died) observation()  {}

type helloRequest struct {
	Op       string `json:"op"`
	Protocol int    `json:"protocol"`
}

type sendRequest struct {
	Op string `json:"op"`
	ID int64  `json:"id"`
	Message
}

type receiveRequest struct {
	Op      string   `json:"op"`
	ID      int64    `json:"id"`
	Queues  []string `json:"queues"`
	Signals []string `json:"signals"`
}

type stopRequest struct {
	Op string `json:"op"`
}

// line is any line of an adapter. Pointers tell an absent member from an empty one.
type line struct {
	Op          string            `json:"op"`
	ID          *int64            `json:"id"`
	Error       *string           `json:"error"`
	Protocol    int               `json:"protocol"`
	Name        string            `json:"name"`
	Version     string            `json:"version"`
	Roles       []Role            `json:"roles"`
	Details     map[string]string `json:"details"`
	Signal      *string           `json:"signal"`
	Signals     []string          `json:"signals"`
	PayloadText *string           `json:"payload_text"`
	Metadata    map[string]string `json:"metadata"`
	Queue       *string           `json:"queue"`
}

// parse reads a line of an adapter and checks that it has what its op needs.
func parse(text []byte) (line, error) {
	var l line
	if !utf8.Valid(text) {
		return l, errors.New("not UTF-8")
	}
	if err := json.Unmarshal(text, &l); err != nil {
		return l, fmt.Errorf("not a message of the protocol: %w", err)
	}
	var complete bool
	switch l.Op {
	case "hello":
		complete = l.Name != "" && l.Roles != nil
	case "sent", "ready":
		complete = l.ID != nil
	case "failed":
		complete = l.Error != nil
	case "event":
		complete = l.Signal != nil && l.Signals != nil && l.PayloadText != nil
	case "died":
		complete = l.Queue != nil && l.Error != nil
	default:
		return l, fmt.Errorf("unknown op %q", l.Op)
	}
	if !complete {
		return l, fmt.Errorf("%q lacks a member that it must have", l.Op)
	}
	return l, nil
}

// encode writes a request as one line. Unlike json.Marshal it leaves <, > and &
// as they are: cases are easier to read in a log.
func encode(request any) ([]byte, error) {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(request); err != nil {
		return nil, err
	}
	return buffer.Bytes(), nil
}
