package remoteevent

import (
	"bytes"

	"github.com/remote-events/remote-events/go/wire"
)

// PayloadSchemas says whether payloads fit what is known of their events. A
// *payloadschema.Catalogue, which holds JSON Schemas, is one.
type PayloadSchemas interface {
	// Check returns nil where the payload fits, or nothing is known of events
	// with the name, and else an error that says what is wrong and where, without
	// quoting the payload. It is called by several goroutines at once.
	Check(eventName string, payload []byte) error
}

// WithPayloadSchemas holds payloads to schemas. A sender refuses an event that
// does not fit, before anything of it is sent, with a *[RefusedError] (SCHEMA-1).
// A receiver takes a message that does not fit for malformed: no listener hears
// it, nor does a middleware see it (SCHEMA-2). Both have the error of the schemas,
// such as a *payloadschema.Error, in their chain. By default there are none, as with nil.
//
// Each event is read once more for it, and as many times as long as its schema
// takes.
func WithPayloadSchemas(schemas PayloadSchemas) Option { return schemasOption{schemas} }

type schemasOption struct{ schemas PayloadSchemas }

func (o schemasOption) applyToSender(c *senderConfig)     { c.schemas = o.schemas }
func (o schemasOption) applyToReceiver(c *receiverConfig) { c.schemas = o.schemas }

// refuseUnfit returns a *RefusedError for an event that does not fit.
func refuseUnfit(schemas PayloadSchemas, env wire.Envelope) error {
	if schemas == nil {
		return nil
	}
	err := schemas.Check(env.EventName, env.Payload)
	if err == nil {
		return nil
	}
	finding := wire.Finding{Requirement: wire.ReqSendSchema, Severity: wire.SeverityMalformed, Message: err.Error()}
	return &schemaError{&RefusedError{EventName: env.EventName, Findings: []wire.Finding{finding}}, err}
}

// decodeFitting decodes a message, and returns a *MalformedError where that
// cannot be done or its payload does not fit.
func decodeFitting(raw []byte, limits wire.Limits, schemas PayloadSchemas) (wire.Envelope, error) {
	env, err := wire.Decode(raw, limits)
	if err != nil || schemas == nil {
		return env, err
	}
	if err := schemas.Check(env.EventName, env.Payload); err != nil {
		finding := wire.Finding{
			Requirement: wire.ReqReceiveSchema, Severity: wire.SeverityMalformed, Message: err.Error(),
			Offset: max(0, bytes.Index(raw, env.Payload)),
		}
		return wire.Envelope{}, &schemaError{&MalformedError{Finding: finding}, err}
	}
	return env, nil
}

// schemaError says once what two errors say.
type schemaError struct{ verdict, schema error }

func (e *schemaError) Error() string   { return e.verdict.Error() }
func (e *schemaError) Unwrap() []error { return []error{e.verdict, e.schema} }
