// Package engine plays the cases of the suite with implementations, judges what
// it sees, and reports it.
//
// An implementation judges nothing. What a sender pushed the engine takes out of
// Redis and looks at; a receiver gets a message followed by a canary. Lists are
// FIFO, so that when the canary has come, all that was to come of the message
// has: there are no pauses, only canaries, reported deaths and deadlines.
//
// An implementation is held to the specification. An original is held to what
// was measured of it: where that is what the specification foretells, and not
// what it demands, the outcome is a deviation.
package engine
