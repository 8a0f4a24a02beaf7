// Package suite holds the cases of the harness as data: the vectors of the
// specification, the matrix of events that goes through every pair, and the
// scenarios. A case states the expected results. The package runs no case.
package suite
