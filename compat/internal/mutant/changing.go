package mutant

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/wire"
)

// changing are the mutants that change payloads, attributes or names as common
// libraries do, when they send or when they deliver. Values that a mutant does not change
// keep their bytes.
var changing = func() []Mutation {
	var all []Mutation
	for _, m := range []struct {
		name, about string
		change      change
	}{
		{"trims-member-names", "removes white space around names of members", change{name: strings.TrimSpace}},
		{"trims-strings", "removes white space around strings", change{text: strings.TrimSpace}},
		{"nests-dotted-names", "turns a name with a dot into an object", change{object: nestDotted}},
		{"array-of-digits", "turns an object whose names are 0, 1, … into an array", change{object: arrayOfDigits}},
		{"array-of-nothing", "turns an empty object into an array", change{object: func(o map[string]any) any {
			if len(o) == 0 {
				return []any{}
			}
			return o
		}}},
		{"parses-dates", "writes dates in another form", change{text: reformatDate}},
		{"line-feeds", "replaces CR LF by LF", change{text: func(s string) string { return strings.ReplaceAll(s, "\r\n", "\n") }}},
		{"unescapes-twice", `resolves escapes twice, so that \\n becomes a line feed`, change{text: func(s string) string {
			return strings.NewReplacer(`\n`, "\n", `\t`, "\t", `\"`, `"`, `\u0041`, "A").Replace(s)
		}}},
		{"parses-strings", "turns strings that look like numbers and literals into these", change{value: parseString}},
		{"normalises-strings", "normalises strings to NFC", change{text: compose}},
		{"normalises-member-names", "normalises names of members to NFC", change{name: compose}},
		{"camel-case", "writes names of members in camel case", change{name: func(name string) string {
			return regexp.MustCompile(`[a-z]_[a-z]`).ReplaceAllStringFunc(name, func(s string) string { return s[:1] + strings.ToUpper(s[2:]) })
		}}},
		{"escapes-markup", "escapes markup in strings", change{text: func(s string) string {
			return strings.NewReplacer("<", "&lt;", ">", "&gt;", "&", "&amp;").Replace(s)
		}}},
		{"cuts-at-nul", "cuts strings at a NUL", change{text: func(s string) string { s, _, _ = strings.Cut(s, "\x00"); return s }}},
		{"replaces-astral", "replaces characters beyond the BMP", change{text: func(s string) string {
			return strings.Map(func(r rune) rune {
				if r > 0xFFFF {
					return unicode.ReplacementChar
				}
				return r
			}, s)
		}}},
	} {
		all = append(all,
			Mutation{Name: "send-" + m.name, About: m.about + ", to send them", Requirement: "WIRE-8", Cases: []string{"send/*payload*", "payload/string-*", "payload/value-*"},
				event: func(env *wire.Envelope) { env.Payload = m.change.apply(env.Payload) }},
			Mutation{Name: "read-" + m.name, About: m.about + ", to deliver them", Requirement: "WIRE-8", Cases: []string{"wire/*payload*", "wire/python-names", "wire/every*", "payload/string-*", "payload/value-*"},
				deliver: func(env *wire.Envelope, _ []byte) { env.Payload = m.change.apply(env.Payload) }},
		)
	}
	return append(all,
		Mutation{Name: "empty-metadata", About: "writes an empty metadata if there are no attributes", Requirement: "META-4", Cases: []string{"send", "payload"},
			write: func(message []byte) []byte {
				if bytes.Contains(message, []byte(`"metadata": {`)) {
					return message
				}
				return append(message[:len(message)-1:len(message)-1], `, "metadata": {}}`...)
			}},
		Mutation{Name: "null-metadata", About: "writes null as metadata if there are no attributes", Requirement: "META-1", Cases: []string{"send", "payload"},
			write: func(message []byte) []byte {
				return append(message[:len(message)-1:len(message)-1], `, "metadata": null}`...)
			}},
		Mutation{Name: "rejects-long-fractions", About: "rejects fractions of more than 4,300 digits", Requirement: "JSON-7", Cases: []string{"send", "payload"},
			push: func(ctx context.Context, client *redis.Client, key string, message []byte) error {
				if longNumber.Match(message) {
					return errors.New("rejected: JSON-7")
				}
				return client.LPush(ctx, key, message).Err()
			}},
		Mutation{Name: "drops-long-fractions", About: "drops events with fractions of more than 4,300 digits", Requirement: "JSON-10", Cases: []string{"limits/4-*", "payload"},
			reject: func(raw []byte, _ wire.Envelope) bool { return longNumber.Match(raw) }},
		Mutation{Name: "lowers-attributes", About: "sends names of attributes in lower case", Requirement: "META-2", Cases: []string{"send", "payload"}, before: renameAttributes(strings.ToLower)},
		Mutation{Name: "trims-attributes", About: "removes white space around names of attributes", Requirement: "META-2", Cases: []string{"send", "payload"}, before: renameAttributes(strings.TrimSpace)},
		Mutation{Name: "cleans-attributes", About: "removes forbidden characters from names of attributes", Requirement: "META-2", Cases: []string{"send", "payload"},
			before: renameAttributes(func(name string) string { return regexp.MustCompile(`[^a-z0-9]`).ReplaceAllString(name, "") })},
		Mutation{Name: "skips-attributes", About: "omits attributes that no sender may write", Requirement: "SEND-1", Cases: []string{"send"},
			before: func(env *wire.Envelope) {
				maps.DeleteFunc(env.Metadata.Attributes, func(name, _ string) bool { return !regexp.MustCompile(`^[a-z0-9]+$`).MatchString(name) })
			}},
		Mutation{Name: "trims-attribute-values", About: "removes white space around values of attributes", Requirement: "META-5", Cases: []string{"send", "payload"},
			before: func(env *wire.Envelope) {
				for name, value := range env.Metadata.Attributes {
					env.Metadata.Attributes[name] = strings.TrimSpace(value)
				}
			}},
		Mutation{Name: "skips-empty-attributes", About: "omits empty attributes", Requirement: "META-3", Cases: []string{"send", "payload"},
			before: func(env *wire.Envelope) {
				maps.DeleteFunc(env.Metadata.Attributes, func(_, value string) bool { return value == "" })
			}},
		Mutation{Name: "reads-lowered-attributes", About: "delivers names of attributes in lower case", Requirement: "META-6", Cases: []string{"metadata"},
			deliver: func(env *wire.Envelope, raw []byte) {
				for name, v := range attributes(raw) {
					if text, ok := v.(string); ok && strings.Trim(strings.ToLower(name), "abcdefghijklmnopqrstuvwxyz0123456789") == "" && name != "" {
						set(env, strings.ToLower(name), text)
					}
				}
			}},
		Mutation{Name: "normalises-names", About: "normalises the event's name to NFC", Requirement: "SEND-3", Cases: []string{"send", "payload"}, event: rename(compose)},
		Mutation{Name: "normalises-keys", About: "normalises the list's key to NFC", Requirement: "SEND-3", Cases: []string{"send", "payload"},
			push: func(ctx context.Context, client *redis.Client, key string, message []byte) error {
				return client.LPush(ctx, compose(key), message).Err()
			}},
		Mutation{Name: "trims-names", About: "removes white space around the event's name", Requirement: "SEND-3", Cases: []string{"send", "payload"}, event: rename(strings.TrimSpace)},
		Mutation{Name: "cuts-names", About: "cuts names of more than 50,000 bytes", Requirement: "SEND-3", Cases: []string{"send", "payload"},
			event: rename(func(name string) string { return name[:min(len(name), 50_000)] })},
		Mutation{Name: "rejects-long-names", About: "rejects names of more than 50,000 bytes", Requirement: "SEND-3", Cases: []string{"send", "payload"},
			push: func(ctx context.Context, client *redis.Client, key string, message []byte) error {
				if len(key) > 50_000 {
					return errors.New("the name is too long")
				}
				return client.LPush(ctx, key, message).Err()
			}},
		Mutation{Name: "drops-long-names", About: "drops events whose names have more than 50,000 bytes", Requirement: "RECV-2", Cases: []string{"wire", "dispatch", "limits", "payload"},
			reject: func(_ []byte, env wire.Envelope) bool {
				return len(env.Metadata.Signals[0]) > 50_000
			}},
		Mutation{Name: "normalises-signals", About: "compares signals in NFC", Requirement: "DISP-1", Cases: []string{"dispatch", "wire"},
			hears: func(listener, signal string) bool { return compose(listener) == compose(signal) }},
		Mutation{Name: "signals-by-prefix", About: "calls the listeners of signals with a common prefix", Requirement: "DISP-1", Cases: []string{"dispatch"}, hears: func(listener, signal string) bool { return strings.HasPrefix(signal, listener) }},
		Mutation{Name: "signals-up-to-nul", About: "compares signals up to a NUL", Requirement: "DISP-1", Cases: []string{"dispatch"},
			hears: func(listener, signal string) bool {
				a, _, _ := strings.Cut(listener, "\x00")
				b, _, _ := strings.Cut(signal, "\x00")
				return a == b
			}},
		Mutation{Name: "signals-as-patterns", About: "treats the signal of a listener as a pattern", Requirement: "DISP-1", Cases: []string{"dispatch"},
			hears: func(listener, signal string) bool {
				prefix, pattern := strings.CutSuffix(listener, "*")
				return listener == signal || pattern && strings.HasPrefix(signal, prefix)
			}},
		Mutation{Name: "unicode-space", About: "skips any white space of Unicode around a message", Requirement: "JSON-2", Cases: []string{"poison"}, read: bytes.TrimSpace},
		Mutation{Name: "send-unicode-space", About: "skips any white space of Unicode around a payload", Requirement: "JSON-2", Cases: []string{"send"},
			before: func(env *wire.Envelope) { env.Payload = bytes.TrimSpace(env.Payload) }},
		Mutation{Name: "trailing-nul", About: "skips NULs after a message", Requirement: "JSON-2", Cases: []string{"poison"}, read: func(raw []byte) []byte { return bytes.TrimRight(raw, "\x00") }},
		Mutation{Name: "receives-characters", About: "applies the limit of receivers to characters instead of bytes", Requirement: "LIMIT-3", Cases: []string{"limits"},
			limits: wire.Limits{ReceiveBytes: 1 << 30},
			reject: func(raw []byte, _ wire.Envelope) bool { return len([]rune(string(raw))) > wire.DefaultReceiveBytes }},
		Mutation{Name: "sends-characters", About: "applies the limit of senders to characters instead of bytes", Requirement: "LIMIT-2", Cases: []string{"send"},
			permits: []wire.Requirement{wire.ReqSize},
			push: func(ctx context.Context, client *redis.Client, key string, message []byte) error {
				if len([]rune(string(message))) > wire.DefaultSendBytes {
					return errors.New("rejected: LIMIT-2")
				}
				return client.LPush(ctx, key, message).Err()
			}},
		Mutation{Name: "names-every-requirement", About: "names every requirement in each rejection", Requirement: "SEND-2", Cases: []string{"send"},
			answer: func(err error, _ wire.Envelope) error {
				if err != nil {
					err = errors.New("rejected: " + strings.Join(everyRequirement, ", "))
				}
				return err
			}},
	)
}()

var longNumber = regexp.MustCompile(`[0-9]{1000}[0-9]{1000}[0-9]{1000}[0-9]{1000}[0-9]{301}`)

// everyRequirement has the requirements whose violation a sender rejects.
var everyRequirement = []string{
	"JSON-1", "JSON-2", "JSON-3", "JSON-4", "JSON-5", "JSON-6", "JSON-7", "JSON-9", "WIRE-1", "WIRE-2", "WIRE-3", "WIRE-4", "WIRE-5",
	"SIG-1", "SIG-2", "SIG-3", "SIG-4", "META-1", "META-2", "META-3", "META-5", "LIMIT-1", "LIMIT-2", "CHAIN-4", "SEND-7",
}

// change is a change to the values of a payload. A field without a value changes nothing.
type change struct {
	name   func(string) string
	text   func(string) string
	value  func(any) any
	object func(map[string]any) any
}

// apply changes a payload. It keeps the bytes of a payload without values to change.
func (c change) apply(payload []byte) []byte {
	decoder := json.NewDecoder(bytes.NewReader(payload))
	decoder.UseNumber()
	var before any
	if decoder.Decode(&before) != nil {
		return payload
	}
	unchanged, err := json.Marshal(before)
	if err != nil {
		return payload
	}
	after := map[string]any{}
	for name, v := range before.(map[string]any) { //nolint:forcetypeassert // a payload is an object
		if c.name != nil {
			name = c.name(name)
		}
		after[name] = c.of(v)
	}
	var whole any = after
	if c.object != nil {
		if o, ok := c.object(after).(map[string]any); ok {
			whole = o
		}
	}
	changed, err := json.Marshal(whole)
	if err != nil || bytes.Equal(changed, unchanged) {
		return payload
	}
	return changed
}

func (c change) of(v any) any {
	switch v := v.(type) {
	case string:
		if c.text != nil {
			return c.text(v)
		}
	case []any:
		var out = make([]any, len(v))
		for i := range v {
			out[i] = c.of(v[i])
		}
		return out
	case map[string]any:
		out := map[string]any{}
		for name, member := range v {
			if c.name != nil {
				name = c.name(name)
			}
			out[name] = c.of(member)
		}
		if c.object != nil {
			return c.object(out)
		}
		return out
	}
	if c.value != nil {
		return c.value(v)
	}
	return v
}

func nestDotted(o map[string]any) any {
	for name, v := range o {
		if first, rest, dotted := strings.Cut(name, "."); dotted && first != "" && rest != "" {
			delete(o, name)
			o[first] = map[string]any{rest: v}
		}
	}
	return o
}

func arrayOfDigits(o map[string]any) any {
	var elements []any
	for i := range len(o) {
		v, ok := o[strconv.Itoa(i)]
		if !ok {
			return o
		}
		elements = append(elements, v)
	}
	if len(elements) == 0 {
		return o
	}
	return elements
}

// reformatDate writes a date like a library that parses and formats dates.
func reformatDate(s string) string {
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return t.UTC().Format("2006-01-02T15:04:05.000Z")
	}
	if t, err := time.Parse(time.DateOnly, s); err == nil {
		return t.Format(time.RFC3339)
	}
	return s
}

func parseString(v any) any {
	s, ok := v.(string)
	if !ok {
		return v
	}
	switch s {
	case "true", "false":
		return s == "true"
	case "null":
		return nil
	}
	if _, err := strconv.ParseInt(s, 10, 64); err == nil {
		return json.Number(strings.TrimLeft(s, "0+") + strings.Repeat("0", 1-min(1, len(strings.TrimLeft(s, "0+")))))
	}
	return s
}

// compose normalises the letters that occur in the cases to NFC.
func compose(s string) string {
	return strings.NewReplacer("e\u0301", "\u00e9", "o\u0308", "\u00f6", "a\u030a", "\u00e5", "\u212b", "\u00e5").Replace(s)
}

// rename changes the event's name, which is also its key and first signal.
func rename(to func(string) string) func(*wire.Envelope) {
	return func(env *wire.Envelope) {
		env.EventName = to(env.EventName)
		env.Metadata.Signals = append([]string{env.EventName}, env.Metadata.Signals[1:]...)
	}
}

func renameAttributes(to func(string) string) func(*wire.Envelope) {
	return func(env *wire.Envelope) {
		renamed := map[string]string{}
		for name, value := range env.Metadata.Attributes {
			renamed[to(name)] = value
		}
		env.Metadata.Attributes = renamed
	}
}
