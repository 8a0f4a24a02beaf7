// Package wire is the codec of remote events: it maps an [Envelope] to the
// message that stands in a Redis list, and back, and judges raw messages.
//
// A message is a JSON object of up to three members:
//
//	{"data": {"path": "/uploads/video1.mp4"}, "signals": ["new_file_event", "remote_event", "event"], "metadata": {"id": "…"}}
//
// Payloads, the values of data, pass through in the bytes in which they were
// written. [Encode] rejects whatever is not portable between languages, and
// whatever kills or confuses an original Python receiver. [Scan] and [Decode] take
// all that Python may legally send: Scan finds the members of a message in one pass
// and decodes none before it is asked for it, Decode makes the whole [Envelope].
// All go by the judgement of [Inspect], which is the only one there is.
//
// The requirements that findings and errors name (JSON-4, SIG-3, …) stand in
// the specification, spec/wire.md.
//
// All functions may be called by several goroutines at once. None keeps or
// changes the slices that it is given.
package wire
