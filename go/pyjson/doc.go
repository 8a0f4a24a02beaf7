// Package pyjson scans JSON as Python's json module reads it, without changing
// a byte of it.
//
// The dialect is RFC 8259 plus the literals NaN, Infinity and -Infinity;
// integers may have any number of digits, an escaped surrogate may stand alone,
// and of two members with one name the last one counts. A text is bytes in
// UTF-8: the scanner checks the grammar and leaves the encoding to its caller,
// who checks a whole message once with [unicode/utf8.Valid].
//
// Nothing here recurses over its input, and nothing takes more than linear time.
package pyjson
