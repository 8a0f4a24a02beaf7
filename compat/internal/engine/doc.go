// Package engine runs the cases of the suite with implementations, compares the
// observed results with the permitted ones, and returns a report.
//
// An implementation judges nothing. The engine reads from Redis the messages that a
// sender pushed. For a receiver it pushes a message followed by a canary. Lists are
// FIFO: when the receiver reports the canary, it has reported everything of the message.
// The engine waits for canaries, reported ends of consumers and deadlines; it never
// sleeps.
//
// An implementation must conform to the specification. An original is compared with its
// measured behaviour. If that is what the specification predicts of an original, and not
// what it requires of an implementation, the outcome is a known deviation.
package engine
