// Package pyjson scans JSON as Python's json module reads it. It never changes the text.
//
// The dialect is RFC 8259 plus the literals NaN, Infinity and -Infinity;
// integers may have any number of digits, escaped surrogates may be unpaired,
// and of two members with one name the last one counts. A text is bytes in
// UTF-8. The scanner checks the grammar and not the encoding: its caller
// checks the whole message once with [unicode/utf8.Valid].
//
// No function recurses over its input, and every function takes linear time.
package pyjson
