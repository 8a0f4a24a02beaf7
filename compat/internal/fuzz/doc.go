// Package fuzz compares receivers with the predictions of the library, on generated
// messages.
//
// Every message is a function of the seed and its number. It reaches real receivers
// through Redis. The legacy verdict predicts the outcome of an original, and the
// specification the outcome of any other implementation. If the outcome differs, the message is
// minimised with the same difference, and written as a test vector.
package fuzz
