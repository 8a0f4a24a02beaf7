// Package schemas embeds the JSON Schemas of all data that crosses a process boundary,
// and of the specification's vectors, so that programs and tests of this
// repository read them without a copy.
package schemas

import "embed"

// Files holds the schemas, each at its file name. Their $id is
// https://remote-events.github.io/schemas/v1/ and that name, by which they refer
// to each other.
//
//go:embed *.schema.json
var Files embed.FS
