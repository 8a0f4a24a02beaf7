package wire

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/remote-events/remote-events/go/internal/layout"
	"github.com/remote-events/remote-events/go/pyjson"
)

// Encode writes the message of an envelope. It rejects with a *[RejectedError]
// whatever is not safe, before anything is sent. Warnings are findings of a
// message that is safe all the same, such as an integer that JavaScript would
// round. Message and key are ready for LPUSH; the key is env.EventName.
//
// The payload is read once. The rest is checked as the values that it is, and
// not read again after it is written.
//
// It implements SEND-1 to SEND-3.
func Encode(env Envelope, limits Limits) (message []byte, warnings []Finding, err error) {
	signals := env.Metadata.Signals
	if signals == nil {
		signals = Chain(env.EventName)
	}
	reject := func(findings ...Finding) ([]byte, []Finding, error) {
		return nil, nil, &RejectedError{EventName: env.EventName, Findings: findings, payload: len(env.Payload)}
	}
	if fault := textFault(env, signals); fault != nil {
		return reject(*fault)
	}
	if len(bytes.TrimSpace(env.Payload)) == 0 {
		return reject(*malformed(ReqSyntax, len(layout.Prefix), "the payload is empty: the least that can be sent is {}"))
	}
	message = appendMessage(make([]byte, 0, len(env.Payload)+256), env, signals)
	limits = limits.orDefaults()
	if len(message) <= min(limits.SendBytes, limits.ReceiveBytes) && safeSignals(env.EventName, signals) && safeAttributes(env.Metadata.Attributes) {
		if warnings, safe := inspectPayload(env.Payload); safe {
			return message, warnings, nil
		}
	}
	// Something is wrong, and the whole message has all the findings in their
	// places.
	judged, p := inspect(&env.EventName, message, limits)
	if judged.Verdict != Safe {
		return reject(judged.Findings...)
	}
	// A payload such as `{}, "metadata": {}` would write members of its own.
	if p.data.end < len(layout.Prefix)+len(bytes.TrimRight(env.Payload, " \t\r\n")) {
		return reject(*malformed(ReqSyntax, p.data.end, "something stands after the end of the payload"))
	}
	return message, judged.Findings, nil
}

func appendMessage(dst []byte, env Envelope, signals []string) []byte {
	dst = append(dst, layout.Prefix...)
	dst = append(dst, env.Payload...)
	dst = layout.AppendSignals(dst, signals)
	for i, name := range slices.Sorted(maps.Keys(env.Metadata.Attributes)) {
		dst = layout.AppendAttribute(dst, i == 0, name, env.Metadata.Attributes[name])
	}
	return layout.AppendEnd(dst, len(env.Metadata.Attributes) > 0)
}

// safeSignals reports whether signals violate none of SIG-1 to SIG-4.
func safeSignals(name string, signals []string) bool {
	n := len(signals)
	if n < 3 || signals[0] != name || signals[n-2] != SignalRemoteEvent || signals[n-1] != SignalEvent || n > 64 {
		return false
	}
	for i, signal := range signals {
		if Reserved(signal) || slices.Contains(signals[:i], signal) {
			return false
		}
	}
	return true
}

// safeAttributes reports whether attributes violate none of META-2 and META-5.
func safeAttributes(attributes map[string]string) bool {
	for name, value := range attributes {
		if !isAttributeName(name) || valueProblem(name, value) != "" {
			return false
		}
	}
	return true
}

// inspectPayload reads a payload by itself and reports whether a message with it
// is safe, with the warnings that it then has.
func inspectPayload(payload []byte) (warnings []Finding, safe bool) {
	in := inspectors.Get().(*inspector) //nolint:forcetypeassert // the pool holds nothing else
	defer in.release()
	in.Open(pyjson.Object, 0) // the message
	s := pyjson.Scanner{Src: payload, MaxDepth: MaxSendDepth - 1, Observer: in}
	kind, _, _, err := s.Document()
	if err != nil || kind != pyjson.Object || len(in.reservedNames) > 0 || !utf8.Valid(payload) {
		return nil, false
	}
	for _, f := range in.findings {
		if f.Severity != SeverityWarning {
			return nil, false
		}
	}
	warnings = slices.Clone(in.findings)
	for i := range warnings {
		warnings[i].Offset += len(layout.Prefix)
	}
	return warnings, true
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

// RejectedError says why an event may not be sent. Nothing of it was. It quotes
// nothing of the payload.
type RejectedError struct {
	// EventName is the rejected event.
	EventName string
	// Findings are the reasons, the gravest first, with offsets in the message
	// that would have been sent. There is at least one.
	Findings []Finding

	payload int // its length
}

func (e *RejectedError) Error() string {
	if e == nil {
		return "no event is rejected"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "event %q rejected: ", e.EventName)
	for i, f := range e.Findings {
		if i > 0 {
			b.WriteString("; ")
		}
		fmt.Fprintf(&b, "[%s] %s", f.Requirement, f.Message)
		if at := f.Offset - len(layout.Prefix); 0 <= at && at <= e.payload {
			fmt.Fprintf(&b, ", at byte %d of the payload", at)
		}
	}
	return b.String()
}
