// Package deviations carries what is known of implementations that do not do
// what the specification says, one file for each.
package deviations

import "embed"

// Files holds the files.
//
//go:embed *.json
var Files embed.FS
