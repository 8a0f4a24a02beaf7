// Package pairing plays events from every sender to every receiver.
//
// Senders and receivers are adapters and judge nothing. The runner takes what a
// sender pushed out of Redis, checks its bytes, and pushes them to each
// receiver, followed by a canary: lists are FIFO, so that when the canary has
// come, all that was to come of the event has.
package pairing
