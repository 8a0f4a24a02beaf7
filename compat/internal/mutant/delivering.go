package mutant

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/compat/internal/value"
	"github.com/remote-events/remote-events/go/pyjson"
	"github.com/remote-events/remote-events/go/wire"
)

// delivering has the mutants that deliver other values, or to other listeners.
var delivering = []Mutation{
	{Name: "float64", About: "reads every number as a double", Requirement: "JSON-10", Cases: []string{"limits/*float64*", "limits/*-integer", "limits/one-*", "payload"},
		deliver: func(env *wire.Envelope, _ []byte) { rewrite(env, false) }},
	{Name: "replaces-surrogates", About: "replaces lone surrogates by U+FFFD", Requirement: "JSON-10", Cases: []string{"wire"},
		deliver: func(env *wire.Envelope, _ []byte) { rewrite(env, true) }},
	{Name: "nan-to-null", About: "delivers null for NaN", Requirement: "JSON-10", Cases: []string{"wire"},
		deliver: func(env *wire.Envelope, _ []byte) {
			env.Payload = replaceAll(env.Payload, "NaN", "null", "-Infinity", "null", "Infinity", "null")
		}},
	{Name: "drops-nulls", About: "omits members that are null", Requirement: "WIRE-8", Cases: []string{"wire", "payload"},
		deliver: func(env *wire.Envelope, _ []byte) {
			var members map[string]json.RawMessage
			if json.Unmarshal(env.Payload, &members) == nil {
				for name, text := range members {
					if string(text) == "null" {
						env.Payload = value.Omit(env.Payload, name)
					}
				}
			}
		}},
	{Name: "drops-reserved", About: "omits the members that originals overwrite", Requirement: "WIRE-8", Cases: []string{"wire"},
		deliver: func(env *wire.Envelope, _ []byte) { env.Payload = value.Omit(env.Payload, "_signals", "_propagated") }},
	{Name: "merges-duplicates", About: "merges objects with the same name", Requirement: "JSON-11", Cases: []string{"wire"}, deliver: mergeDuplicates},
	{Name: "no-metadata", About: "forgets the attributes", Requirement: "META-6", Cases: []string{"metadata"},
		deliver: func(env *wire.Envelope, _ []byte) { env.Metadata.Attributes = nil }},
	{Name: "known-attributes", About: "delivers only the attributes that it knows", Requirement: "EVOL-3", Cases: []string{"metadata", "evolution"},
		deliver: func(env *wire.Envelope, _ []byte) {
			known := []string{"id", "source", "time", "dataschema", "traceparent", "tracestate"}
			for name := range env.Metadata.Attributes {
				if !slices.Contains(known, name) {
					delete(env.Metadata.Attributes, name)
				}
			}
		}},
	{Name: "all-attributes", About: "converts attributes that are not strings into strings", Requirement: "META-6", Cases: []string{"metadata"}, deliver: stringify},
	{Name: "all-names", About: "delivers attributes with invalid names", Requirement: "META-6", Cases: []string{"metadata"}, deliver: anyName},
	{Name: "drops-bad-values", About: "omits attributes of another form", Requirement: "META-6", Cases: []string{"metadata"}, deliver: dropBadValues},
	{Name: "names-from-the-key", About: "takes the event's name from the list's key", Requirement: "RECV-9", Cases: []string{"dispatch", "wire"},
		chain: func(env wire.Envelope, queue string) []string {
			return append([]string{queue}, env.Metadata.Signals[1:]...)
		}},
	{Name: "key-as-the-name", About: "delivers the list's key as the event's name", Requirement: "RECV-9", Cases: []string{"wire"},
		name: func(_ wire.Envelope, queue string) string { return queue }},
	{Name: "nearest-parent-as-the-name", About: "delivers the second signal as the event's name", Requirement: "RECV-9", Cases: []string{"wire", "payload"},
		name: func(env wire.Envelope, _ string) string {
			return env.Metadata.Signals[min(1, len(env.Metadata.Signals)-1)]
		}},
	{Name: "lower-case-name", About: "delivers the event's name in lower case", Requirement: "RECV-9", Cases: []string{"wire"},
		name: func(env wire.Envelope, _ string) string { return strings.ToLower(env.EventName) }},
	{Name: "invents-attributes", About: "delivers an attribute of its own", Requirement: "META-6", Cases: []string{"metadata", "wire/the-plainest"},
		attributes: func(attributes map[string]string) map[string]string {
			changed := maps.Clone(attributes)
			changed["received"] = "now"
			return changed
		}},
	{Name: "reports-attributes-sometimes", About: "delivers metadata only if a message has none", Requirement: "META-6", Cases: []string{"metadata"},
		attributes: func(attributes map[string]string) map[string]string {
			if len(attributes) > 0 {
				return nil
			}
			return attributes
		}},
	{Name: "kernel-listeners", About: "calls the listeners of the kernel's signals", Requirement: "DISP-3", Cases: []string{"dispatch"}, kernel: true},
	{Name: "own-name-only", About: "calls the listeners of the first signal only", Requirement: "DISP-1", Cases: []string{"dispatch", "payload"},
		chain: func(env wire.Envelope, _ string) []string { return env.Metadata.Signals[:1] }},
	{Name: "no-base-listeners", About: "calls no listeners of the base signals", Requirement: "DISP-1", Cases: []string{"dispatch"},
		chain: func(env wire.Envelope, _ string) []string {
			return slices.DeleteFunc(unique(env.Metadata.Signals), func(s string) bool { return s == wire.SignalEvent || s == wire.SignalRemoteEvent })
		}},
	{Name: "base-signals-always", About: "calls the listeners of base signals that the message does not have", Requirement: "DISP-1", Cases: []string{"dispatch"},
		chain: func(env wire.Envelope, _ string) []string {
			return unique(append(slices.Clone(env.Metadata.Signals), wire.SignalRemoteEvent, wire.SignalEvent))
		}},
	{Name: "reverse-order", About: "calls the listeners of the base signals first", Requirement: "DISP-1", Cases: []string{"dispatch", "payload"},
		chain: func(env wire.Envelope, _ string) []string {
			signals := unique(env.Metadata.Signals)
			slices.Reverse(signals)
			return signals
		}},
	{Name: "order-of-names", About: "calls the listeners in the order of their signals' names", Requirement: "DISP-1", Cases: []string{"dispatch", "payload"},
		chain: func(env wire.Envelope, _ string) []string {
			return slices.Sorted(slices.Values(unique(env.Metadata.Signals)))
		}},
	{Name: "signal-twice", About: "calls the listeners of a signal once for each occurrence", Requirement: "DISP-2", Cases: []string{"dispatch", "wire"},
		chain: func(env wire.Envelope, _ string) []string { return env.Metadata.Signals }},
	{Name: "last-duplicate-signal", About: "calls the listeners of a signal at its last occurrence", Requirement: "DISP-2", Cases: []string{"dispatch"},
		chain: func(env wire.Envelope, _ string) []string {
			signals := slices.Clone(env.Metadata.Signals)
			slices.Reverse(signals)
			signals = unique(signals)
			slices.Reverse(signals)
			return signals
		}},
	{Name: "any-case-signals", About: "compares signals without their case", Requirement: "DISP-1", Cases: []string{"dispatch"}, hears: strings.EqualFold},
	{Name: "trims-signals", About: "compares signals without white space around them", Requirement: "DISP-1", Cases: []string{"dispatch"},
		hears: func(listener, signal string) bool { return strings.TrimSpace(listener) == strings.TrimSpace(signal) }},
	{Name: "obeys-the-kernel", About: "ends if a message contains kernel.kernel_shutdown", Requirement: "DISP-3", Cases: []string{"dispatch", "wire"},
		ends: func(raw []byte, _ bool) fate {
			if bytes.Contains(raw, []byte("kernel.kernel_shutdown")) {
				return dies
			}
			return lives
		}},
	{Name: "drops-commands", About: "rejects a message with a signal of the kernel", Requirement: "RECV-2", Cases: []string{"dispatch", "wire"}, reject: finding(wire.ReqReservedSignal)},
	{Name: "sends-on", About: "sends each received message again", Requirement: "DISP-4", Cases: []string{"redis/one-at-a-time", "redis/fifo"}, after: sendOn()},
	{Name: "one-listener", About: "keeps only the listener that was registered last", Requirement: "DISP-1", Cases: []string{"dispatch/in-order"},
		listen: func(signals []string) []string { return signals[max(0, len(signals)-1):] }},
}

// rewrite writes the payload as encoding/json would.
func rewrite(env *wire.Envelope, exact bool) {
	decoder := json.NewDecoder(bytes.NewReader(env.Payload))
	if exact {
		decoder.UseNumber()
	}
	var payload any
	if decoder.Decode(&payload) != nil {
		return
	}
	if text, err := json.Marshal(payload); err == nil {
		env.Payload = text
	}
}

// mergeDuplicates merges the members of all objects with the same name at the top level.
func mergeDuplicates(env *wire.Envelope, raw []byte) {
	var all []string
	s := pyjson.Scanner{Src: raw}
	_, _ = s.Members(s.Space(0), func(name []byte, pos int) (int, error) {
		end, err := s.Value(pos)
		if err == nil && string(name) == "data" && raw[pos] == '{' && end-pos > 2 {
			all = append(all, string(raw[pos+1:end-1]))
		}
		return end, err
	})
	if len(all) > 1 {
		env.Payload = []byte("{" + strings.Join(all, ",") + "}")
		return
	}
	// Merge the next level, too, like a decoder that fills a map in place.
	found := map[string][]string{}
	var names []string
	s = pyjson.Scanner{Src: env.Payload}
	_, _ = s.Members(s.Space(0), func(name []byte, pos int) (int, error) {
		end, err := s.Value(pos)
		if err == nil {
			found[string(name)] = append(found[string(name)], string(env.Payload[pos:end]))
			names = append(names, string(name))
		}
		return end, err
	})
	var members []string
	for _, name := range unique(names) {
		texts := found[name]
		merged := texts[len(texts)-1]
		if len(texts) > 1 && strings.HasPrefix(texts[0], "{") && strings.HasPrefix(merged, "{") {
			merged = strings.TrimSuffix(texts[0], "}") + "," + strings.TrimPrefix(merged, "{")
		}
		members = append(members, fmt.Sprintf(`"%s":%s`, name, merged))
	}
	if text := []byte("{" + strings.Join(members, ",") + "}"); pyjson.Valid(text) {
		env.Payload = text
	}
}

func attributes(raw []byte) map[string]any {
	var message struct {
		Metadata map[string]any `json:"metadata"`
	}
	if json.Unmarshal(raw, &message) != nil {
		return nil
	}
	return message.Metadata
}

func stringify(env *wire.Envelope, raw []byte) {
	for name, v := range attributes(raw) {
		if _, ok := env.Metadata.Attributes[name]; !ok && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789") == "" && name != "signals" {
			set(env, name, fmt.Sprint(v))
		}
	}
}

func anyName(env *wire.Envelope, raw []byte) {
	for name, v := range attributes(raw) {
		if text, ok := v.(string); ok {
			set(env, name, text)
		}
	}
}

func set(env *wire.Envelope, name, text string) {
	if env.Metadata.Attributes == nil {
		env.Metadata.Attributes = map[string]string{}
	}
	env.Metadata.Attributes[name] = text
}

func dropBadValues(env *wire.Envelope, raw []byte) {
	for _, f := range wire.InspectFrom(env.EventName, raw, wire.Limits{}).Findings {
		if f.Requirement == wire.ReqMetadataValues {
			env.Metadata.Attributes = nil
		}
	}
}

// sendOn pushes each message again, once.
func sendOn() func(context.Context, *redis.Client, string, string) {
	var mu sync.Mutex
	sent := map[string]bool{}
	return func(ctx context.Context, client *redis.Client, queue, raw string) {
		mu.Lock()
		defer mu.Unlock()
		if !sent[raw] {
			sent[raw] = true
			_ = client.LPush(ctx, queue, raw).Err()
		}
	}
}
