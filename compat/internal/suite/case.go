package suite

import (
	"bytes"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/remote-events/remote-events/compat/internal/protocol"
	"github.com/remote-events/remote-events/spec"
)

// Kind is how a case is played.
type Kind string

// The kinds of cases.
const (
	// Receive gives a raw message to a receiver.
	Receive Kind = "receive"
	// Send asks a sender for an event.
	Send Kind = "send"
	// Pair takes an event from each sender to each receiver.
	Pair Kind = "pair"
	// Scenario goes through steps.
	Scenario Kind = "scenario"
)

// Case is something to be found out about an implementation.
type Case struct {
	ID           string   `json:"id"` // "wire/byte-order-mark"
	Family       string   `json:"family"`
	Kind         Kind     `json:"kind"` // given by what it holds
	About        string   `json:"about"`
	Requirements []string `json:"requirements"`
	// Slow cases are left out of a quick run.
	Slow bool `json:"slow,omitempty"`
	// Destructive cases end an original receiver, or what else uses the Redis.
	Destructive bool `json:"destructive,omitempty"`

	// Exactly one of these is there, as the kind says.

	Delivery *Delivery `json:"-"`
	Sending  *Sending  `json:"-"`
	Event    *Event    `json:"-"`
	Play     *Play     `json:"-"`
}

// Delivery is a raw message in a list, and what becomes of it.
type Delivery struct {
	Key     string
	Message spec.RawMessage
	// Verdict is the specification's, Legacy what an original does that
	// listens to the key. Where Platform is set, Legacy is the worst of several.
	Verdict  string
	Legacy   string
	Platform bool
	// Disturbs is whether an original lives on, and is not what it was.
	Disturbs bool
	// Delivered is what listeners get, nil where nobody gets anything or the
	// vector does not say.
	Delivered *Delivered
	// Listeners are the signals that have a listener, in the order of their
	// registration, and Calls those whose listeners are called; nil where every
	// signal of the message has one.
	Listeners, Calls []string
	// Python is what an original was seen to do with those listeners.
	Python *Reaction
}

// Delivered is what listeners get of a message.
type Delivered struct {
	Signals    []string
	Payload    spec.RawMessage
	Attributes map[string]string
}

// Reaction is which listeners were called, and whether the receiver died.
type Reaction struct {
	Calls []string
	Dies  bool
}

// Event is what a sender is asked to send.
type Event struct {
	protocol.Message
}

// Named returns a copy of the event with a prefix before its name.
func (e Event) Named(prefix string) Event {
	e.EventName = prefix + e.EventName
	return e
}

// Sending is an event and what a sender makes of it.
type Sending struct {
	Event

	// Message is what is pushed, but for white space and escapes outside of the
	// payload, and for attributes that the sender adds.
	Message []byte
	// Refused are the requirements for which the event is not sent.
	Refused []string
	// Python is what an original was seen to do, nil where it was not asked.
	Python *Measured
}

// Measured is what an original pushed, and where, or why it did not.
type Measured struct {
	Key     string
	Message []byte
	Error   string
}

// Is reports whether a message is what was measured.
func (m *Measured) Is(key string, message []byte) bool {
	return m.Message != nil && m.Key == key && bytes.Equal(m.Message, message)
}

// Match reports whether a pattern, as of path.Match, names the case: by its
// whole ID, or, where the pattern has no slash, by its family.
func (c *Case) Match(pattern string) bool { return Match(pattern, c.ID) }

// Match reports whether a pattern names a case.
func Match(pattern, id string) bool {
	if !strings.Contains(pattern, "/") {
		id, _, _ = strings.Cut(id, "/")
	}
	matched, err := path.Match(pattern, id)
	return err == nil && matched
}

// Selection says which cases are wanted.
type Selection struct {
	Patterns []string // any of them, or all cases where there is none
	Families []string
	Quick    bool // without the slow ones
}

// Select returns the cases that are wanted. A pattern or family that names none
// is an error: it is mistyped.
func Select(cases []Case, s Selection) ([]Case, error) {
	for _, pattern := range s.Patterns {
		if _, err := path.Match(pattern, ""); err != nil {
			return nil, fmt.Errorf("the pattern %q: %w", pattern, err)
		}
		if !matches(cases, pattern) {
			return nil, fmt.Errorf("no case matches %q; `compat list` prints them", pattern)
		}
	}
	for _, family := range s.Families {
		if !matches(cases, family) {
			return nil, fmt.Errorf("no family is called %q; there are %s", family, strings.Join(Families(cases), ", "))
		}
	}
	var selected []Case
	for _, c := range cases {
		switch {
		case s.Quick && c.Slow && len(s.Patterns) == 0:
		case !wanted(c, s.Patterns), !wanted(c, s.Families):
		default:
			selected = append(selected, c)
		}
	}
	return selected, nil
}

func matches(cases []Case, pattern string) bool {
	for _, c := range cases {
		if c.Match(pattern) {
			return true
		}
	}
	return false
}

// wanted reports whether one of the patterns, or their absence, lets a case in.
func wanted(c Case, patterns []string) bool {
	return len(patterns) == 0 || slices.ContainsFunc(patterns, c.Match)
}

// Families are the families of cases, in their order.
func Families(cases []Case) []string {
	var families []string
	seen := map[string]bool{}
	for _, c := range cases {
		if !seen[c.Family] {
			seen[c.Family] = true
			families = append(families, c.Family)
		}
	}
	return families
}
