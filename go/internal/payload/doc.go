// Package payload maps Go values to payloads and payloads to Go values.
//
// A type is laid out as encoding/json lays it out: tags, embedding, and the
// interfaces of its own marshalers mean what they mean there. Reading differs
// where encoding/json would change a value without a word, and goes the way of
// Python instead; section 12 of spec/wire.md has the table. In short:
//
//   - names are exact; the last of several members with one name counts, and
//     replaces what the others said;
//   - NaN and the infinities go into floats and nowhere else;
//   - what does not fit is an error: an integer too large, a fraction in an
//     integer, an integer that a float would round, a lone surrogate in a
//     string, an array too long, more than 4,300 digits for math/big;
//   - in a generic value, an integer beyond ±(2⁵³−1) is a json.Number;
//   - null leaves the zero value; members that the type does not have are
//     passed over;
//   - neither an error's text nor the errors that it unwraps to quote a payload.
//
// A reader is compiled once for each type, and fills values through pointers that
// it computes from the type's layout: decode.go and reader.go say how. encode.go
// has the other direction.
package payload
