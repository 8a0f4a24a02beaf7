package payloadschema_test

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/remote-events/remote-events/go/payloadschema"
)

// TestRedaction: what is logged and stored names the members of the schema, and
// no other.
func TestRedaction(t *testing.T) {
	t.Parallel()
	loaded, err := payloadschema.Load(fstest.MapFS{
		"catalogue.json": {Data: []byte(`{"version": 1, "events": {"e": "e.json"}}`)},
		"e.json": {Data: []byte(`{
			"properties": {
				"size": {"type": "integer"},
				"a/b": {"properties": {"~c": {"type": "string"}}},
				"items": {"items": {"type": "integer"}},
				"pair": {"prefixItems": [{"$ref": "#/$defs/numbers"}]},
				"closed": {"additionalProperties": false},
				"counted": {"additionalProperties": {"properties": {"n": {"type": "integer"}}}},
				"matched": {"patternProperties": {"@": {"allOf": [{"items": {"type": "integer"}}]}}},
				"named": {"propertyNames": {"pattern": "^[a-z]+$"}}
			},
			"$defs": {"numbers": {"additionalProperties": {"type": "number"}}}
		}`)},
	})
	if err != nil {
		t.Fatal(err)
	}
	for payload, pointer := range map[string]string{
		`{"size": "s3cret"}`:                     "/size",
		`{"a/b": {"~c": 7}}`:                     "/a~1b/~0c",
		`{"items": [1, "s3cret"]}`:               "/items/1",
		`{"pair": [{"s3cret": "x"}]}`:            "/pair/0/*",
		`{"closed": {"s3cret": 1}}`:              "/closed",
		`{"counted": {"s3cret": {"n": "x"}}}`:    "/counted/*/n",
		`{"counted": {"n": {"n": "x"}}}`:         "/counted/*/n",
		`{"matched": {"s3cret@home": [1, "x"]}}`: "/matched/*/1",
		`{"named": {"s3cret": 1}}`:               "/named",
		`{"s3cret": {"x": NaN}}`:                 "/*/*",
	} {
		fault, ok := errors.AsType[*payloadschema.Error](loaded.Check("e", []byte(payload)))
		if !ok {
			t.Errorf("%s fits", payload)
			continue
		}
		text := fault.Redacted()
		if !strings.Contains(text, " at "+pointer+": ") && !strings.Contains(text, " at "+pointer+"/*: ") || strings.Contains(text, "s3cret") {
			t.Errorf("%s: %s", payload, text)
		}
	}
}
