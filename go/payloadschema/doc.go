// Package payloadschema validates payloads against JSON Schemas, as section 13 of
// spec/wire.md specifies.
//
// A catalogue maps event names to schemas. It is a directory with a file
// catalogue.json:
//
//	{"version": 1, "events": {"new_file_event": "new_file_event.schema.json"}}
//
// Load the catalogue and pass it to senders and receivers:
//
//	catalogue, err := payloadschema.LoadDir("schemas")
//	sender, err := remoteevent.NewSender(client, remoteevent.WithPayloadSchemas(catalogue))
//	receiver, err := remoteevent.NewReceiver(client, mux, remoteevent.WithPayloadSchemas(catalogue))
//
// Payloads of events that are not in the catalogue are not checked. The schema of an
// event is the one for its own name. Schemas of parents do not apply, unless the event's
// schema refers to them.
//
// Schemas follow draft 2020-12, unless their $schema names an older draft. They may refer
// to each other by file name or by $id. The package never reads files outside the
// directory or from the network. As in the draft, format and contentEncoding,
// contentMediaType and contentSchema are annotations and reject nothing, because
// validators differ in their interpretation. Numbers are compared exactly. A value that
// is not in JSON Schema's data model fits no schema: NaN, the infinities, a lone
// surrogate, and a number with more than 4,300 digits or an exponent beyond ±400.
//
// A check of a small payload takes a few hundred nanoseconds (see the benchmark).
// An event without a schema costs one map look-up. A check ends at the first
// violation. It uses at most ten times the memory of the payload, and up to 32 MiB of
// stack for recursive schemas with deep payloads. Each check has a budget of four million
// steps plus 64 for each value of the payload. A step is the application of a schema to a
// value, a member, a comparison, or some bytes of text. A check that exceeds its budget
// ends with an error that wraps [ErrUnfinished]. So does a check that panics, and
// one whose schema refers to itself endlessly. Schemas with many alternatives at many
// levels may exceed the budget.
//
// In the text of an error, * replaces each member name that only the payload has. Such
// names are part of the payload, and errors are logged and stored with dead letters.
package payloadschema
