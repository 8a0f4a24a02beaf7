package evaluation_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/remote-events/remote-events/compat/internal/evaluation"
	"github.com/remote-events/remote-events/compat/internal/suite"
	"github.com/remote-events/remote-events/spec"
)

// TestCompare compares outputs with vectors: those that the rules of spec/vectors/README.md
// permit have no problem, and others have one.
func TestCompare(t *testing.T) {
	t.Parallel()
	cases, err := suite.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		id       string
		question int
		output   string
		says     string // a part of the problem, "" for no problem
	}{
		{"wire/the-plainest", 0, `{"verdict": "safe", "legacy": "delivers", "findings": []}`, ""},
		{"wire/the-plainest", 0, `{"verdict": "safe", "legacy": "delivers"}`, ""},
		{"wire/the-plainest", 0, `{"verdict": "tolerated", "legacy": "delivers"}`, "VERDICT-1"},
		{"wire/the-plainest", 0, `{"verdict": "safe", "legacy": "drops"}`, "VERDICT-3"},
		{"wire/the-plainest", 0, `{"verdict": "safe"}`, "VERDICT-3"},
		{"wire/the-plainest", 0, `{"verdict": "safe", "legacy": "delivers", "findings": ["JSON-8"]}`, "which the message does not violate"},
		{"wire/the-plainest", 0, `[]`, "does not have the members"},
		{"poison/byte-order-mark", 0, `{"verdict": "malformed", "legacy": "dies", "findings": ["META-4", "JSON-1"]}`, ""},
		{"poison/byte-order-mark", 0, `{"verdict": "malformed", "legacy": "dies", "findings": ["META-4"]}`, "do not name JSON-1"},

		{"chain/alone", 0, `{"signals": ["a", "remote_event", "event"]}`, ""},
		{"chain/alone", 0, `{"signals": ["a", "event", "remote_event"]}`, "the signals are"},
		{"chain/alone", 0, `{"rejected": true}`, "is rejected"},
		{"chain/no-name-of-its-own", 0, `{"rejected": true}`, ""},
		{"chain/no-name-of-its-own", 0, `{"signals": ["p", "remote_event", "event"]}`, "not rejected"},

		{"typed/name-in-another-case", 0, `{"value": {"path": ""}}`, ""},
		{"typed/name-in-another-case", 0, `{"value": {"path": "x"}}`, "the value is"},
		{"typed/name-in-another-case", 0, `{"value": {}}`, "the value is"},
		{"typed/name-in-another-case", 0, `{"value": {"path": "", "more": ""}}`, "the value is"},
		{"typed/name-in-another-case", 0, `{"error": "/path"}`, "but it must"},
		{"typed/name-in-another-case", 0, `{}`, "neither value nor error"},
		{"typed/large-with-an-exponent", 0, `{"value": {"a": "1.2345678901234568e+18"}}`, ""},
		{"typed/large-with-an-exponent", 0, `{"value": {"a": 1234567890123456800}}`, "the value is"},
		{"typed/large-with-an-exponent", 1, `{"payload": "{\"a\": 1234567890123456800.0}"}`, ""},
		{"typed/large-with-an-exponent", 1, `{"payload": "{\"a\": 1234567890123456800}"}`, "decimal point or an exponent"},
		{"typed/large-float-in-an-integer", 0, `{"error": "/a"}`, ""},
		{"typed/large-float-in-an-integer", 0, `{"error": "/*"}`, ""},
		{"typed/large-float-in-an-integer", 0, `{"error": ""}`, "the error is at"},
		{"typed/large-float-in-an-integer", 0, `{"value": {"a": "10000000000000000"}}`, "but it must not"},
		{"typed/surrogate-as-the-name-in-a-map", 0, `{"error": "/a/x"}`, ""},
		{"typed/any-beyond-float64", 0, `{"value": {"a": "10e399"}}`, ""},
		{"typed/any-beyond-float64", 0, `{"error": "/a"}`, ""},
		{"typed/any-beyond-float64", 0, `{"value": {"a": "Infinity"}}`, "the value is"},

		{"schema/fits", 0, `{}`, ""},
		{"schema/fits", 0, `{"error": ""}`, "does not fit"},
		{"schema/type", 0, `{"error": "/a"}`, ""},
		{"schema/type", 0, `{"error": ""}`, "not at one of"},
		{"schema/type", 0, `{}`, "it must not"},

		{"companions/one-letter", 0, `{"tag": "k", "slot": 7629, "companions": ["remote-event:v1:{k}:staging:k", "more"]}`, ""},
		{"companions/one-letter", 0, `{"tag": "k", "slot": 7629, "companions": [{"base64": "cmVtb3RlLWV2ZW50OnYxOntrfTpzdGFnaW5nOms="}]}`, ""},
		{"companions/one-letter", 0, `{"tag": "k", "slot": 7629, "companions": ["remote-event:v1:{k}:bodies:k"]}`, "companion key 1"},
		{"companions/one-letter", 0, `{"tag": "k", "companions": ["remote-event:v1:{k}:staging:k"]}`, "the slot is missing"},
		{"companions/one-letter", 0, `{"tag": "l", "slot": 7629, "companions": []}`, "the tag is"},
		{"companions/one-letter", 0, `{"rejected": true}`, "the queue is rejected"},
		{"refused/prefix", 0, `{"rejected": true}`, ""},
		{"refused/prefix", 0, `{"tag": "k"}`, "not rejected"},

		{"cloudevents/plain", 0, `{"cloudevent": {"type": "e", "specversion": "1.0", "data": {"n": 1.0}, "id": "1", "source": "/a"}}`, ""},
		{"cloudevents/plain", 0, `{"cloudevent": {"type": "e", "specversion": "1.0", "data": {"n": 2}, "id": "1", "source": "/a"}}`, "it is converted to"},
		{"cloudevents/plain", 0, `{"rejected": true}`, "it is rejected"},
		{"cloudevents/plain", 0, `{}`, "neither the converted event nor rejected"},
		{"cloudevents/plain", 1, `{"envelope": {"event_name": "e", "payload": {"n": 1}, "metadata": {"id": "1", "source": "/a", "signals": ["e", "remote_event", "event"]}}}`, ""},
		{"cloudevents/no-type", 0, `{"rejected": true}`, ""},
		{"cloudevents/no-type", 0, `{"envelope": {}}`, "not rejected"},

		{"files/crlf", 0, `{"error": {"key": "redis.port", "line": 3}}`, ""},
		{"files/crlf", 0, `{"error": {"file": "config.yml", "key": "redis.port", "line": 3, "text": "not a port"}}`, ""},
		{"files/crlf", 0, `{"error": {"file": "parameters.yml", "key": "redis.port", "line": 3}}`, "the error is at"},
		{"files/crlf", 0, `{"error": {"key": "redis.port", "line": 3, "text": "s3cr3t is not a port"}}`, "contains a value"},
		{"files/crlf", 0, `{"redis": {}}`, "there is no error"},
		{"files/empty", 0, `{"remote_event": {"backend": "redis"}}`, ""},
		{"files/empty", 0, `{"remote_event": {"backend": "amqp"}, "redis": {}}`, "remote_event is"},
		{"files/empty", 0, `{"remote_event": {"backend": "redis"}, "warnings": [{"line": 1, "key": ""}]}`, "the warnings are"},
		{"files/empty", 0, `{"error": {"line": 1, "key": ""}}`, "there is an error"},
		{"files/typical", 0, `{"error": {"line": 1, "key": "", "text": "redis.internal"}}`, "contains a value"},
	} {
		i := slices.IndexFunc(cases, func(c suite.Case) bool { return c.ID == test.id })
		if i < 0 || len(cases[i].Questions) <= test.question {
			t.Errorf("%s has no question %d", test.id, test.question)
			continue
		}
		got := strings.Join(cases[i].Questions[test.question].Compare([]byte(test.output)), "\n")
		if (got == "") != (test.says == "") || !strings.Contains(got, test.says) {
			t.Errorf("%s: the problems of %s are %q, want %q", test.id, test.output, got, test.says)
		}
	}
}

// TestEvaluates: a class evaluates its own families, and those of its optional features.
// Receivers do not evaluate the messages that they get from Redis.
func TestEvaluates(t *testing.T) {
	t.Parallel()
	classes, err := spec.ReadClasses()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, class := range classes.Classes {
		var families []string
		for _, family := range slices.Concat(evaluation.MessageFamilies(), evaluation.OtherFamilies(), []string{"send", "dispatch", "reliable"}) {
			if evaluation.Evaluates(class, family) {
				families = append(families, family)
			}
		}
		got[class.Name] = strings.Join(families, " ")
	}
	for name, want := range map[string]string{
		"sender": "chain typed schema", "legacy-safe sender": "chain typed schema", "receiver": "typed schema", "reliable receiver": "typed schema companions",
		"validator": "wire poison limits metadata evolution", "configuration reader": "configuration", "converter": "cloudevents", "relay": "",
	} {
		if got[name] != want {
			t.Errorf("%s evaluates %q, want %q", name, got[name], want)
		}
	}
}
