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
// Delivery is at least once: an event stays in Redis until its listeners have
// returned, and is tried again, by this process or another, when one fails, or
// when the process dies. What fails again and again, and what nobody can deliver,
// becomes a dead letter, which package queueadmin lists and sends again. So a listener may
// see an event twice: [Delivery.Key] tells it apart, and [WithDeduplication] drops
// most of those. Originals share the lists, and know nothing of it.
//
// Not promised are exactly one delivery, an order after a retry, and anything for
// what an original took or Redis lost. With [AtMostOnce], delivery is as in
// Python: what a process has taken is lost if it dies. The faults that this was put
// through, and what became of the events, are in compat/FAULTS.md.
//
// Nothing that a message holds can stop a receiver.
package remoteevent
