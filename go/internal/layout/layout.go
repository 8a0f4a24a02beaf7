// Package layout writes what a sender puts around a payload, as Python's
// json.dumps lays it out:
//
//	{"data": PAYLOAD, "signals": ["…", "…"], "metadata": {"id": "…"}}
//
// It checks nothing. Texts must be valid UTF-8.
package layout

import "github.com/remote-events/remote-events/go/pyjson"

// Prefix stands before the payload.
const Prefix = `{"data": `

// AppendSignals appends the member signals, which follows the payload.
func AppendSignals(dst []byte, signals []string) []byte {
	dst = append(dst, `, "signals": [`...)
	for i, signal := range signals {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = pyjson.AppendQuote(dst, signal)
	}
	return append(dst, ']')
}

// AppendAttribute appends an attribute: the first begins the member metadata,
// which follows the signals.
func AppendAttribute(dst []byte, first bool, name, value string) []byte {
	if first {
		dst = append(dst, `, "metadata": {`...)
	} else {
		dst = append(dst, ", "...)
	}
	dst = pyjson.AppendQuote(dst, name)
	dst = append(dst, ": "...)
	return pyjson.AppendQuote(dst, value)
}

// AppendEnd ends the message, and the member metadata where there is one.
func AppendEnd(dst []byte, metadata bool) []byte {
	if metadata {
		dst = append(dst, '}')
	}
	return append(dst, '}')
}
