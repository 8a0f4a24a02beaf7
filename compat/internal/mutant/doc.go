// Package mutant tests the harness: it is an adapter that can be broken in many
// ways, each of them one that an implementer is likely to choose. A mutant that
// the cases do not catch is a hole in them.
//
// The adapter is a small sender and receiver of its own, of which every part
// that a mutant breaks is a function in a [Mutation]. Without one it passes
// every case.
package mutant
