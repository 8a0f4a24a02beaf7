package wire_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/remote-events/remote-events/go/wire"
	"github.com/remote-events/remote-events/spec"
)

const safe = `{"data": {}, "signals": ["e", "remote_event", "event"]}`

// TestVectors validates the messages of the specification, and compares the decoded messages
// with the expected ones.
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
			t.Errorf("%s: verdict %s, Decode: %v", v.ID, got.Verdict, err)
			continue
		}
		if d := v.Delivered; d != nil && (env.EventName != d.EventName || !slices.Equal(env.Metadata.Signals, d.Signals) ||
			!d.Payload.Equal(env.Payload) || !maps.Equal(env.Metadata.Attributes, d.Attributes)) {
			t.Errorf("%s: decoded %q, %+v with %d bytes", v.ID, env.EventName, env.Metadata, len(env.Payload))
		}
	}
}

// TestEnvelopesShareNothing checks that a change of one envelope does not change the next,
// although the signals of messages are cached.
func TestEnvelopesShareNothing(t *testing.T) {
	t.Parallel()
	raw := []byte(`{"data": {}, "signals": ["mine", "remote_event", "event"], "metadata": {"id": "1"}}`)
	for range 3 {
		env, err := wire.Decode(raw, wire.Limits{})
		if err != nil || env.EventName != "mine" || !slices.Equal(env.Metadata.Signals, wire.Chain("mine")) || env.Metadata.Attributes["id"] != "1" {
			t.Fatalf("%+v, %v", env, err)
		}
		env.Metadata.Signals[0], env.Metadata.Attributes["id"] = "another", "2"
		_ = append(env.Metadata.Signals[:1], "more")
	}
}

// TestScanAllocatesNothing checks that Scan does not allocate if the signals are cached.
func TestScanAllocatesNothing(t *testing.T) {
	raw := []byte(`{"data": {"path": "x", "n": [1, 2.5]}, "signals": ["e", "remote_event", "event"], "metadata": {"id": "1"}}`)
	if n := testing.AllocsPerRun(100, func() {
		if message, err := wire.Scan(raw, wire.Limits{}); err != nil || message.EventName() != "e" {
			t.Error(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestKeyDefaultsToFirstSignal checks SIG-1 and the legacy verdict without a key: the
// event's name counts as the key.
func TestKeyDefaultsToFirstSignal(t *testing.T) {
	t.Parallel()
	for signals, want := range map[string]struct {
		findings []wire.Requirement
		legacy   wire.Legacy
	}{
		`["e", "remote_event", "event"]`:           {nil, wire.Delivers},
		`[null, "e", "remote_event", "event"]`:     {[]wire.Requirement{wire.ReqFirstSignal, wire.ReqSignalStrings}, wire.Delivers},
		`["\ud800", "e", "remote_event", "event"]`: {[]wire.Requirement{wire.ReqFirstSignal, wire.ReqSignalStrings, wire.ReqSurrogates}, wire.Delivers},
		`["\ud800"]`: {[]wire.Requirement{wire.ReqSignals, wire.ReqSurrogates}, wire.Drops},
		`[]`:         {[]wire.Requirement{wire.ReqSignals}, wire.Drops},
		`{"e": 1}`:   {[]wire.Requirement{wire.ReqSignals}, wire.Delivers},
		`"e"`:        {[]wire.Requirement{wire.ReqSignals}, wire.Delivers},
		`""`:         {[]wire.Requirement{wire.ReqSignals}, wire.Drops},
	} {
		got := wire.Inspect([]byte(`{"data": {}, "signals": `+signals+`}`), wire.Limits{})
		var found []wire.Requirement
		for _, f := range got.Findings {
			found = append(found, f.Requirement)
		}
		slices.Sort(found)
		slices.Sort(want.findings)
		if !slices.Equal(found, want.findings) || got.Legacy != want.legacy {
			t.Errorf("%s: %q, %s; want %q, %s", signals, found, got.Legacy, want.findings, want.legacy)
		}
	}
}

// TestSendVectors encodes the events of the specification.
func TestSendVectors(t *testing.T) {
	t.Parallel()
	vectors, err := spec.SendVectors()
	if err != nil || len(vectors) == 0 {
		t.Fatalf("%d cases, %v", len(vectors), err)
	}
	for _, v := range vectors {
		name := v.Event.EventName.String()
		env := wire.Envelope{EventName: name, Payload: v.Event.Payload.Bytes(), Metadata: wire.Metadata{Signals: v.Event.Signals, Attributes: v.Event.Attributes}}
		if env.Metadata.Signals == nil {
			env.Metadata.Signals = wire.Chain(name, v.Event.Ancestors...)
		}
		message, warnings, err := wire.Encode(env, wire.Limits{})
		reasons := []string{}
		if refused, ok := errors.AsType[*wire.RejectedError](err); ok {
			for _, f := range refused.Findings {
				if f.Severity != wire.SeverityWarning {
					reasons = append(reasons, string(f.Requirement))
				}
			}
		}
		slices.Sort(reasons)
		slices.Sort(v.Rejected)
		if (err != nil) != (v.Rejected != nil) || !slices.Equal(reasons, v.Rejected) {
			t.Errorf("%s: %v, want a rejection by %q", v.ID, err, v.Rejected)
		}
		if v.Message != nil && !v.Message.Equal(message) {
			t.Errorf("%s: %.200q", v.ID, message)
		}
		named := []string{}
		for _, f := range warnings {
			named = append(named, string(f.Requirement))
		}
		if v.Rejected == nil && !slices.Equal(named, v.Warnings) {
			t.Errorf("%s: warnings = %q", v.ID, named)
		}
	}
}

func TestRejectionQuotesNothing(t *testing.T) {
	t.Parallel()
	_, _, err := wire.Encode(wire.Envelope{EventName: "e", Payload: json.RawMessage(`{"a": NaN, "secret": "secret"}`)}, wire.Limits{})
	if want := `event "e" rejected: [JSON-4] NaN and infinities are not JSON, at byte 6 of the payload`; err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
	for _, attributes := range []map[string]string{{"x": "\xff"}, {"\xff": "x"}} {
		_, _, err := wire.Encode(wire.Envelope{EventName: "e", Payload: json.RawMessage(`{}`), Metadata: wire.Metadata{Attributes: attributes}}, wire.Limits{})
		var refused *wire.RejectedError
		if !errors.As(err, &refused) || refused.Findings[0].Requirement != wire.ReqUTF8 {
			t.Errorf("an attribute that is not valid text: %v", err)
		}
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
			t.Errorf("decoded: %+v, %v", back, err)
		}
	}
}

// FuzzInspect compares the three functions: a message that is not malformed decodes, a safe
// message encodes again, and none of them panics.
func FuzzInspect(f *testing.F) {
	for _, seed := range []string{safe, `{"data": {"a": NaN}, "signals": "e"}`, `{"data": {}, "signals": ["e", null], "metadata": {"id": 1, "time": "x"}}`, `{"data": {"a": [[[]]]}, "signals": ["e", "e"]}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		judged := wire.Inspect(raw, wire.Limits{})
		env, err := wire.Decode(raw, wire.Limits{})
		if (err == nil) != (judged.Verdict != wire.Malformed) {
			t.Fatalf("verdict %s, Decode: %v", judged.Verdict, err)
		}
		if err != nil {
			return
		}
		message, err := wire.Scan(raw, wire.Limits{})
		if err != nil || message.EventName() != env.EventName || !slices.Equal(slices.Collect(message.Signals()), env.Metadata.Signals) || !bytes.Equal(message.Payload(), env.Payload) {
			t.Fatalf("%v: Scan: %v, Decode: %+v", err, message, env)
		}
		for _, name := range append(slices.Collect(maps.Keys(env.Metadata.Attributes)), "id", "time", "x", "signals", "") {
			value, ok := message.Attribute(name)
			if want, has := env.Metadata.Attributes[name]; ok != has || value != want {
				t.Fatalf("attribute %q: %q, %v; Decode: %q, %v", name, value, ok, want, has)
			}
		}
		again, _, err := wire.Encode(env, wire.Limits{})
		if judged.Verdict == wire.Safe && err != nil {
			t.Fatalf("safe message, Encode: %v", err)
		}
		if err != nil {
			return
		}
		back, err := wire.Decode(again, wire.Limits{})
		if err != nil || string(back.Payload) != string(env.Payload) || back.EventName != env.EventName {
			t.Fatalf("decoded again: %+v, %v", back, err)
		}
		for _, finding := range judged.Findings {
			if finding.Offset < 0 || finding.Offset > len(raw) {
				t.Fatalf("%v is outside the message", finding)
			}
		}
	})
}
