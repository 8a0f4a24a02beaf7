// Package suite holds the cases of the harness as data: the vectors of the
// specification, the matrix of events that goes through every pair, and the
// scenarios. It says what is expected and plays nothing.
package suite
