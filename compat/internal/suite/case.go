package suite

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/remote-events/remote-events/compat/internal/adapter"
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
	Kind         Kind     `json:"kind"`
	About        string   `json:"about"`
	Requirements []string `json:"requirements"`
	// Slow cases are left out of a quick run.
	Slow bool `json:"slow,omitempty"`
	// Destructive cases end an original receiver, or what else uses the Redis.
	Destructive bool `json:"destructive,omitempty"`

	// Exactly one of these is there.

	Delivery *Delivery `json:"receive,omitempty"`
	Sending  *Sending  `json:"send,omitempty"`
	Event    *Event    `json:"pair,omitempty"`
	Play     *Play     `json:"scenario,omitempty"`
}

// Delivery is a raw message in a list, and what becomes of it.
type Delivery struct {
	Key     string `json:"key"`
	Message []byte `json:"message"`
	// Verdict is the specification's, Legacy what an original does that
	// listens to the key. Where Platform is set, Legacy is the worst of several.
	Verdict  string `json:"verdict"`
	Legacy   string `json:"legacy"`
	Platform bool   `json:"platform,omitempty"`
	// Disturbs is whether an original lives on, and is not what it was.
	Disturbs bool `json:"disturbs,omitempty"`
	// Delivered is what listeners get, nil where nobody gets anything.
	Delivered *Delivered `json:"delivered,omitempty"`
}

// Delivered is what listeners get of a message.
type Delivered struct {
	Signals    []string          `json:"signals"`
	Payload    []byte            `json:"payload"`
	Attributes map[string]string `json:"attributes,omitempty"`
}

// Event is what a sender is asked to send.
type Event struct {
	adapter.Message
}

// Named returns a copy of the event with a prefix before its name.
func (e Event) Named(prefix string) Event {
	e.EventName = prefix + e.EventName
	return e
}

// Sending is an event and what a sender makes of it.
type Sending struct {
	Event

	// Message is the whole message, byte for byte, where the specification
	// says bytes; nil where only its meaning counts.
	Message []byte `json:"message,omitempty"`
	// Refused is the requirement for which the event is not sent.
	Refused string `json:"refused,omitempty"`
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
	Safe     bool // without the destructive ones
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
		case s.Quick && c.Slow && len(s.Patterns) == 0, s.Safe && c.Destructive:
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
