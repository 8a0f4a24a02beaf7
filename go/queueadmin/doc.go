// Package queueadmin inspects and repairs the queues of remote events. It is for
// operators and their tools: an application that sends and receives events needs
// package remoteevent only.
//
// [Open] returns a [Queue], whose methods count and show its messages, deal with its
// dead letters, and find and repair the traces of faults. An [Observer] observes many
// queues at once, with their consumers and servers. [FindQueues] finds the queues of a Redis, [DiagnoseServer] examines the server, and [Rule] writes the rules
// of an access control list.
//
// Every method may be called while senders and receivers, including original
// implementations, use the queue, and by several goroutines at once. No
// error, log line or diagnosis holds a payload or a password. Errors name the operation
// and the queue. Errors of Redis can be examined with [errors.As] and redis.Error.
//
// Requirement ids such as REL-28 refer to the specification in spec/.
package queueadmin
