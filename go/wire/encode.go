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

// Encode returns the message of an envelope and the key for LPUSH, which is
// env.EventName. If the message is not safe, Encode returns a *[RejectedError]. Warnings
// are findings of a safe message, such as an integer that JavaScript would round.
//
// Encode reads the payload once. It checks the other members as Go values, without
// parsing the message.
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
		return reject(*malformed(ReqSyntax, len(layout.Prefix), "the payload is empty; send {} for an event without data"))
	}
	message = appendMessage(make([]byte, 0, len(env.Payload)+256), env, signals)
	limits = limits.orDefaults()
	if len(message) <= min(limits.SendBytes, limits.ReceiveBytes) && safeSignals(env.EventName, signals) && safeAttributes(env.Metadata.Attributes) {
		if warnings, safe := inspectPayload(env.Payload); safe {
			return message, warnings, nil
		}
	}
	// The message is not safe. Inspect it as a whole, to get all findings with their
	// offsets.
	judged, p := inspect(&env.EventName, message, limits)
	if judged.Verdict != Safe {
		return reject(judged.Findings...)
	}
	// A payload such as `{}, "metadata": {}` would add members to the message.
	if p.data.end < len(layout.Prefix)+len(bytes.TrimRight(env.Payload, " \t\r\n")) {
		return reject(*malformed(ReqSyntax, p.data.end, "the payload continues after the end of its JSON value"))
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

// inspectPayload inspects a payload alone. It reports whether a message with it is safe,
// and returns the warnings.
func inspectPayload(payload []byte) (warnings []Finding, safe bool) {
	in := inspectors.Get().(*inspector) //nolint:forcetypeassert // the pool contains only inspectors
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

// textFault finds strings that are not valid UTF-8. The encoder would silently replace
// their invalid bytes.
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

// RejectedError explains why an event was rejected. Nothing was sent. The error quotes
// nothing of the payload.
type RejectedError struct {
	// EventName is the name of the rejected event.
	EventName string
	// Findings are the reasons, the most severe first. Their offsets refer to the message
	// that would have been sent. There is at least one.
	Findings []Finding

	payload int // length in bytes
}

func (e *RejectedError) Error() string {
	if e == nil {
		return "no rejected event"
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
