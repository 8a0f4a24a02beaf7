package mutant

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/remote-events/remote-events/go/pyjson"
	"github.com/remote-events/remote-events/go/wire"
)

// reading has the mutants that misread messages, or reject valid ones.
var reading = []Mutation{
	{Name: "takes-bom", About: "skips a byte order mark", Requirement: "JSON-1", Cases: []string{"poison"},
		read: func(raw []byte) []byte { return bytes.TrimPrefix(raw, []byte("\ufeff")) }},
	{Name: "replaces-bytes", About: "replaces bytes that are not UTF-8 by U+FFFD", Requirement: "JSON-1", Cases: []string{"poison"},
		read: func(raw []byte) []byte { return bytes.ToValidUTF8(raw, []byte("\ufffd")) }},
	{Name: "latin-1", About: "reads bytes that are not UTF-8 as Latin-1", Requirement: "JSON-1", Cases: []string{"poison"}, read: latin1},
	{Name: "detects-utf-16", About: "detects UTF-16 and UTF-32, as json.loads does with bytes", Requirement: "JSON-1", Cases: []string{"poison"}, read: detectUTF16},
	{Name: "trailing-bytes", About: "stops at the end of the first value", Requirement: "JSON-2", Cases: []string{"poison"}, read: firstValue},
	{Name: "control-characters", About: "accepts control characters in strings", Requirement: "JSON-2", Cases: []string{"poison"}, read: escapeControls},
	{Name: "trailing-commas", About: "accepts a comma before a closing bracket", Requirement: "JSON-2", Cases: []string{"poison"},
		read: func(raw []byte) []byte {
			return replaceAll(raw, ",}", "}", ", }", "}", ",]", "]", ", ]", "]")
		}},
	{Name: "single-quotes", About: "accepts strings in single quotes", Requirement: "JSON-2", Cases: []string{"poison"},
		read: func(raw []byte) []byte {
			if json.Valid(raw) {
				return raw
			}
			return replaceAll(raw, "'", `"`)
		}},
	{Name: "array-of-one", About: "treats the first element of an array as the message", Requirement: "JSON-3", Cases: []string{"poison"},
		read: func(raw []byte) []byte { return []byte(strings.Trim(string(raw), "[]")) }},
	{Name: "any-case", About: "treats Data as data, as encoding/json does", Requirement: "WIRE-6", Cases: []string{"poison", "wire"}, read: foldNames},
	{Name: "raw-names", About: "compares names without resolving escapes", Requirement: "WIRE-6", Cases: []string{"wire"},
		reject: func(raw []byte, _ wire.Envelope) bool {
			return !bytes.Contains(raw, []byte(`"data"`)) || !bytes.Contains(raw, []byte(`"signals"`))
		}},
	{Name: "first-duplicate", About: "uses the first of several members with one name", Requirement: "JSON-11", Cases: []string{"wire", "poison"}, read: firstDuplicates},
	{Name: "rejects-duplicates", About: "rejects several members with one name", Requirement: "JSON-11", Cases: []string{"wire"}, reject: finding(wire.ReqUniqueNames)},
	{Name: "rejects-nan", About: "rejects NaN, as JSON.parse does", Requirement: "JSON-10", Cases: []string{"wire"}, reject: finding(wire.ReqFinite)},
	{Name: "rejects-large-floats", About: "rejects numbers beyond doubles, as encoding/json does", Requirement: "JSON-10", Cases: []string{"limits/*float64*", "limits/rounds-*"}, reject: finding(wire.ReqFloatRange)},
	{Name: "rejects-long-integers", About: "rejects integers beyond 4,300 digits, as Python does", Requirement: "JSON-10", Cases: []string{"limits/4-*"}, reject: finding(wire.ReqIntegerDigits)},
	{Name: "rejects-lone-surrogates", About: "rejects lone surrogates", Requirement: "JSON-10", Cases: []string{"wire"}, reject: finding(wire.ReqSurrogates)},
	{Name: "rejects-unknown-members", About: "rejects members that it does not know", Requirement: "WIRE-7", Cases: []string{"wire", "evolution"}, reject: finding(wire.ReqUnknownMembers)},
	{Name: "rejects-odd-signals", About: "rejects signals that are not strings", Requirement: "WIRE-3", Cases: []string{"wire"}, reject: finding(wire.ReqSignalStrings)},
	{Name: "wants-base-signals", About: "rejects signals that do not end with the base signals", Requirement: "RECV-2", Cases: []string{"wire"}, reject: finding(wire.ReqBaseSignals)},
	{Name: "wants-unique-signals", About: "rejects a signal that occurs twice", Requirement: "DISP-2", Cases: []string{"wire", "dispatch"}, reject: finding(wire.ReqUniqueSignals)},
	{Name: "wants-its-key", About: "rejects a message whose first signal is not the list's key", Requirement: "RECV-9", Cases: []string{"dispatch"},
		reject: func(raw []byte, env wire.Envelope) bool {
			return env.EventName != "e" && !bytes.Contains(raw, []byte(`"canary"`))
		}},
	{Name: "wants-metadata", About: "rejects a message without metadata", Requirement: "META-7", Cases: []string{"wire", "metadata"},
		reject: func(raw []byte, _ wire.Envelope) bool {
			return !bytes.Contains(raw, []byte(`"metadata"`)) && !bytes.Contains(raw, []byte(`"canary"`))
		}},
	{Name: "rejects-bad-metadata", About: "rejects a message whose metadata it cannot read", Requirement: "META-6", Cases: []string{"metadata"},
		reject: finding(wire.ReqMetadataObject, wire.ReqMetadataNames, wire.ReqMetadataStrings)},
	{Name: "rejects-bad-values", About: "rejects a message with an attribute of another form", Requirement: "META-6", Cases: []string{"metadata"}, reject: finding(wire.ReqMetadataValues)},
	{Name: "limits-as-a-sender", About: "rejects messages of a size that no sender may write", Requirement: "LIMIT-3", Cases: []string{"limits/1-mib*"}, reject: finding(wire.ReqSize)},
	{Name: "depth-as-a-sender", About: "rejects messages of a depth that no sender may write", Requirement: "RECV-2", Cases: []string{"limits/5*", "limits/10-*"}, reject: finding(wire.ReqDepth)},
	{Name: "no-size-limit", About: "accepts messages of any size", Requirement: "LIMIT-3", Cases: []string{"limits/64-mib*"}, limits: wire.Limits{ReceiveBytes: 1 << 30}},
	{Name: "no-depth-limit", About: "accepts messages of any depth", Requirement: "LIMIT-4", Cases: []string{"limits/10-*"}, accept: lenient(violates(wire.ReqReceiveDepth))},
	{Name: "data-null", About: "treats data that is null as an empty object", Requirement: "WIRE-1", Cases: []string{"poison"},
		read: func(raw []byte) []byte { return replaceAll(raw, `"data": null`, `"data": {}`) }},
	{Name: "data-missing", About: "treats missing data as an empty object", Requirement: "WIRE-1", Cases: []string{"poison"},
		accept: lenient(func(raw []byte) bool { return members(raw)["data"] == nil })},
	{Name: "data-an-array", About: "accepts data that is an array", Requirement: "WIRE-1", Cases: []string{"poison"},
		accept: lenient(func(raw []byte) bool { return bytes.HasPrefix(members(raw)["data"], []byte("[")) })},
	{Name: "signals-a-string", About: "treats signals that are a string as an array with this string", Requirement: "WIRE-2", Cases: []string{"poison/signals-*"}, accept: oneSignal},
	{Name: "signals-iterated", About: "treats signals that are a string as an array of its characters, as originals do", Requirement: "WIRE-2", Cases: []string{"poison", "dispatch"}, accept: iterate},
	{Name: "signals-empty", About: "delivers a message without signals by the list's key", Requirement: "WIRE-2", Cases: []string{"poison"},
		accept: func(raw []byte) (wire.Envelope, bool) {
			found := members(raw)
			signals := string(found["signals"])
			return wire.Envelope{Payload: found["data"]}, found["data"] != nil && (signals == "[]" || signals == "null")
		}},
	{Name: "signals-nested", About: "ignores signals that are objects or arrays", Requirement: "WIRE-3", Cases: []string{"poison", "dispatch"}, accept: lenient(violates(wire.ReqSignalStrings))},
	{Name: "malformed-delivered", About: "delivers malformed messages with an empty payload", Requirement: "RECV-3", Cases: []string{"poison"},
		accept: func([]byte) (wire.Envelope, bool) {
			return wire.Envelope{Payload: []byte("{}")}, true // by the list's key
		}},
}

// finding rejects messages in which a validator finds one of these faults.
func finding(requirements ...wire.Requirement) func([]byte, wire.Envelope) bool {
	return func(raw []byte, env wire.Envelope) bool {
		for _, f := range wire.InspectFrom(env.EventName, raw, wire.Limits{}).Findings {
			if contains(requirements, f.Requirement) {
				return true
			}
		}
		return false
	}
}

func replaceAll(raw []byte, oldnew ...string) []byte {
	return []byte(strings.NewReplacer(oldnew...).Replace(string(raw)))
}

func latin1(raw []byte) []byte {
	if utf8.Valid(raw) {
		return raw
	}
	var text strings.Builder
	for _, c := range raw {
		text.WriteRune(rune(c))
	}
	return []byte(text.String())
}

func detectUTF16(raw []byte) []byte {
	width := 2
	switch {
	case bytes.Count(raw, []byte{0}) < len(raw)/3:
		return raw
	case bytes.Count(raw, []byte{0}) > len(raw)*2/3:
		width = 4
	}
	var units []uint16
	for i := 0; i+width <= len(raw); i += width {
		var unit uint16
		for _, c := range raw[i : i+width] {
			unit |= uint16(c) // whichever end is first
		}
		units = append(units, unit)
	}
	return []byte(strings.Trim(string(utf16.Decode(units)), "\x00\ufeff\u00ff"))
}

func firstValue(raw []byte) []byte {
	s := pyjson.Scanner{Src: raw}
	start := s.Space(0)
	if end, err := s.Value(start); err == nil {
		return raw[start:end]
	}
	return raw
}

func escapeControls(raw []byte) []byte {
	var out []byte
	inside := false
	for i, c := range raw {
		if c == '"' && (i == 0 || raw[i-1] != '\\') {
			inside = !inside
		}
		if inside && c < ' ' {
			out = fmt.Appendf(out, `\u%04x`, c)
		} else {
			out = append(out, c)
		}
	}
	return out
}

// foldNames changes the names at the top level to lower case.
func foldNames(raw []byte) []byte {
	for _, name := range []string{"data", "signals"} {
		if !bytes.Contains(raw, []byte(`"`+name+`"`)) {
			raw = replaceAll(raw, `"`+strings.ToUpper(name[:1])+name[1:]+`"`, `"`+name+`"`, `"`+strings.ToUpper(name)+`"`, `"`+name+`"`)
		}
	}
	return raw
}

// firstDuplicates keeps only the first of several members with one name.
func firstDuplicates(raw []byte) []byte {
	s := pyjson.Scanner{Src: raw}
	if _, _, _, err := s.Document(); err != nil {
		return raw
	}
	var value func(pos int) (end int, out []byte)
	value = func(pos int) (end int, out []byte) {
		kind, err := s.Peek(pos)
		if err != nil {
			return pos, nil
		}
		switch kind {
		case pyjson.Object:
			seen := map[string]bool{}
			end, _ = s.Members(pos, func(raw []byte, pos int) (int, error) {
				end, text := value(pos)
				if name, _ := pyjson.Unquote(raw); !seen[name] {
					seen[name] = true
					out = fmt.Appendf(out, `,"%s":%s`, raw, text)
				}
				return end, nil
			})
			return end, fmt.Appendf(nil, "{%s}", bytes.TrimPrefix(out, []byte(",")))
		case pyjson.Array:
			end, _ = s.Elements(pos, func(pos int) (int, error) {
				end, text := value(pos)
				out = append(append(out, ','), text...)
				return end, nil
			})
			return end, fmt.Appendf(nil, "[%s]", bytes.TrimPrefix(out, []byte(",")))
		default:
			end, _ = s.Value(pos)
			return end, raw[pos:end]
		}
	}
	_, out := value(s.Space(0))
	return out
}

// members returns the values at the top level of a message, of any type.
func members(raw []byte) map[string][]byte {
	found := map[string][]byte{}
	s := pyjson.Scanner{Src: raw}
	start := s.Space(0)
	if kind, err := s.Peek(start); err != nil || kind != pyjson.Object {
		return nil
	}
	_, err := s.Members(start, func(name []byte, pos int) (int, error) {
		end, err := s.Value(pos)
		if err == nil {
			found[string(name)] = raw[pos:end]
		}
		return end, err
	})
	if err != nil {
		return nil
	}
	return found
}

// lenient delivers messages that are malformed in one way, if they have a signal.
func lenient(in func(raw []byte) bool) func([]byte) (wire.Envelope, bool) {
	return func(raw []byte) (wire.Envelope, bool) {
		found := members(raw)
		env := wire.Envelope{Payload: []byte("{}")}
		if data := found["data"]; data != nil {
			env.Payload = data
		}
		s := pyjson.Scanner{Src: found["signals"]}
		if !in(raw) || len(s.Src) == 0 || s.Src[0] != '[' {
			return env, false
		}
		_, _ = s.Elements(0, func(pos int) (int, error) {
			end, err := s.Value(pos)
			if err == nil && s.Src[pos] == '"' {
				name, _ := pyjson.Unquote(s.Src[pos+1 : end-1])
				env.Metadata.Signals = append(env.Metadata.Signals, name)
			}
			return end, err
		})
		return env, len(env.Metadata.Signals) > 0
	}
}

// violates returns a function that reports whether a message violates a requirement.
func violates(requirement wire.Requirement) func([]byte) bool {
	return func(raw []byte) bool {
		_, err := wire.Decode(raw, wire.Limits{})
		malformed, ok := errors.AsType[*wire.MalformedError](err)
		return ok && malformed.Finding.Requirement == requirement
	}
}

// oneSignal treats signals as an array with one element.
func oneSignal(raw []byte) (wire.Envelope, bool) {
	found := members(raw)
	var name string
	if json.Unmarshal(found["signals"], &name) != nil || found["data"] == nil {
		return wire.Envelope{}, false
	}
	return wire.Envelope{Payload: found["data"], Metadata: wire.Metadata{Signals: []string{name}}}, name != ""
}

// iterate treats each character of signals as a signal.
func iterate(raw []byte) (wire.Envelope, bool) {
	found := members(raw)
	var text string
	if json.Unmarshal(found["signals"], &text) != nil || found["data"] == nil {
		return wire.Envelope{}, false
	}
	return wire.Envelope{Payload: found["data"], Metadata: wire.Metadata{Signals: strings.Split(text, "")}}, text != ""
}
