package wire_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/remote-events/remote-events/go/wire"
)

const (
	base = `"signals": ["e", "remote_event", "event"]`
	safe = `{"data": {}, ` + base + `}`
)

func nested(depth int) string {
	// The message and data are two levels, the arrays the rest.
	return `{"data": {"a": ` + strings.Repeat("[", depth-2) + strings.Repeat("]", depth-2) + `}, ` + base + `}`
}

// TestInspect has a message for each requirement, and the near misses.
func TestInspect(t *testing.T) {
	t.Parallel()
	data := func(text string) string { return `{"data": {"a": ` + text + `}, ` + base + `}` }
	signals := func(text string) string { return `{"data": {}, "signals": ` + text + `}` }
	metadata := func(text string) string { return `{"data": {}, ` + base + `, "metadata": ` + text + `}` }
	for _, c := range []struct {
		name, raw string
		verdict   wire.Verdict
		legacy    wire.Legacy
		findings  string // requirements, in order
	}{
		{"the plainest", safe, wire.Safe, wire.Delivers, ""},
		{"everything", `{"data": {"a": [1.5, "\ud83d\ude00", {"b": null}]}, "signals": ["e", "p", "remote_event", "event"], "metadata": {"id": "1", "time": "2026-11-23T20:00:00.5Z", "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "ext1": ""}}`, wire.Safe, wire.Delivers, ""},
		{"byte order mark", "\xef\xbb\xbf" + safe, wire.Malformed, wire.Dies, "JSON-1"},
		{"latin-1", strings.Replace(data(`"x"`), "x", "\xe9", 1), wire.Malformed, wire.Dies, "JSON-1"},
		{"surrogate in UTF-8", data("\"\xed\xa0\x80\""), wire.Malformed, wire.Dies, "JSON-1"},
		{"empty", "", wire.Malformed, wire.Dies, "JSON-2"},
		{"trailing bytes", safe + "x", wire.Malformed, wire.Dies, "JSON-2"},
		{"surrounding space", " " + safe + "\n", wire.Safe, wire.Delivers, ""},
		{"raw control character", data("\"\x01\""), wire.Malformed, wire.Dies, "JSON-2"},
		{"array", "[]", wire.Malformed, wire.Dies, "JSON-3"},
		{"null", "null", wire.Malformed, wire.Dies, "JSON-3"},
		{"NaN", data("NaN"), wire.Tolerated, wire.Delivers, "JSON-4"},
		{"-Infinity where nobody reads", `{"data": {}, ` + base + `, "x": -Infinity}`, wire.Tolerated, wire.Delivers, "JSON-4 WIRE-4"},
		{"duplicate at the top", `{"data": 1, "data": {}, ` + base + `}`, wire.Tolerated, wire.Delivers, "JSON-5"},
		{"duplicate by escape, deep", data(`{"x": 1, "\u0078": 2}`), wire.Tolerated, wire.Delivers, "JSON-5"},
		{"duplicates among many", data(`{"0":0,"1":0,"2":0,"3":0,"4":0,"5":0,"6":0,"7":0,"8":0,"9":0,"a":0,"b":0,"c":0,"d":0,"e":0,"f":0,"g":0,"h":0,"g":0}`), wire.Tolerated, wire.Delivers, "JSON-5"},
		{"the last duplicate counts", `{"data": {}, "data": 1, ` + base + `}`, wire.Malformed, wire.Dies, "WIRE-1 JSON-5"},
		{"beyond float64", data("1e309"), wire.Tolerated, wire.Delivers, "JSON-6"},
		{"the largest float64", data("1.7976931348623157e308"), wire.Safe, wire.Delivers, ""},
		{"integer beyond float64", data("1" + strings.Repeat("0", 309)), wire.Tolerated, wire.Delivers, "JSON-6 JSON-8"},
		{"4,300 digits", data(strings.Repeat("1", 4300)), wire.Tolerated, wire.Delivers, "JSON-6 JSON-8"},
		{"4,301 digits", data("-" + strings.Repeat("1", 4301)), wire.Tolerated, wire.Dies, "JSON-7 JSON-6 JSON-8"},
		{"4,301 digits where nobody reads", `{"data": {}, ` + base + `, "x": ` + strings.Repeat("1", 4301) + `}`, wire.Tolerated, wire.Dies, "JSON-7 JSON-6 WIRE-4 JSON-8"},
		{"the largest safe integer", data("9007199254740991"), wire.Safe, wire.Delivers, ""},
		{"one more", data("9007199254740992"), wire.Safe, wire.Delivers, "JSON-8"},
		{"lone surrogate", data(`"\ud800"`), wire.Tolerated, wire.Delivers, "JSON-9"},
		{"lone surrogate in a name", data(`{"\udfff": 1}`), wire.Tolerated, wire.Delivers, "JSON-9"},
		{"no data", `{` + base + `}`, wire.Malformed, wire.Dies, "WIRE-1"},
		{"Data", `{"Data": {}, ` + base + `}`, wire.Malformed, wire.Dies, "WIRE-1 WIRE-4"},
		{"data an array", `{"data": [], ` + base + `}`, wire.Malformed, wire.Dies, "WIRE-1"},
		{"no signals", `{"data": {}}`, wire.Malformed, wire.Dies, "WIRE-2"},
		{"signals null", signals(`null`), wire.Malformed, wire.Dies, "WIRE-2"},
		{"signals a number", signals(`1`), wire.Malformed, wire.Dies, "WIRE-2"},
		{"signals empty", signals(`[]`), wire.Malformed, wire.Drops, "WIRE-2"},
		{"signals a string", signals(`"ab"`), wire.Malformed, wire.Drops, "WIRE-2"},
		{"signals the empty string", signals(`""`), wire.Malformed, wire.Drops, "WIRE-2"},
		{"signals the key's one character", signals(`"xe"`), wire.Malformed, wire.Delivers, "WIRE-2"},
		{"signals an object", signals(`{"e": 1}`), wire.Malformed, wire.Delivers, "WIRE-2"},
		{"a null among the signals", signals(`["e", null, "remote_event", "event"]`), wire.Tolerated, wire.Delivers, "WIRE-3"},
		{"only a null", signals(`[null]`), wire.Malformed, wire.Drops, "WIRE-2"},
		{"an array among the signals", signals(`["e", [], "remote_event", "event"]`), wire.Malformed, wire.Dies, "WIRE-3"},
		{"unknown member", `{"data": {}, ` + base + `, "event_name": "e"}`, wire.Tolerated, wire.Delivers, "WIRE-4"},
		{"_signals", `{"data": {"_signals": 1}, ` + base + `}`, wire.Tolerated, wire.Delivers, "WIRE-5"},
		{"_propagated, escaped", `{"data": {"\u005fpropagated": 1}, ` + base + `}`, wire.Tolerated, wire.Delivers, "WIRE-5"},
		{"_signals further down", data(`{"_signals": 1}`), wire.Safe, wire.Delivers, ""},
		{"_signals in metadata", metadata(`{"_signals": "x"}`), wire.Tolerated, wire.Delivers, "META-2"},
		{"another key", signals(`["other", "remote_event", "event"]`), wire.Tolerated, wire.Drops, "SIG-1"},
		{"a parent's key", signals(`["child", "e", "remote_event", "event"]`), wire.Tolerated, wire.Delivers, "SIG-1"},
		{"no base signals", signals(`["e"]`), wire.Tolerated, wire.Delivers, "SIG-2"},
		{"base signals the wrong way round", signals(`["e", "event", "remote_event"]`), wire.Tolerated, wire.Delivers, "SIG-2"},
		{"a signal twice", signals(`["e", "remote_event", "event", "remote_event", "event"]`), wire.Tolerated, wire.Delivers, "SIG-3"},
		{"shutdown", signals(`["e", "kernel.kernel_shutdown", "remote_event", "event"]`), wire.Tolerated, wire.Dies, "SIG-4"},
		{"configuration ready", signals(`["e", "kernel.configuration_ready", "remote_event", "event"]`), wire.Tolerated, wire.Dies, "SIG-4"},
		{"injector ready", signals(`["e", "kernel.injector_ready", "remote_event", "event"]`), wire.Tolerated, wire.Delivers, "SIG-4"},
		{"almost the kernel's", signals(`["e", "kernel", "remote_event", "event"]`), wire.Safe, wire.Delivers, ""},
		{"metadata null", metadata(`null`), wire.Tolerated, wire.Delivers, "META-1"},
		{"metadata empty", metadata(`{ }`), wire.Safe, wire.Delivers, "META-4"},
		{"attribute name", metadata(`{"Id": "1"}`), wire.Tolerated, wire.Delivers, "META-2"},
		{"attribute signals", metadata(`{"signals": "1"}`), wire.Tolerated, wire.Delivers, "META-2"},
		{"attribute value", metadata(`{"id": 1}`), wire.Tolerated, wire.Delivers, "META-3"},
		{"empty id", metadata(`{"id": ""}`), wire.Tolerated, wire.Delivers, "META-5"},
		{"no time", metadata(`{"time": "yesterday"}`), wire.Tolerated, wire.Delivers, "META-5"},
		{"traceparent of zeros", metadata(`{"traceparent": "00-00000000000000000000000000000000-00f067aa0ba902b7-01"}`), wire.Tolerated, wire.Delivers, "META-5"},
		{"traceparent of a later version", metadata(`{"traceparent": "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what"}`), wire.Safe, wire.Delivers, ""},
		{"512 levels", nested(512), wire.Safe, wire.Delivers, ""},
		{"513 levels", nested(513), wire.Tolerated, wire.Dies, "LIMIT-1"},
		{"10,000 levels", nested(10_000), wire.Tolerated, wire.Dies, "LIMIT-1"},
		{"10,001 levels", nested(10_001), wire.Malformed, wire.Dies, "LIMIT-4 LIMIT-1"},
		{"1 MiB", data(`"` + strings.Repeat("x", 1<<20-len(data(`""`))) + `"`), wire.Safe, wire.Delivers, ""},
		{"1 MiB and a byte", data(`"` + strings.Repeat("x", 1<<20-len(data(`""`))+1) + `"`), wire.Tolerated, wire.Delivers, "LIMIT-2"},
		{"64 MiB and a byte", data(`"` + strings.Repeat("x", 64<<20-len(data(`""`))+1) + `"`), wire.Malformed, wire.Delivers, "LIMIT-3"},
	} {
		got := wire.InspectFrom("e", []byte(c.raw), wire.Limits{})
		var requirements []string
		for _, f := range got.Findings {
			requirements = append(requirements, string(f.Requirement))
		}
		if found := strings.Join(requirements, " "); got.Verdict != c.verdict || got.Legacy != c.legacy || found != c.findings {
			t.Errorf("%s: %s, %s, %q; want %s, %s, %q", c.name, got.Verdict, got.Legacy, found, c.verdict, c.legacy, c.findings)
		}
		_, err := wire.Decode([]byte(c.raw), wire.Limits{})
		if refused := err != nil; refused != (got.Verdict == wire.Malformed) {
			t.Errorf("%s: the verdict is %s, and Decode says %v", c.name, got.Verdict, err)
		}
	}
}

func TestKeyDefaultsToFirstSignal(t *testing.T) {
	t.Parallel()
	if got := wire.Inspect([]byte(safe), wire.Limits{}); got.Verdict != wire.Safe || got.Legacy != wire.Delivers {
		t.Errorf("%+v", got)
	}
}

func TestDecode(t *testing.T) {
	t.Parallel()
	const payload = "{ \"a\" : NaN,\t\"a\":1e400 }"
	env, err := wire.Decode([]byte(`{"signals": ["\u65e5", 5, "\ud800", "event"], "data": 1, "metadata": {"id": "x", "no": 1, "time": "late", "id": "7"}, "data":`+payload+`}`), wire.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if string(env.Payload) != payload {
		t.Errorf("the payload became %s", env.Payload)
	}
	if env.EventName != "日" || strings.Join(env.Metadata.Signals, " ") != "日 event" {
		t.Errorf("name %q, signals %q", env.EventName, env.Metadata.Signals)
	}
	if a := env.Metadata.Attributes; len(a) != 2 || a["id"] != "7" || a["time"] != "late" {
		t.Errorf("attributes %v", a)
	}
}

func TestEncodeAsTheOriginalDoes(t *testing.T) {
	t.Parallel()
	message, warnings, err := wire.Encode(wire.Envelope{EventName: "日 {x}", Payload: json.RawMessage(`{"path": "/uploads/video1.mp4"}`)}, wire.Limits{})
	const want = `{"data": {"path": "/uploads/video1.mp4"}, "signals": ["\u65e5 {x}", "remote_event", "event"]}`
	if err != nil || string(message) != want || len(warnings) != 0 {
		t.Errorf("%s, %v, %v", message, warnings, err)
	}
}

func TestEncodeRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		env  wire.Envelope
		want string
	}{
		{"no payload", wire.Envelope{EventName: "e"}, "WIRE-1"},
		{"an array", wire.Envelope{EventName: "e", Payload: json.RawMessage(`[]`)}, "WIRE-1"},
		{"members of its own", wire.Envelope{EventName: "e", Payload: json.RawMessage(`{}, "metadata": {"id": "1"}`)}, "JSON-2"},
		{"a brace too many", wire.Envelope{EventName: "e", Payload: json.RawMessage(`{}}`)}, "JSON-2"},
		{"signals of its own", wire.Envelope{EventName: "e", Payload: json.RawMessage(`{}, "signals": ["x"]`)}, "JSON-5"},
		{"NaN", wire.Envelope{EventName: "e", Payload: json.RawMessage(`{"secret": NaN}`)}, "JSON-4"},
		{"name", wire.Envelope{EventName: "\xff", Payload: json.RawMessage(`{}`)}, "JSON-1"},
		{"attribute", wire.Envelope{EventName: "e", Payload: json.RawMessage(`{}`), Metadata: wire.Metadata{Attributes: map[string]string{"x": "\xff"}}}, "JSON-1"},
		{"attribute name", wire.Envelope{EventName: "e", Payload: json.RawMessage(`{}`), Metadata: wire.Metadata{Attributes: map[string]string{"X": ""}}}, "META-2"},
		{"reserved", wire.Envelope{EventName: "kernel.x", Payload: json.RawMessage(`{}`)}, "SIG-4"},
		{"base", wire.Envelope{EventName: "event", Payload: json.RawMessage(`{}`)}, "SIG-3"},
		{"other signals", wire.Envelope{EventName: "e", Payload: json.RawMessage(`{}`), Metadata: wire.Metadata{Signals: wire.Chain("f")}}, "SIG-1"},
	} {
		_, _, err := wire.Encode(c.env, wire.Limits{})
		var refused *wire.RefusedError
		if !errors.As(err, &refused) || string(refused.Findings[0].Requirement) != c.want {
			t.Errorf("%s: want %s, got %v", c.name, c.want, err)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the error quotes the payload: %v", c.name, err)
		}
	}
	_, _, err := wire.Encode(wire.Envelope{EventName: "e", Payload: json.RawMessage(`{"a": NaN}`)}, wire.Limits{})
	if want := `event "e" refused: [JSON-4] NaN and infinities are numbers to Python only, at byte 6 of the payload`; err.Error() != want {
		t.Errorf("got %s", err)
	}
}

func TestEnvelopeJSON(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ payload, want string }{
		{`{"a":"<&>"}`, `{"event_name":"e","payload":{"a":"<&>"},"metadata":{"signals":["e","remote_event","event"],"id":"7","time":"now"}}`},
		{`{"a":NaN}`, `{"event_name":"e","payload_text":"{\"a\":NaN}","metadata":{"signals":["e","remote_event","event"],"id":"7","time":"now"}}`},
	} {
		env := wire.Envelope{EventName: "e", Payload: json.RawMessage(c.payload), Metadata: wire.Metadata{
			Signals: wire.Chain("e"), Attributes: map[string]string{"time": "now", "id": "7"},
		}}
		text, err := env.MarshalJSON()
		if err != nil || string(text) != c.want {
			t.Errorf("%s, %v; want %s", text, err, c.want)
		}
		var back wire.Envelope
		if err := json.Unmarshal(text, &back); err != nil || string(back.Payload) != c.payload || back.Metadata.Attributes["id"] != "7" || len(back.Metadata.Signals) != 3 {
			t.Errorf("read back: %+v, %v", back, err)
		}
	}
}

// FuzzInspect holds the three functions against each other: what is not
// malformed decodes, what is safe encodes again, and nothing panics.
func FuzzInspect(f *testing.F) {
	for _, seed := range []string{safe, `{"data": {"a": NaN}, "signals": "e"}`, `{"data": {}, "signals": ["e", null], "metadata": {"id": 1, "time": "x"}}`, nested(20)} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		judged := wire.Inspect(raw, wire.Limits{})
		env, err := wire.Decode(raw, wire.Limits{})
		if (err == nil) != (judged.Verdict != wire.Malformed) {
			t.Fatalf("%s, yet Decode says %v", judged.Verdict, err)
		}
		if err != nil {
			return
		}
		again, _, err := wire.Encode(env, wire.Limits{})
		if judged.Verdict == wire.Safe && err != nil {
			t.Fatalf("safe, yet Encode says %v", err)
		}
		if err != nil {
			return
		}
		back, err := wire.Decode(again, wire.Limits{})
		if err != nil || string(back.Payload) != string(env.Payload) || back.EventName != env.EventName {
			t.Fatalf("came back as %+v, %v", back, err)
		}
		for _, finding := range judged.Findings {
			if finding.Offset < 0 || finding.Offset > len(raw) {
				t.Fatalf("%v lies outside the message", finding)
			}
		}
	})
}
