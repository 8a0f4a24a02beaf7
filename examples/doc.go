// Package examples has small complete programs to copy, packages for other languages, and
// guides. Its tests run the programs and the guides. Tests of compat run the packages.
package examples
