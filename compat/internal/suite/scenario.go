package suite

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Play is a scenario: what is done with one implementation, or with a fleet of
// several, step by step.
type Play struct {
	// Roles are what the implementation has to have: "send", "receive".
	Roles []string `json:"roles,omitempty"`
	// Needs are what the Redis has to be: "server", one of its own that can be
	// stopped and whose connections can be cut; "acl", one that has users.
	Needs []string `json:"needs,omitempty"`
	// Fleet has all implementations of the run take part at once.
	Fleet bool   `json:"fleet,omitempty"`
	Steps []Step `json:"steps,omitempty"`
}

// Step is one step of a scenario. Do says what is done, and so which of the
// other members count.
//
//   - receive: Who consumes Queues (or as many as Many says, q0, q1, …), with a
//     listener to each; User, if any, is what its user of Redis may do.
//   - send: Who sends Count events of the name Queue, with a payload of Bytes.
//   - push: the harness pushes Count messages to each of Queues, or Text.
//   - heard: the receivers hear all that was sent and pushed, each event once;
//     with Ordered, each receiver in the order of pushing; with Count, no more
//     is waited for than so many.
//   - length: the list Queue comes to have Count messages.
//   - stop, crash: Who ends in peace, or is killed.
//   - accounted: what was pushed was heard or is in the lists, each event once.
//   - cut, down, refused, up: the connections end; Redis is gone; somebody has
//     tried in vain to connect; Redis is there again, and empty.
//   - told: Redis has answered somebody with the error Text.
//   - redis: Redis does Command. A key in it is written as $name.
type Step struct {
	Do      string   `json:"do"`
	Who     string   `json:"who,omitempty"`
	Queue   string   `json:"queue,omitempty"`
	Queues  []string `json:"queues,omitempty"`
	Many    int      `json:"many,omitempty"`
	Count   int      `json:"count,omitempty"`
	Bytes   int      `json:"bytes,omitempty"`
	Text    *string  `json:"text,omitempty"`
	Ordered bool     `json:"ordered,omitempty"`
	MayDie  bool     `json:"may_die,omitempty"`
	User    []string `json:"user,omitempty"`
	Command []string `json:"command,omitempty"`
	// Fails is whether send is to fail, and MayFail whether it may. An event that
	// was not sent is to be heard by nobody.
	Fails   bool `json:"fails,omitempty"`
	MayFail bool `json:"may_fail,omitempty"`
}

// steps are what can be done.
var steps = []string{"receive", "send", "push", "heard", "length", "stop", "crash", "accounted", "cut", "down", "refused", "up", "told", "redis"}

// check returns an error where a scenario cannot be played.
func (p *Play) check() error {
	for i, step := range p.Steps {
		if !slices.Contains(steps, step.Do) {
			return fmt.Errorf("step %d: nobody knows how to %q", i+1, step.Do)
		}
		if step.Do == "told" && step.Text == nil {
			return fmt.Errorf("step %d: told needs a text", i+1)
		}
		if slices.Contains([]string{"cut", "down", "up", "refused", "told"}, step.Do) && !slices.Contains(p.Needs, "server") {
			return fmt.Errorf("step %d: %s needs a server", i+1, step.Do)
		}
	}
	return nil
}

// Names are the queues of a step.
func (s Step) Names() []string {
	names := s.Queues
	if s.Queue != "" {
		names = append([]string{s.Queue}, names...)
	}
	for i := range s.Many {
		names = append(names, fmt.Sprint("q", i))
	}
	return names
}

// String says in one line what is done.
func (s Step) String() string {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(s); err != nil {
		return s.Do
	}
	return strings.TrimSpace(b.String())
}
