// Package remoteeventotel instruments senders and receivers with OpenTelemetry.
//
//	telemetry, err := remoteeventotel.New()
//	sender, err := remoteevent.NewSender(client, telemetry.Sender())
//	receiver, err := remoteevent.NewReceiver(client, mux, telemetry.Receiver())
//
// New uses the global providers unless options name others. The names follow the semantic
// conventions for messaging, version 1.43.0, which are in development: names may change
// with a later version of this module.
//
// # Spans
//
// A call of a sender is a span of kind producer, "send QUEUE". Its context travels with
// the event in the attributes traceparent and tracestate of the metadata (META-5).
// Originals ignore them. Each attempt at handling an event is a span of kind consumer,
// "process QUEUE", with a link to the sender's span, if there is one. It begins a trace
// of its own: see [WithSenderAsParent]. An event of an original has no link.
//
// The package sets the attributes of the conventions, and these:
//
//	remote_events.event                  the name of the event
//	remote_events.delivery.id            identifies the message in its queue, for each attempt
//	remote_events.delivery.attempt       counts from 1
//	remote_events.delivery.max_attempts  by remoteevent.WithMaxAttempts
//	remote_events.disposition            acknowledged, retried, released, dead-lettered, dropped or duplicate
//	remote_events.retry_in               seconds before the next attempt
//	remote_events.batch.failed_count     the events of a batch that were not stored, or perhaps not
//
// The values of error.type are, of a sender: unknown_outcome, not_sent, rejected, the code
// of an error reply of Redis such as OOM, and _OTHER; of a receiver: the codes of
// queueadmin.Codes, such as failed, panicked and malformed. Spans never hold payloads, and
// hold the texts of errors only with [WithErrorText].
//
// # Metrics
//
//	messaging.client.sent.messages        events that senders tried to send
//	messaging.client.operation.duration   calls of senders
//	messaging.client.consumed.messages    attempts, by remote_events.disposition and error.type
//	messaging.process.duration            calls of handlers
//	remote_events.lease.lost.messages     events that may be handled twice
//	remote_events.redis.outages           times that calls of Redis for a queue began to fail
//	remote_events.queue.messages          by remote_events.message.state; see [Telemetry.ObserveQueues]
//	remote_events.queue.dead_letters      see [Telemetry.ObserveQueues]
//	remote_events.queue.age               of the message that is taken next; see [Telemetry.ObserveQueues]
//
// Their attributes have the names of queues and, for senders, of events, and nothing else
// of a message. A sender that forwards events of any name makes as many series.
//
// # Logs
//
// [NewLogHandler] adds the ids of the trace and the span to log lines.
//
// # Cost
//
// A sender with the option makes an envelope for each event, and a receiver calls two
// hooks for each attempt. The command
//
//	go test -run - -bench .
//
// in the directory of this package compares sending and receiving without telemetry, with
// providers that do nothing, with an SDK that samples no span, and with one that samples
// all. It prints each time as a multiple of that without telemetry.
//
// # Commands of Redis
//
// To see the commands of a sender as spans, instrument its client with redisotel:
//
//	err := redisotel.InstrumentTracing(client, redisotel.WithDBStatement(false))
//
// Each LPUSH is then a child of a sender's span. Without WithDBStatement(false), redisotel
// records the payloads. Calls that share a command appear under the first of them.
//
// A receiver works through connections of its own, which redisotel does not see. That is
// intended: one command takes or acknowledges many messages and belongs to no
// attempt, and an idle queue makes one command a second. Failing commands are counted by
// remote_events.redis.outages and logged. To see the commands nevertheless, pass a
// [redis.Hook] to [remoteevent.WithRedisHooks].
package remoteeventotel
