// Package fuzz holds receivers against what the library foretells of them, on
// messages that chance made.
//
// Every message is a function of the seed and its number. It goes through Redis
// to real receivers: an original, of which the legacy verdict says what it
// does, and any other implementation, which has to do what the specification
// says. Where one does something else, the message is made as small as it can
// be with the same difference, and written as a test vector.
package fuzz
