// Package lease implements the protocol of reliable delivery (spec/reliable.md): the
// names of a queue's companion keys, and the scripts that move messages between
// them. It does not interpret messages; its callers decide what happens to each.
package lease
