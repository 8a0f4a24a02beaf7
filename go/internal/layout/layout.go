// Package layout writes the parts of a message around the payload, in the layout of
// Python's json.dumps:
//
//	{"data": PAYLOAD, "signals": ["…", "…"], "metadata": {"id": "…"}}
//
// It validates nothing. Strings must be valid UTF-8.
package layout

import "github.com/remote-events/remote-events/go/pyjson"

// Prefix precedes the payload.
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

// AppendAttribute appends an attribute. The first attribute begins the member metadata,
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

// AppendEnd appends the end of the message, and of the member metadata if it has one.
func AppendEnd(dst []byte, metadata bool) []byte {
	if metadata {
		dst = append(dst, '}')
	}
	return append(dst, '}')
}
