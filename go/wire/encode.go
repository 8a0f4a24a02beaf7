package wire

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/remote-events/remote-events/go/pyjson"
)

// The message is laid out as Python's json.dumps would.
const dataPrefix = `{"data": `

// Encode writes the message of an envelope. It refuses with a *RefusedError
// whatever is not safe, before anything is sent. Warnings are findings of a
// message that is safe all the same, such as an integer that JavaScript would
// round. Message and key are ready for LPUSH; the key is env.EventName.
//
// It implements SEND-1 to SEND-3.
func Encode(env Envelope, limits Limits) (message []byte, warnings []Finding, err error) {
	signals := env.Metadata.Signals
	if signals == nil {
		signals = Chain(env.EventName)
	}
	refuse := func(findings ...Finding) ([]byte, []Finding, error) {
		return nil, nil, &RefusedError{EventName: env.EventName, Findings: findings, payload: len(env.Payload)}
	}
	if fault := textFault(env, signals); fault != nil {
		return refuse(*fault)
	}
	if len(bytes.TrimSpace(env.Payload)) == 0 {
		return refuse(*malformed(ReqSyntax, len(dataPrefix), "the payload is empty: the least that can be sent is {}"))
	}
	message = appendMessage(make([]byte, 0, len(env.Payload)+256), env, signals)
	judged, p := inspect(&env.EventName, message, limits)
	if judged.Verdict != Safe {
		return refuse(judged.Findings...)
	}
	// A payload such as `{}, "metadata": {}` would write members of its own.
	if p.data.end < len(dataPrefix)+len(bytes.TrimRight(env.Payload, " \t\r\n")) {
		return refuse(*malformed(ReqSyntax, p.data.end, "something stands after the end of the payload"))
	}
	return message, judged.Findings, nil
}

func appendMessage(dst []byte, env Envelope, signals []string) []byte {
	dst = append(dst, dataPrefix...)
	dst = append(dst, env.Payload...)
	dst = append(dst, `, "signals": [`...)
	for i, signal := range signals {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = pyjson.AppendQuote(dst, signal)
	}
	dst = append(dst, ']')
	for i, name := range slices.Sorted(maps.Keys(env.Metadata.Attributes)) {
		if i == 0 {
			dst = append(dst, `, "metadata": {`...)
		} else {
			dst = append(dst, ", "...)
		}
		dst = pyjson.AppendQuote(dst, name)
		dst = append(dst, ": "...)
		dst = pyjson.AppendQuote(dst, env.Metadata.Attributes[name])
	}
	if len(env.Metadata.Attributes) > 0 {
		dst = append(dst, '}')
	}
	return append(dst, '}')
}

// textFault finds the strings that are no text: a Go string may hold any bytes,
// and those that are not UTF-8 would be replaced on their way without a word.
func textFault(env Envelope, signals []string) *Finding {
	if !utf8.ValidString(env.EventName) {
		return malformed(ReqUTF8, 0, "the event's name is not valid UTF-8")
	}
	for _, signal := range signals {
		if !utf8.ValidString(signal) {
			return malformed(ReqUTF8, 0, "a signal is not valid UTF-8")
		}
	}
	for name, value := range env.Metadata.Attributes {
		if !utf8.ValidString(name) || !utf8.ValidString(value) {
			return malformed(ReqUTF8, 0, "an attribute is not valid UTF-8")
		}
	}
	return nil
}

// RefusedError says why an event may not be sent. Nothing of it was. It quotes
// nothing of the payload.
type RefusedError struct {
	// EventName is the event that was refused.
	EventName string
	// Findings are the reasons, the gravest first, with offsets in the message
	// that would have been sent. There is at least one.
	Findings []Finding

	payload int // its length
}

func (e *RefusedError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "event %q refused: ", e.EventName)
	for i, f := range e.Findings {
		if i > 0 {
			b.WriteString("; ")
		}
		fmt.Fprintf(&b, "[%s] %s", f.Requirement, f.Message)
		if at := f.Offset - len(dataPrefix); 0 <= at && at <= e.payload {
			fmt.Fprintf(&b, ", at byte %d of the payload", at)
		}
	}
	return b.String()
}
