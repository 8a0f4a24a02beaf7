// Package payload encodes Go values as payloads and decodes payloads to Go values.
//
// Types have the same JSON form as in encoding/json: its tags, embedding and marshaler
// interfaces have their usual meaning. Decoding follows Python where encoding/json would
// silently change a value. Section 12 of spec/wire.md has the rules. In short:
//
//   - Names match exactly. The last of several members with one name replaces the
//     others.
//   - NaN and the infinities are decoded only into floats.
//   - A value that does not fit is an error: an integer too large, a fraction in an
//     integer, an integer that a float would round, a lone surrogate in a
//     string, an array too long, more than 4,300 digits for math/big.
//   - In a generic value, an integer beyond ±(2⁵³−1) is a json.Number.
//   - null leaves the zero value. Members that the type does not have are ignored.
//   - Neither the text of an error nor the errors that it wraps quote a payload.
//
// The package compiles one reader for each type. Readers write through pointers that
// they compute from the type's memory layout: see decode.go and reader.go. Encoding is in
// encode.go.
package payload
