// Package mutant tests the cases of the harness with adapters that have one likely mistake
// each. If no case fails with a mutant, a case is missing.
//
// The adapter is a small sender and receiver. Each part that a mutant changes is a
// function in a [Mutation]. Without a mutation the adapter passes every case.
package mutant
