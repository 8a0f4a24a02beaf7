// Package implementations tests the packages in other languages of examples. It has no
// code of its own.
package implementations
