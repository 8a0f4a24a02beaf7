// Package evaluation has the cases of the specification that an implementation evaluates
// without Redis, and compares the results by the rules of spec/vectors/README.md.
package evaluation
