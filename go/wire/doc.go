// Package wire encodes and decodes remote events: it maps an [Envelope] to the
// message in a Redis list, and back, and validates raw messages.
//
// A message is a JSON object of up to three members:
//
//	{"data": {"path": "/uploads/video1.mp4"}, "signals": ["new_file_event", "remote_event", "event"], "metadata": {"id": "…"}}
//
// Payloads, the values of data, keep their bytes in both directions. [Encode] rejects
// messages that are not portable between languages, and messages that end or confuse an
// original Python receiver. [Scan] and [Decode] accept every message that Python may
// legally send. Scan finds the members of a message in one pass and decodes each on
// request. Decode decodes the whole [Envelope]. All of them use the verdict of
// [Inspect].
//
// Findings and errors name requirements (JSON-4, SIG-3, …) of the specification,
// spec/wire.md.
//
// All functions are safe for concurrent use. None of them keeps or changes the slices in
// its arguments.
package wire
