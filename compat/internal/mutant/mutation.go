package mutant

import (
	"context"
	"slices"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/compat/internal/protocol"
	"github.com/remote-events/remote-events/go/wire"
)

// Mutation is one mistake of the adapter. A field without a value stands for correct behaviour.
type Mutation struct {
	Name        string
	About       string // the mistake of the implementer
	Requirement string // the violated requirement
	// Cases has the patterns of its cases.
	Cases []string

	client func(options *redis.Options)

	// Of a receiver, in the order in which a message passes them.

	queues  func(queues []string) []string
	pop     func(ctx context.Context, client *redis.Client, queue string) (string, error)
	failed  func(err error) bool                   // whether a failed pop ends the queue
	hasty   bool                                   // does not pause after a failed pop
	read    func(raw []byte) []byte                // the message, before it is decoded
	limits  wire.Limits                            // of a receiver
	accept  func(raw []byte) (wire.Envelope, bool) // the malformed messages that are delivered
	reject  func(raw []byte, env wire.Envelope) bool
	deliver func(env *wire.Envelope, raw []byte)           // changes the delivered event
	chain   func(env wire.Envelope, queue string) []string // returns the signals whose listeners are called
	hears   func(listener, signal string) bool
	// name is the event's name that is delivered, and attributes are the attributes.
	name       func(env wire.Envelope, queue string) string
	attributes func(attributes map[string]string) map[string]string
	ends       func(raw []byte, malformed bool) fate
	after      func(ctx context.Context, client *redis.Client, queue, raw string)
	stopping   func(ctx context.Context, client *redis.Client, queue string)
	quits      bool // ends at once when it is asked to stop
	listen     func(signals []string) []string

	// Of a reliable receiver.

	leasing mistake

	// Of a sender.

	before  func(env *wire.Envelope)    // changes the event, before it is checked
	event   func(env *wire.Envelope)    // changes the event, after it was checked
	permits []wire.Requirement          // the violations that the sender accepts
	write   func(message []byte) []byte // the message, before it is pushed
	push    func(ctx context.Context, client *redis.Client, key string, message []byte) error
	answer  func(err error, env wire.Envelope) error // of a push or a rejection
	forward func(env *wire.Envelope)                 // changes an event that is forwarded
	kernel  bool                                     // calls the listeners of the kernel's signals

	// Of an implementation that evaluates.

	class  protocol.Class              // the only class that it claims
	output func(output map[string]any) // changes an output
}

// fate is the state of a receiver after a message.
type fate int

const (
	lives fate = iota
	dies       // its queue ends, and it reports that
	fades      // its queue ends without a report
	exits      // its process ends
)

// Mutations returns all mutations.
func Mutations() []Mutation {
	return slices.Concat(reading, delivering, consuming, leasing, sending, changing, evaluating, operating)
}

// Find returns the mutation with a name; "" is none.
func Find(name string) (Mutation, bool) {
	all := Mutations()
	i := slices.IndexFunc(all, func(m Mutation) bool { return m.Name == name })
	if i < 0 {
		return Mutation{}, name == ""
	}
	return all[i], true
}
