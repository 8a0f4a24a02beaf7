// Package payloadschema holds payloads to JSON Schemas: section 13 of
// spec/wire.md.
//
// A catalogue says which schema the payload of which event fits. It is a
// directory with a file catalogue.json:
//
//	{"version": 1, "events": {"new_file_event": "new_file_event.schema.json"}}
//
// Load it, and hand it to senders and receivers:
//
//	catalogue, err := payloadschema.LoadDir("schemas")
//	sender, err := remoteevent.NewSender(client, remoteevent.WithPayloadSchemas(catalogue))
//	receiver, err := remoteevent.NewReceiver(client, mux, remoteevent.WithPayloadSchemas(catalogue))
//
// An event that the catalogue does not name fits. The schema is the one of the
// event's own name: those of its parents are not asked, unless its own refers to
// them.
//
// Schemas are those of draft 2020-12, unless their $schema names an older one.
// They may refer to each other by file name or by $id; nothing is ever read from
// outside the directory, let alone the network. As the draft has it, format and
// the keywords of contents are annotations, which reject nothing: validators
// differ in what they make of them, and a sender and a receiver must not. Numbers
// are compared exactly, however long. What JSON Schema knows no value for fits no
// schema, wherever it stands: NaN and the infinities, a surrogate without its
// partner, and a number of more than 4,300 digits or with an exponent beyond ±400.
//
// A check takes a few hundred nanoseconds for a small payload (see the benchmark);
// an event without a schema costs the look-up of its name. It ends with the first
// fault. It takes at most ten times the memory of the payload, and up to 32 MiB of
// stack where schemas refer to themselves and payloads nest deep. What it may do is
// counted: each schema that is applied to a value, each member, each comparison and
// some bytes of each text. At four million and 64 for each value of the payload, the
// check is given up, with an error that has [ErrUnfinished] in its chain; so is one
// that panics, and one of a schema that refers to itself without an end. Schemas
// that try many alternatives at many levels come to this.
//
// An error's text has a * in the place of each member's name that only the payload
// has: such names are part of the payload, and errors go to logs and dead letters.
package payloadschema
