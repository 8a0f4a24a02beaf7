package remoteevent

import (
	"bytes"
	"fmt"

	"github.com/remote-events/remote-events/go/wire"
)

// PayloadSchemas checks payloads against schemas of their events. A
// *payloadschema.Catalogue, which holds JSON Schemas, is one.
type PayloadSchemas interface {
	// Check returns nil if the payload fits, or if there is no schema for events
	// with the name, and otherwise an error that describes the fault. It is called by
	// several goroutines at once.
	//
	// The text of the error may quote the payload, and is therefore neither logged nor
	// stored. If the error has a method Redacted() string, its result is logged and stored
	// instead: it must not quote the payload. A panic of Check is an error of [Sender.Send],
	// and a failed attempt for a receiver.
	Check(eventName string, payload []byte) error
}

// WithPayloadSchemas checks payloads against schemas. A sender rejects an event
// that does not fit, before it sends any of it, with a *[RejectedError] (SCHEMA-1),
// which has the error of the schemas, such as a *payloadschema.Error, in its chain.
// A receiver treats a message that does not fit as malformed: it calls no listener
// and no middleware for it (SCHEMA-2). By default there are no schemas, as with nil.
//
// Validation reads each event at least once more.
func WithPayloadSchemas(schemas PayloadSchemas) Option { return schemasOption{schemas} }

type schemasOption struct{ schemas PayloadSchemas }

func (o schemasOption) applyToSender(c *senderConfig)     { c.schemas = o.schemas }
func (o schemasOption) applyToReceiver(c *receiverConfig) { c.schemas = o.schemas }

// refuseUnfit returns a *RejectedError for an event that does not fit.
func refuseUnfit(schemas PayloadSchemas, name string, payload []byte) error {
	problem, err := checkPayload(schemas, name, payload)
	if err == nil {
		return nil
	}
	if problem == "" {
		return fmt.Errorf("event %q: %w", name, err)
	}
	finding := wire.Finding{Requirement: wire.ReqSendSchema, Severity: wire.SeverityMalformed, Message: problem}
	return &quotingError{&RejectedError{EventName: name, Findings: []wire.Finding{finding}}, err}
}

// checkReceived returns a *MalformedError for a message whose payload does not
// fit, and a *PanicError where the schemas panicked.
func checkReceived(schemas PayloadSchemas, m *wire.Message) error {
	problem, err := checkPayload(schemas, m.EventName(), m.Payload())
	if problem == "" {
		return err
	}
	return &MalformedError{Finding: wire.Finding{
		Requirement: wire.ReqReceiveSchema, Severity: wire.SeverityMalformed, Message: problem,
		Offset: max(0, bytes.Index(m.Raw(), m.Payload())),
	}}
}

// checkPayload returns the error of the schemas, with a text that does not quote
// the payload. The text is empty if the schemas panicked.
func checkPayload(schemas PayloadSchemas, name string, payload []byte) (problem string, err error) {
	if schemas == nil {
		return "", nil
	}
	panicked := contain(func() {
		if err = schemas.Check(name, payload); err == nil {
			return
		}
		problem = fmt.Sprintf("the payload does not fit the schema of %q", truncateName(name))
		if e, ok := err.(interface{ Redacted() string }); ok {
			problem = e.Redacted()
		}
	})
	if panicked != nil {
		panicked.in = "the check of the payload schemas"
		return "", panicked
	}
	return problem, err
}

// quotingError replaces the text of an error that may quote a payload.
type quotingError struct{ shown, cause error }

func (e *quotingError) Error() string   { return e.shown.Error() }
func (e *quotingError) Unwrap() []error { return []error{e.shown, e.cause} }
