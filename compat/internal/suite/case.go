package suite

import (
	"bytes"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/remote-events/remote-events/compat/internal/evaluation"
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
	// Scenario is a sequence of steps.
	Scenario Kind = "scenario"
	// Evaluate gives the input of a test vector to an implementation, without Redis.
	Evaluate Kind = "evaluate"
)

// Case is one test of an implementation.
type Case struct {
	ID           string   `json:"id"` // "wire/byte-order-mark"
	Family       string   `json:"family"`
	Kind         Kind     `json:"kind"` // by the member that is not nil
	About        string   `json:"about"`
	Requirements []string `json:"requirements"`
	// Classes has the classes of conformance that need this family in addition to their
	// vector families. Only its cases show some requirements of these classes.
	Classes []string `json:"-"`
	// Slow cases are not part of a quick run.
	Slow bool `json:"slow,omitempty"`
	// Destructive cases end an original receiver, or other users of the Redis.
	Destructive bool `json:"destructive,omitempty"`

	// Questions are the requests to evaluate it. Only they test the kind Evaluate. A
	// validator evaluates the messages of the kind Receive, too.
	Questions []evaluation.Question `json:"-"`

	// Exactly one of these is not nil, by the kind, unless that is Evaluate.

	Delivery *Delivery `json:"-"`
	Sending  *Sending  `json:"-"`
	Event    *Event    `json:"-"`
	Script   *Script   `json:"-"`
}

// Delivery is a raw message in a list, and its outcome.
type Delivery struct {
	Key     string
	Message spec.RawMessage
	// Verdict is the verdict of the specification. Legacy is the outcome with an original that
	// listens to the key. If Platform is set, Legacy is the worst of several.
	Verdict  string
	Legacy   string
	Platform bool
	// Disturbs is whether an original continues in another state.
	Disturbs bool
	// Delivered has the arguments of the listeners. It is nil if no listener is called,
	// or the vector does not have them.
	Delivered *Delivered
	// Listeners are the signals with a listener, in the order of their registration, and
	// Calls has the signals whose listeners are called. They are nil if every signal of the
	// message has a listener.
	Listeners, Calls []string
	// Fails has the listeners that fail, by their index. It is nil if none does.
	Fails []bool
	// Python is the measured reaction of an original with those listeners.
	Python *Reaction
}

// Delivered has the parts of a message that listeners get.
type Delivered struct {
	EventName  string
	Signals    []string
	Payload    spec.RawMessage
	Attributes map[string]string
}

// Reaction has the called listeners, and whether the receiver died.
type Reaction struct {
	Calls []string
	Dies  bool
}

// Event is an event for a sender.
type Event struct {
	protocol.Message
}

// Named returns a copy of the event with a prefix before its name.
func (e Event) Named(prefix string) Event {
	e.EventName = prefix + e.EventName
	return e
}

// Sending is an event and the message that a sender makes of it.
type Sending struct {
	Event

	// Message is the pushed message. White space and escapes outside of the payload may
	// differ, and the sender may add attributes.
	Message []byte
	// Rejected has the requirements for which a sender rejects the event.
	Rejected []string
	// Python is the measured behaviour of an original, nil if it was not measured.
	Python *Measured
}

// Measured has the message that an original pushed and its key, or the error.
type Measured struct {
	Key     string
	Message []byte
	Error   string
}

// Is reports whether a message is the measured one.
func (m *Measured) Is(key string, message []byte) bool {
	return m.Message != nil && m.Key == key && bytes.Equal(m.Message, message)
}

// Match reports whether a pattern of path.Match matches the ID of the case, or, if the
// pattern has no slash, its family.
func (c *Case) Match(pattern string) bool {
	return Match(pattern, c.ID) || !strings.Contains(pattern, "/") && Match(pattern, c.Family)
}

// Match reports whether a pattern matches the ID of a case or its family.
func Match(pattern, id string) bool {
	if !strings.Contains(pattern, "/") {
		id, _, _ = strings.Cut(id, "/")
	}
	matched, err := path.Match(pattern, id)
	return err == nil && matched
}

// Selection selects cases.
type Selection struct {
	Patterns []string // any of them, or all cases if there is none
	Skip     []string // none of these patterns
	Families []string
	Quick    bool // without the slow ones
}

// Select returns the selected cases. It returns an error for a pattern or family without
// a case.
func Select(cases []Case, s Selection) ([]Case, error) {
	for _, pattern := range slices.Concat(s.Patterns, s.Skip) {
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
		case !wanted(c, s.Patterns), !wanted(c, s.Families), slices.ContainsFunc(s.Skip, c.Match):
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

// wanted reports whether one of the patterns matches a case, or there are no patterns.
func wanted(c Case, patterns []string) bool {
	return len(patterns) == 0 || slices.ContainsFunc(patterns, c.Match)
}

// FamiliesOf returns the families that adapters are tested with and that a class needs, in
// their order. A run without one of them does not show that an implementation conforms.
func FamiliesOf(class spec.Class, cases []Case) []string {
	return Families(slices.DeleteFunc(slices.Clone(cases), func(c Case) bool {
		return !slices.Contains(class.Families, c.Family) && !slices.Contains(c.Classes, class.Name)
	}))
}

// Families returns the families of cases, in their order.
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
