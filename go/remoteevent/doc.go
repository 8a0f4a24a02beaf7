// Package remoteevent sends and receives the remote events of Applauncher
// applications, through Redis lists, in Go.
//
// An event is a type, and its value is the payload:
//
//	type NewFileEvent struct {
//		Path string `json:"path"`
//	}
//
//	func (NewFileEvent) EventName() string { return "new_file_event" }
//
// A [Sender] puts events into Redis; a [Receiver] takes them out and calls
// listeners. Either end may as well be the original, remote_event_bundle for
// Python: the bytes on the wire are those of the specification in spec/, which
// an original understands, and requirement ids such as SEND-4 refer to it.
//
// Embedding an event is inheriting from it, as in Python: listeners of the
// parent hear the child, whose chain of signals is derived from its type. See
// [Event].
//
// # Delivery
//
// Receiving is at most once for now, as it is in Python, and has to be asked
// for with [AtMostOnce]: what a process has taken from Redis is lost if the
// process dies. A message that cannot be delivered is logged and passed over.
// Nothing that a message holds can stop a receiver.
package remoteevent
