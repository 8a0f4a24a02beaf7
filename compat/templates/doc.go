// Package templates has adapters in other languages to copy. Its tests run them with all
// cases.
package templates
