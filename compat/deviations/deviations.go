// Package deviations has the known deviations of implementations from the specification,
// one file for each implementation.
package deviations

import "embed"

// Files holds the files.
//
//go:embed *.json
var Files embed.FS
