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
// A [Sender] stores events in Redis. A [Receiver] takes them from Redis and passes them to a
// [Mux], which calls the listeners:
//
//	mux, err := remoteevent.NewMux()
//	err = remoteevent.Handle(mux, func(ctx context.Context, e NewFileEvent) error { … })
//	receiver, err := remoteevent.NewReceiver(client, mux)
//	err = receiver.Run(ctx)
//
// The sender or the receiver may be an original, remote_event_bundle for Python: the messages
// have the format of the specification in spec/, which an original understands. Requirement
// ids such as SEND-4 refer to the specification.
//
// Embedding an event inherits from it, as in Python: listeners of the parent receive the
// child. The signal chain of the child is derived from its type. See [Event].
//
// # Delivery
//
// Delivery is at least once: an event stays in Redis until its listeners have
// returned. If a listener fails or the process dies, the event is retried, by this
// process or another. A malformed message, and an event whose attempts have all
// failed, becomes a dead letter, which package queueadmin lists and requeues. A
// listener may therefore see an event twice: [Delivery.Key] identifies it, and
// [WithDeduplication] drops most repetitions. Originals use the same lists and are not
// affected.
//
// There is no exactly-once guarantee, no ordering after a retry, and no guarantee for
// messages that an original took or that Redis lost. With [WithAtMostOnce], delivery is
// as in Python: messages that a process has taken are lost if it dies. The file
// compat/FAULTS.md lists the tested faults and the results for the events.
//
// No message can stop a receiver.
//
// # Observation
//
// [WithHooks] adds hooks that observe every event, for metrics, traces and audit logs.
// [WithRedisHooks] adds hooks of go-redis to a receiver's connections. [Receiver.Status]
// describes the queues of a receiver, and package health serves its probes.
// [WithSendMiddleware] wraps sending, and [WithMiddleware] wraps handling.
package remoteevent
