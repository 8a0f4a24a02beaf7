package wire_test

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/remote-events/remote-events/go/wire"
	"github.com/remote-events/remote-events/spec"
)

const safe = `{"data": {}, "signals": ["e", "remote_event", "event"]}`

// TestVectors judges the messages of the specification, and holds what Decode
// makes of them against what is to be delivered.
func TestVectors(t *testing.T) {
	t.Parallel()
	vectors, err := spec.MessageVectors()
	if err != nil || len(vectors) == 0 {
		t.Fatalf("%d cases, %v", len(vectors), err)
	}
	for _, v := range vectors {
		raw := v.Message.Bytes()
		got := wire.InspectFrom(v.Key, raw, wire.Limits{})
		found := []string{}
		for _, f := range got.Findings {
			if got.Verdict != wire.Malformed || f.Severity == wire.SeverityMalformed {
				found = append(found, string(f.Requirement))
			}
		}
		slices.Sort(found)
		slices.Sort(v.Findings)
		if string(got.Verdict) != v.Verdict || string(got.Legacy) != v.Legacy || !slices.Equal(found, v.Findings) {
			t.Errorf("%s: %s, %s, %q; want %s, %s, %q", v.ID, got.Verdict, got.Legacy, found, v.Verdict, v.Legacy, v.Findings)
		}
		env, err := wire.Decode(raw, wire.Limits{})
		if (err == nil) != (v.Delivered != nil) || (err == nil) != (got.Verdict != wire.Malformed) {
			t.Errorf("%s: the verdict is %s, and Decode says %v", v.ID, got.Verdict, err)
			continue
		}
		if d := v.Delivered; d != nil && (env.EventName != d.EventName || !slices.Equal(env.Metadata.Signals, d.Signals) ||
			!d.Payload.Equal(env.Payload) || !maps.Equal(env.Metadata.Attributes, d.Attributes)) {
			t.Errorf("%s: %q, %+v of %d bytes are delivered", v.ID, env.EventName, env.Metadata, len(env.Payload))
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
	for _, seed := range []string{safe, `{"data": {"a": NaN}, "signals": "e"}`, `{"data": {}, "signals": ["e", null], "metadata": {"id": 1, "time": "x"}}`, `{"data": {"a": [[[]]]}, "signals": ["e", "e"]}`} {
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
