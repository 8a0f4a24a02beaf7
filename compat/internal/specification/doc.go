// Package specification checks the text of the specification against itself, its vectors
// and schemas, and the code that refers to it.
//
// A requirement is a paragraph, an item of a list or a cell of a table that begins with
// its id and contains one keyword of RFC 2119:
//
//	**[RECV-3]** A malformed message MUST NOT be delivered to any listener.
//
// Comments in the text are for this package and not for the reader:
//
//	<!-- untestable: why -->      after a requirement that no case can test
//	<!-- test: DIR TestName -->   after one that a Go test of this repository tests
//	<!-- vector: wire/empty -->   before a block that equals this vector, byte for byte
//	<!-- schema: message -->      before a block that must match the schema
//
// A paragraph that begins "Withdrawn requirements:" lists the withdrawn ids, so that they
// are not used again.
package specification
