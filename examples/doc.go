// Package examples has small complete programs to copy, and guides. Its tests run them.
package examples
