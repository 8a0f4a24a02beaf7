// Package lease is the protocol of reliable delivery (spec/reliable.md): the
// names of a queue's companion keys, and the scripts that move messages between
// them. It judges nothing: what a message holds, and what becomes of it, its
// callers decide.
package lease
