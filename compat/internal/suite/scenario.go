package suite

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/remote-events/remote-events/compat/internal/protocol"
)

// Script is the steps of a scenario, for one implementation or for a fleet of several.
type Script struct {
	// Needs are the requirements on Redis: "server", a server of its own that can stop
	// and whose connections can be cut; "acl", a Redis with users; "config", one with
	// CONFIG and REPLICAOF.
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
//   - send: Who sends Count events of the name Queue, with a payload of Bytes, or with
//     Text as the payload. With Lost, the reply to the push is lost, and send must fail.
//   - push: the harness pushes Count messages, or Text, to each of Queues. With Same, the
//     messages of a queue are equal; with ID, all have this attribute id.
//   - delivered: wait until the receivers have reported all sent and pushed events, each
//     once, not counting failed and killed calls; with Ordered, each receiver in the order of the pushes; with Count, only so
//     many events.
//   - length: wait until the list Queue has Count messages.
//   - stop, crash: Who stops in an orderly way, or is killed.
//   - accounted: each pushed event was delivered, or is in the lists or their companion keys, once. With Ordered,
//     those that remain are the newest, in the order of the pushes.
//   - served: the harness pushes a message to each of Queues, and waits until all events
//     are delivered, while Queue always has messages.
//   - elsewhere: no list but those of Queue and Queues has an event of the scenario.
//   - untouched: no client has shortened, deleted, renamed or expired one of Queues.
//   - attributes: the messages of Queue have different ids, and times of this scenario,
//     if they have any.
//   - cut, down, refused, up: end the connections; stop Redis; wait until a client has
//     failed to connect, Count times unless this takes too long; start Redis again, empty.
//   - stall: for two seconds from now, no byte passes between the processes and Redis.
//   - error: wait until Redis has replied to a client with the error Text, Count times
//     unless this takes too long.
//   - pauses: for a second, clients connect less often than a busy loop does; with Text,
//     they get this error less often.
//   - redis: run Command. A key in it is $ and its name.
//
// The steps of reliable receivers, which a receive with Reliable begins:
//
//   - held: wait until Who, or all processes together, hold Count calls, one by default.
//     The events of the calls must be leased.
//   - return: Who ends its held calls, the oldest Count or all. With Error, the listener
//     fails, with Permanent for ever.
//   - free: Who returns from each call at once, from now on.
//   - fail: Count times, the listener of Who fails. The delays of the retries must grow,
//     and keep within those of the settings.
//   - stopping: ask Who to stop, and do not wait. Its later calls return at once.
//   - suspend, resume: Who stands still, and continues.
//   - extended: wait until the lease of each held call has been extended by Count leases.
//     It must not expire.
//   - stage: the harness moves Count messages of Queue to staging, as a receiver does that
//     waits, and dies.
//   - rejected: the process Who rejects Queues, as they are named.
//   - script: Redis knows the script Text of the specification.
//   - suspects: the harness makes Count events suspects of Queue.
//   - stored: the event with the number Event is in Queue or its companion keys.
//   - released: no message of Queue is staged, leased or retried.
//   - settled: wait until Queue and its companion keys hold nothing but Count dead
//     letters. Each has one of the Codes, Attempts, the bytes that were pushed, and a
//     reason without Text.
//   - unreachable, reachable: cut Redis off, and connect it again with its data.
//   - promoted: new connections reach another Redis, which is empty. On the existing ones,
//     Redis replies READONLY.
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

	Lost bool   `json:"lost,omitempty"`
	Same bool   `json:"same,omitempty"`
	ID   string `json:"id,omitempty"`

	// Reliable are the settings of a reliable receiver, and Hold holds its calls.
	Reliable *protocol.Reliable `json:"reliable,omitempty"`
	Hold     bool               `json:"hold,omitempty"`
	// Repeated permits reliable receivers to deliver events more than once, or to deliver
	// and keep them.
	Repeated  bool     `json:"repeated,omitempty"`
	Error     string   `json:"error,omitempty"`
	Permanent bool     `json:"permanent,omitempty"`
	Event     int      `json:"event,omitempty"`
	Codes     []string `json:"codes,omitempty"`
	Attempts  int      `json:"attempts,omitempty"`
}

// steps are the kinds of steps.
var steps = []string{"receive", "send", "push", "delivered", "length", "stop", "crash", "accounted", "cut", "down", "refused", "up", "stall", "error", "redis",
	"held", "return", "free", "fail", "stopping", "suspend", "resume", "extended", "stage", "suspects", "rejected", "script", "stored", "released", "settled", "unreachable", "reachable", "promoted",
	"served", "elsewhere", "untouched", "attributes", "pauses"}

// check returns an error if a scenario cannot run.
func (p *Script) check() error {
	for i, step := range p.Steps {
		if !slices.Contains(steps, step.Do) {
			return fmt.Errorf("step %d: unknown kind %q", i+1, step.Do)
		}
		if (step.Do == "error" || step.Do == "script") && step.Text == nil {
			return fmt.Errorf("step %d: %s needs a text", i+1, step.Do)
		}
		if slices.Contains([]string{"cut", "down", "up", "refused", "stall", "error", "unreachable", "reachable", "promoted", "pauses", "untouched"}, step.Do) && !slices.Contains(p.Needs, "server") {
			return fmt.Errorf("step %d: %s needs a server", i+1, step.Do)
		}
		if step.Lost && !slices.Contains(p.Needs, "server") {
			return fmt.Errorf("step %d: a lost reply needs a server", i+1)
		}
	}
	return nil
}

// Requests returns the operations of the requests that the steps make: "send", "receive".
// An implementation without a class that gets them does not take part.
func (p *Script) Requests() []string {
	var ops []string
	for _, step := range p.Steps {
		op := step.Do
		if op == "rejected" {
			op = "receive"
		}
		if (op == "send" || op == "receive") && !slices.Contains(ops, op) {
			ops = append(ops, op)
		}
	}
	return ops
}

// Reliable reports whether the receivers of a scenario deliver at least once.
func (p *Script) Reliable() bool {
	return slices.ContainsFunc(p.Steps, func(s Step) bool { return s.Reliable != nil })
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
