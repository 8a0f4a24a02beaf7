// Package payload maps Go values to payloads and payloads to Go values.
//
// A type is laid out as encoding/json lays it out: tags, embedding, and the
// interfaces of its own marshalers mean what they mean there. Reading differs
// where encoding/json would change a value without a word, and goes the way of
// Python instead; chapter 11 of spec/wire.md has the table. In short:
//
//   - names are exact; the last of several members with one name counts, and
//     replaces what the others said;
//   - NaN and the infinities go into floats and nowhere else;
//   - what does not fit is an error: an integer too large, a fraction in an
//     integer, an integer that a float would round, a lone surrogate in a
//     string, an array too long;
//   - null leaves the zero value; members that the type does not have are
//     passed over.
package payload
