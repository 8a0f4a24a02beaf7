// Package specification holds the text of the specification together: with
// itself, with its vectors and schemas, and with what the code says of it.
//
// A requirement is a paragraph, an item of a list or a cell of a table that
// begins with its id, and has one word of RFC 2119:
//
//	**[RECV-3]** A malformed message MUST NOT be delivered to any listener.
//
// Comments in the text say what a reader need not see:
//
//	<!-- untestable: why -->      behind a requirement that no case can show
//	<!-- test: DIR TestName -->   behind one that a Go test of this repository shows
//	<!-- vector: wire/empty -->   before a block that is this vector, byte for byte
//	<!-- schema: message -->      before a block that the schema holds for
//
// Ids that were withdrawn stand in a paragraph that begins "Withdrawn
// requirements:", so that none is given to another rule.
package specification
