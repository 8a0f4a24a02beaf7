// Package engine runs the cases of the suite with implementations, compares the
// observed results with the permitted ones, and returns a report.
//
// Implementations do not judge results. To test a sender, the engine reads the pushed
// messages from Redis. To test a receiver, it pushes a message and then a canary. Lists are
// FIFO: when the receiver reports the canary, all its reports about the message have
// arrived. The engine waits for canaries, for reported ends of consumers and for deadlines.
// It never sleeps.
//
// An implementation must conform to the specification. An original is compared with its
// measured behaviour. If the specification predicts this behaviour for originals, but does
// not permit it for implementations, the outcome is a known deviation.
package engine
