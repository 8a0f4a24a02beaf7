// Package spec embeds the specification, so that programs and tests of this
// repository read it without a copy.
package spec

import "embed"

// Files holds the normative text, the classes, the manifest, the scripts of reliable
// delivery and the test vectors, at their paths below spec/.
//
//go:embed *.md classes.json manifest.json requirements.json lua vectors
var Files embed.FS
