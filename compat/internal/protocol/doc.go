// Package protocol has the lines of the adapter protocol, which compat/README.md
// describes, for both of its sides: the harness makes a [Request] and reads a
// [Response], and an adapter in Go answers requests by [Serve]. The probe of a
// running application speaks the same protocol over Redis.
package protocol
