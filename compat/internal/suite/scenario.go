package suite

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Script is the steps of a scenario, for one implementation or for a fleet of several.
type Script struct {
	// Needs are the requirements on Redis: "server", a server of its own that can stop
	// and whose connections can be cut; "acl", a Redis with users.
	Needs []string `json:"needs,omitempty"`
	// Server makes the scenario run on a server of its own that listens in this way.
	Server *Listening `json:"server,omitempty"`
	// Fleet makes all implementations of the run take part at once.
	Fleet bool   `json:"fleet,omitempty"`
	Steps []Step `json:"steps,omitempty"`
}

// Listening is the way in which a server accepts clients.
type Listening struct {
	Unix     bool   `json:"unix,omitempty"` // a unix socket instead of a port
	TLS      bool   `json:"tls,omitempty"`
	User     string `json:"user,omitempty"`
	Password string `json:"password,omitempty"`
	// Database is the number of the database that clients select.
	Database int `json:"database,omitempty"`
}

// Step is one step of a scenario. Do is the kind of the step, which determines the other
// members that it uses.
//
//   - receive: the process Who consumes Queues, or Many queues (q0, q1, …), with a
//     listener for each. User has the permissions of its user of Redis, if any.
//   - send: Who sends Count events of the name Queue, with a payload of Bytes.
//   - push: the harness pushes Count messages, or Text, to each of Queues.
//   - delivered: wait until the receivers have reported all sent and pushed events, each
//     once; with Ordered, each receiver in the order of the pushes; with Count, only so
//     many events.
//   - length: wait until the list Queue has Count messages.
//   - stop, crash: Who stops in an orderly way, or is killed.
//   - accounted: each pushed event was delivered, or is in the lists, once.
//   - cut, down, refused, up: end the connections; stop Redis; wait until a client has
//     failed to connect; start Redis again, empty.
//   - error: wait until Redis has replied to a client with the error Text.
//   - redis: run Command. A key in it is $ and its name.
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
	// Fails is whether send must fail, and MayFail whether it may. No receiver may
	// report an event that was not sent.
	Fails   bool `json:"fails,omitempty"`
	MayFail bool `json:"may_fail,omitempty"`
}

// steps are the kinds of steps.
var steps = []string{"receive", "send", "push", "delivered", "length", "stop", "crash", "accounted", "cut", "down", "refused", "up", "error", "redis"}

// check returns an error if a scenario cannot run.
func (p *Script) check() error {
	for i, step := range p.Steps {
		if !slices.Contains(steps, step.Do) {
			return fmt.Errorf("step %d: unknown kind %q", i+1, step.Do)
		}
		if step.Do == "error" && step.Text == nil {
			return fmt.Errorf("step %d: error needs a text", i+1)
		}
		if slices.Contains([]string{"cut", "down", "up", "refused", "error"}, step.Do) && !slices.Contains(p.Needs, "server") {
			return fmt.Errorf("step %d: %s needs a server", i+1, step.Do)
		}
	}
	return nil
}

// Requests returns the operations of the requests that the steps make: "send", "receive".
// An implementation without a class that gets them does not take part.
func (p *Script) Requests() []string {
	var ops []string
	for _, step := range p.Steps {
		if (step.Do == "send" || step.Do == "receive") && !slices.Contains(ops, step.Do) {
			ops = append(ops, step.Do)
		}
	}
	return ops
}

// Names returns the queues of a step.
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

// String returns the step as a line of JSON.
func (s Step) String() string {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(s); err != nil {
		return s.Do
	}
	return strings.TrimSpace(b.String())
}
