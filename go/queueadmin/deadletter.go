package queueadmin

import (
	"time"

	"github.com/remote-events/remote-events/go/internal/lease"
	"github.com/remote-events/remote-events/go/wire"
)

// Code is the reason why a message failed, in one word (REL-25).
type Code string

const (
	// CodeFailed is the code of a message whose listener failed in the last attempt.
	CodeFailed = Code(lease.Failed)
	// CodePanicked is the code of a message whose listener panicked in the last attempt.
	CodePanicked = Code(lease.Panicked)
	// CodePermanent is the code of a message whose listener returned a permanent error.
	CodePermanent = Code(lease.Permanent)
	// CodeMalformed is the code of a message that cannot be delivered.
	CodeMalformed = Code(lease.Malformed)
	// CodeSchema is the code of a message whose payload does not fit its schema or the
	// type of its event.
	CodeSchema = Code(lease.Schema)
	// CodeExpired is the code of a message whose leases expired: the processes that
	// handled it died.
	CodeExpired = Code(lease.Expired)
	// CodeImported is the code of a message that was imported without a code.
	CodeImported = Code(lease.Imported)
)

// Codes returns the codes that this version knows.
func Codes() []Code {
	var codes []Code
	for _, code := range lease.Codes() {
		codes = append(codes, Code(code))
	}
	return codes
}

// DeadLetter is a message that could not be delivered. Its JSON form is a record of
// schemas/dead-letter.schema.json, which keeps every byte of the message.
type DeadLetter struct {
	// ID identifies the dead letter in its queue.
	ID string
	// Queue is the name of the queue.
	Queue string
	// Raw is the message, byte for byte.
	Raw []byte
	// Attempts is the number of deliveries.
	Attempts int
	// FirstSeen is the time at which a receiver first took the message, and Died the
	// time at which it became a dead letter, both by Redis' clock and in milliseconds.
	FirstSeen, Died time.Time
	// Code is the reason of the death. It is one of the constants or, where a later
	// version or another implementation wrote it, another word (REL-26). It is empty
	// where none was stored.
	Code Code
	// Error is the text of the last error, and Causes are the texts of the errors that
	// it wraps, outermost first.
	Error  string
	Causes []string
}

// Event returns the name of the event and its attribute id. Both are empty where the
// message cannot be decoded.
func (d DeadLetter) Event() (name, id string) {
	env, err := wire.Decode(d.Raw, wire.Limits{})
	if err != nil {
		return "", ""
	}
	return env.EventName, env.Metadata.Attributes[wire.AttributeID]
}
