package payloadschema_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/remote-events/remote-events/go/payloadschema"
)

// files makes a catalogue's directory: the index, then names and texts in turn.
func files(index string, others ...string) fstest.MapFS {
	made := fstest.MapFS{payloadschema.FileName: {Data: []byte(index)}}
	for i := 0; i < len(others); i += 2 {
		made[others[i]] = &fstest.MapFile{Data: []byte(others[i+1])}
	}
	return made
}

// one makes the catalogue in which the event e has the schema.
func one(t *testing.T, schema string) *payloadschema.Catalogue {
	t.Helper()
	catalogue, err := payloadschema.Load(files(`{"version": 1, "events": {"e": "e.json"}}`, "e.json", schema))
	if err != nil {
		t.Fatal(err)
	}
	return catalogue
}

func TestCheck(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("[", 5000) + strings.Repeat("]", 5000)
	for _, c := range []struct {
		schema, payload  string
		pointer, keyword string // of the fault
		fits             bool
	}{
		{`{"type": "object"}`, `{}`, "", "", true},
		{`true`, `{"a": [1, null, true, false, "x", {}]}`, "", "", true},
		{`{"properties": {"a": {"type": "string"}}}`, `{"a": 17}`, "/a", "/properties/a/type", false},
		{`{"required": ["a", "b"]}`, `{"a": 17}`, "", "/required", false},
		{`{"properties": {"a": {"items": {"maximum": 3}}}}`, `{"a": [1, 2, 3, 4]}`, "/a/3", "/properties/a/items/maximum", false},
		{`{"additionalProperties": false}`, `{"x": 1}`, "", "/additionalProperties", false},
		{`{"properties": {"a": false}}`, `{"a": 1}`, "/a", "/properties/a", false},
		{`{"properties": {"a/b~ é%": {"const": 1}}}`, `{"a/b~ é%": 2}`, "/a~1b~0 é%", "/properties/a~1b~0 é%/const", false},
		{`{"properties": {"a": {"anyOf": [{"type": "string"}, {"minimum": 5}]}}}`, `{"a": 2}`, "/a", "/properties/a/anyOf", false},
		{`{"properties": {"a": {"$ref": "#/$defs/b"}}, "$defs": {"b": {"type": "null"}}}`, `{"a": 2}`, "/a", "/properties/a/$ref/type", false},
		// The first of several faults, every time.
		{`{"additionalProperties": {"type": "string"}}`, `{"d": 1, "b": 1, "c": 1, "a": 1}`, "/a", "/additionalProperties/type", false},
		// Numbers are exact (SCHEMA-4).
		{`{"properties": {"n": {"maximum": 9007199254740993}}}`, `{"n": 9007199254740993}`, "", "", true},
		{`{"properties": {"n": {"maximum": 9007199254740992}}}`, `{"n": 9007199254740993}`, "/n", "/properties/n/maximum", false},
		{`{"properties": {"n": {"const": 0.1}}}`, `{"n": 0.1000000000000000000000000001}`, "/n", "/properties/n/const", false},
		{`{"properties": {"n": {"const": 0.1}}}`, `{"n": 1.0e-1}`, "", "", true},
		{`{"properties": {"n": {"type": "integer"}}}`, `{"n": 8.0}`, "", "", true},
		{`{"properties": {"n": {"type": "integer"}}}`, `{"n": 1` + strings.Repeat("0", 4299) + `}`, "", "", true},
		{`true`, `{"n": 1` + strings.Repeat("0", 4300) + `}`, "/n", "", false},
		{`{"properties": {"n": {"minimum": 1}}}`, `{"n": 1e400}`, "", "", true},
		{`true`, `{"n": [0, 1e401]}`, "/n/1", "", false},
		{`true`, `{"n": 1e-999999999999999999999}`, "/n", "", false},
		// What JSON Schema knows no value for.
		{`true`, `{"b": NaN, "a": {"x": [-Infinity]}}`, "/a/x/0", "", false},
		{`true`, `{"a": "\ud800"}`, "/a", "", false},
		{`true`, `{"a": "\ud83d\ude00"}`, "", "", true},
		// The last of several members counts, at any depth.
		{`{"properties": {"a": {"type": "string"}}}`, `{"a": NaN, "a": 1, "\u0061": "x"}`, "", "", true},
		{`{"properties": {"a": {"required": ["b"]}}}`, `{"a": {"b": 1}, "a": {}}`, "/a", "/properties/a/required", false},
		// Formats are annotations, and lengths count characters.
		{`{"properties": {"a": {"format": "date-time"}}}`, `{"a": "late"}`, "", "", true},
		{`{"properties": {"a": {"maxLength": 1}}}`, `{"a": "\ud83d\ude00"}`, "", "", true},
		{`{"properties": {"a": {"$ref": "#/$defs/list"}}, "$defs": {"list": {"items": {"$ref": "#/$defs/list"}}}}`, `{"a": ` + deep + `}`, "", "", true},
		{`true`, `{"a":`, "", "", false},
	} {
		err := one(t, c.schema).Check("e", []byte(c.payload))
		fault, ok := errors.AsType[*payloadschema.Error](err)
		switch {
		case (err == nil) != c.fits:
			t.Errorf("%s: %.100s: %v", c.schema, c.payload, err)
		case err != nil && (!ok || fault.Pointer != c.pointer || fault.Keyword != c.keyword || fault.EventName != "e" || fault.Schema != "e.json"):
			t.Errorf("%s: %.100s: %#v", c.schema, c.payload, err)
		}
	}
}

// TestNoValues: an error never says what a payload holds (SCHEMA-3).
func TestNoValues(t *testing.T) {
	t.Parallel()
	for _, schema := range []string{
		`{"type": "string"}`, `{"const": 1}`, `{"enum": [1]}`, `{"pattern": "^x$"}`, `{"maxLength": 1}`,
		`{"type": "object"}`, `{"not": {}}`, `false`, `{"oneOf": [true, true]}`, `{"allOf": [{"maxLength": 2}]}`,
		`{"if": true, "then": false}`, `{"anyOf": [false, {"minLength": 100}]}`, `{"format": "ipv4", "maxLength": 3}`,
		`{"minimum": 1e9, "multipleOf": 10, "maxLength": 3}`, `{"additionalProperties": false, "maxLength": 3}`,
		`{"propertyNames": {"maxLength": 3}, "type": ["object", "array"]}`, `{"unevaluatedProperties": false}`, `{"uniqueItems": true, "maxItems": 1}`,
	} {
		for _, value := range []string{`"5ecret5ecret"`, `5550123`, `{"name": "5ecret"}`, `["5ecret", "5ecret"]`} {
			err := one(t, `{"properties": {"a": `+schema+`}}`).Check("e", []byte(`{"a": `+value+`}`))
			if err == nil {
				continue
			}
			if text := err.Error(); strings.Contains(text, "5ecret") || strings.Contains(text, "5550123") || !strings.Contains(text, "at /a") {
				t.Errorf("%s: %s: %s", schema, value, text)
			}
		}
	}
}

func TestReferences(t *testing.T) {
	t.Parallel()
	const index = `{"version": 1, "events": {"e": "sub/e x.json#/$defs/it", "other {é}": "o.json"}}`
	catalogue, err := payloadschema.Load(files(strings.Replace(index, "e x", "e%20x", 1),
		"sub/e x.json", `{"$id": "https://example.org/s/e.json", "$defs": {"it": {"properties": {"a": {"$ref": "shared.json"}, "b": {"$ref": "https://example.org/s/shared.json#/$defs/x"}}}}}`,
		"elsewhere.json", `{"$id": "https://example.org/s/shared.json", "type": "string", "$defs": {"x": {"type": "null"}}}`,
		"o.json", `{"properties": {"a": {"$ref": "sub/plain.json"}}}`,
		"sub/plain.json", `{"$ref": "../sub/number.json"}`,
		"sub/number.json", `{"type": "number"}`,
		"broken.json", `{`, // nobody refers to it
	))
	if err != nil {
		t.Fatal(err)
	}
	if names := strings.Join(catalogue.Events(), "|"); names != "e|other {é}" {
		t.Error(names)
	}
	for payload, fits := range map[string]bool{`{"a": "x", "b": null}`: true, `{"a": 1}`: false, `{"b": 1}`: false} {
		if err := catalogue.Check("e", []byte(payload)); (err == nil) != fits {
			t.Errorf("e: %s: %v", payload, err)
		}
	}
	for payload, fits := range map[string]bool{`{"a": 1}`: true, `{"a": "x"}`: false} {
		if err := catalogue.Check("other {é}", []byte(payload)); (err == nil) != fits {
			t.Errorf("other: %s: %v", payload, err)
		}
		if err := catalogue.Check("unknown", []byte(payload)); err != nil {
			t.Errorf("an event without a schema: %v", err)
		}
	}
}

func TestBrokenCatalogues(t *testing.T) {
	t.Parallel()
	const index = `{"version": 1, "events": {"e": "e.json"}}`
	for words, broken := range map[string]fstest.MapFS{
		"catalogue.json: open catalogue.json": {},
		"unexpected end":                      files(`{`),
		"the form is":                         files(`{"events": {}}`),
		"at \"/version\"":                     files(`{"version": 2, "events": {}}`),
		"at \"/events/e\"":                    files(`{"version": 1, "events": {"e": "../e.json"}}`),
		"at \"/events/f\"":                    files(`{"version": 1, "events": {"f": "/e.json"}}`),
		"at \"/events/g\"":                    files(`{"version": 1, "events": {"g": "https://example.org/e.json"}}`),
		"must be a file within":               files(`{"version": 1, "events": {"e": "%2e%2e/e.json"}}`),
		"event \"e\": schema e.json":          files(index),
		"schema e.json: e.json compilation failed: invalid json e.json: unexpected EOF": files(index, "e.json", `{`),
		`not a JSON Schema: at "/type"`:                files(index, "e.json", `{"type": "strin"}`),
		"has the $id https://example.org/x.json":       files(index, "e.json", `{"$ref": "https://example.org/x.json"}`),
		"infinite loop e.json":                         files(index, "e.json", `{"$ref": "#"}`),
		"has the $id file:///etc/hostname":             files(index, "e.json", `{"$ref": "file:///etc/hostname"}`),
		"open x.json":                                  files(index, "e.json", `{"$ref": "../../x.json"}`),
		"a.json and b.json have the same $id":          files(index, "e.json", `{"$ref": "https://example.org/x"}`, "a.json", `{"$id": "https://example.org/x"}`, "b.json", `{"$id": "https://example.org/x"}`),
		"e.json is longer than 16 MiB":                 files(index, "e.json", strings.Repeat(" ", 16<<20+1)),
		"e.json begins with a byte order mark":         files(index, "e.json", "\xef\xbb\xbf{}"),
		"catalogue.json begins with a byte order mark": files("\xef\xbb\xbf" + index),
		"b.json begins with a byte order mark":         files(index, "e.json", `{"$ref": "https://example.org/b.json"}`, "b.json", "\xef\xbb\xbf{}"),
		"e.json is a directory":                        files(index, "e.json/x", "{}"),
		`no file of the catalogue has the $id http`:    files(index, "e.json", `{"$schema": "http://example.org/draft"}`),
	} {
		catalogue, err := payloadschema.Load(broken)
		if catalogue != nil || err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v", words, err)
		}
		if err != nil && strings.Contains(err.Error(), "catalogue:///") {
			t.Errorf("%s: %v", words, err)
		}
	}
}

// TestLinks: a link may not lead out of the directory.
func TestLinks(t *testing.T) {
	t.Parallel()
	dir, outside := t.TempDir(), t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(dir, payloadschema.FileName), `{"version": 1, "events": {"e": "e.json"}}`)
	write(filepath.Join(outside, "e.json"), `true`)
	if err := os.Symlink(filepath.Join(outside, "e.json"), filepath.Join(dir, "e.json")); err != nil {
		t.Fatal(err)
	}
	if _, err := payloadschema.LoadDir(dir); err == nil || !strings.Contains(err.Error(), "escapes") {
		t.Errorf("a link out of the directory: %v", err)
	}
	if err := os.Remove(filepath.Join(dir, "e.json")); err != nil {
		t.Fatal(err)
	}
	write(filepath.Join(dir, "e.json"), `{"required": ["a"]}`)
	catalogue, err := payloadschema.LoadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := catalogue.Check("e", []byte(`{}`)); err == nil {
		t.Error("it fits")
	}
	if _, err := payloadschema.LoadDir(filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no directory: %v", err)
	}
}

// TestDynamicRef: of several dynamic anchors on the way, the outermost counts.
func TestDynamicRef(t *testing.T) {
	t.Parallel()
	catalogue, err := payloadschema.Load(files(`{"version": 1, "events": {"tree": "tree.json", "strict": "strict.json", "old": "old-strict.json", "static": "static.json"}}`,
		"tree.json", `{"$dynamicAnchor": "node", "type": "object", "properties": {"data": true, "children": {"type": "array", "items": {"$dynamicRef": "#node"}}}}`,
		"strict.json", `{"$dynamicAnchor": "node", "$ref": "tree.json", "unevaluatedProperties": false}`,
		"old-tree.json", `{"$schema": "https://json-schema.org/draft/2019-09/schema", "$recursiveAnchor": true, "type": "object", "properties": {"data": true, "children": {"type": "array", "items": {"$recursiveRef": "#"}}}}`,
		"old-strict.json", `{"$schema": "https://json-schema.org/draft/2019-09/schema", "$recursiveAnchor": true, "$ref": "old-tree.json", "unevaluatedProperties": false}`,
		"static.json", `{"$dynamicAnchor": "node", "$ref": "#/$defs/list", "required": ["x"], "$defs": {"list": {"properties": {"l": {"$dynamicRef": "#/$defs/list"}}}}}`,
	))
	if err != nil {
		t.Fatal(err)
	}
	const misspelt = `{"children": [{"children": [{"daat": 1}]}]}`
	for _, c := range []struct {
		event, payload string
		fits           bool
	}{
		{"tree", misspelt, true},
		{"strict", misspelt, false},
		{"old", misspelt, false},
		{"strict", `{"children": [{"children": [{"data": 1}]}]}`, true},
		{"old", `{"children": [{"children": [{"data": 1}]}]}`, true},
		{"static", `{"x": 1, "l": {"l": {}}}`, true},
	} {
		if err := catalogue.Check(c.event, []byte(c.payload)); (err == nil) != c.fits {
			t.Errorf("%s: %s: %v", c.event, c.payload, err)
		}
	}
}

// TestNoNames: an error's text has no member's name that the schema does not have
// (SCHEMA-7).
func TestNoNames(t *testing.T) {
	t.Parallel()
	for _, schema := range []string{
		`{"additionalProperties": {"type": "string"}}`, `{"patternProperties": {".": {"properties": {"n": false}}}}`, `{"propertyNames": {"maxLength": 2}}`,
		`{"unevaluatedProperties": false}`, `{"additionalProperties": false}`, `{"additionalProperties": {"additionalProperties": {"maximum": 1}}}`,
		`{"additionalProperties": {"items": {"$ref": "#/$defs/x"}}, "$defs": {"x": {"additionalProperties": false}}}`, `{"additionalProperties": {"required": ["x"]}}`, `true`,
	} {
		for _, payload := range []string{
			`{"alice@example.com": 17}`, `{"alice@example.com": {"n": 17, "bob@example.com": 17}}`, `{"alice@example.com": [{"bob@example.com": 17}]}`,
			`{"alice@example.com": NaN}`, `{"alice@example.com\ud800": 1}`, `{"alice@example.com": 1,}`,
		} {
			err := one(t, schema).Check("e", []byte(payload))
			fault, ok := errors.AsType[*payloadschema.Error](err)
			if err != nil && (!ok || strings.Contains(err.Error(), "example") || strings.Contains(fault.Place, "example")) {
				t.Errorf("%s: %s: %v", schema, payload, err)
			}
		}
	}
	err := one(t, `{"properties": {"users": {"additionalProperties": {"properties": {"age": {"type": "integer"}}}}}}`).Check("e", []byte(`{"users": {"alice@example.com": {"age": "x"}}}`))
	if fault, ok := errors.AsType[*payloadschema.Error](err); !ok || fault.Place != "/users/*/age" || fault.Pointer != "/users/alice@example.com/age" {
		t.Errorf("%#v", err)
	}
}

// TestBounds: what a check takes is bounded, and a check that is given up is never
// one that the payload has passed (SCHEMA-6).
func TestBounds(t *testing.T) { // not parallel: it measures memory
	deep := strings.Repeat(`{"`+strings.Repeat("k", 100)+`":`, 9_900) + "{}" + strings.Repeat("}", 9_900)
	for _, c := range []struct {
		about, schema, payload string
		pointer                string
		fits, finished         bool
	}{
		{"a tree", `{"type": "object", "additionalProperties": {"$ref": "#"}}`, deep, "", true, true},
		{"a tree with a fault at its end", `{"type": "object", "minProperties": 1, "additionalProperties": {"$ref": "#"}}`, deep, strings.Repeat("/"+strings.Repeat("k", 100), 9_900), false, true},
		{"a million faults", `{"properties": {"ids": {"items": {"type": "integer"}}}}`, `{"ids": [` + strings.Repeat(`"",`, 1_300_000) + `""]}`, "/ids/0", false, true},
		{"a million values", `{"properties": {"ids": {"items": {"type": "string"}}}}`, `{"ids": [` + strings.Repeat(`"",`, 1_300_000) + `""]}`, "", true, true},
		{"a million objects", `{"properties": {"ids": {"items": {"type": "object", "unevaluatedProperties": false}}}}`, `{"ids": [` + strings.Repeat(`{},`, 1_300_000) + `{}]}`, "", true, true},
		{"a million members", `{"additionalProperties": {"type": "integer"}}`, `{` + numbered(400_000) + `"x": 1}`, "", true, true},
		{"elements that differ", `{"properties": {"ids": {"uniqueItems": true}}}`, `{"ids": [` + strings.TrimSuffix(list(500_000), ",") + `]}`, "", true, true},
		{"two to the depth", `{"minProperties": 1, "anyOf": [{"additionalProperties": {"$ref": "#"}}, {"additionalProperties": {"$ref": "#"}}]}`,
			strings.Repeat(`{"k":`, 40) + "{}" + strings.Repeat("}", 40), "", false, false},
		{"itself", `{"$id": "https://example.org/e", "$dynamicAnchor": "x", "$ref": "b", "$defs": {"b": {"$id": "b", "$dynamicRef": "#x", "$defs": {"d": {"$dynamicAnchor": "x"}}}}}`, `{}`, "", false, false},
		{"schemas within schemas", `{"additionalProperties": ` + nested(90) + `, "$defs": {"top": {"$ref": "#"}}}`, deep, "", false, false},
	} {
		catalogue := one(t, c.schema)
		payload := []byte(c.payload)
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		began := time.Now()
		err := catalogue.Check("e", payload)
		took := time.Since(began)
		runtime.ReadMemStats(&after)
		fault, unfit := errors.AsType[*payloadschema.Error](err)
		if (err == nil) != c.fits || (err != nil) != unfit || errors.Is(err, payloadschema.ErrUnfinished) == c.finished || unfit && fault.Pointer != c.pointer {
			t.Errorf("%s: %.300v", c.about, err)
		}
		if limit := 10*uint64(len(payload)) + 4<<20; after.TotalAlloc-before.TotalAlloc > limit {
			t.Errorf("%s: %d bytes for a payload of %d", c.about, after.TotalAlloc-before.TotalAlloc, len(payload))
		}
		t.Logf("%s: %v, %d bytes for %d, stack %d", c.about, took, after.TotalAlloc-before.TotalAlloc, len(payload), after.StackSys-before.StackSys)
	}
}

func numbered(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `"%x":%d,`, i*7, i)
	}
	return b.String()
}

func list(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%d,", i)
	}
	return b.String()
}

// nested applies so many schemas to one value, the innermost being the whole.
func nested(n int) string {
	return strings.Repeat(`{"allOf": [`, n) + `{"$ref": "#/$defs/top"}` + strings.Repeat("]}", n)
}

func BenchmarkCheck(b *testing.B) {
	catalogue, err := payloadschema.Load(files(`{"version": 1, "events": {"e": "e.json"}}`, "e.json", `{
		"type": "object", "required": ["path", "size"], "additionalProperties": false,
		"properties": {"path": {"type": "string", "maxLength": 4096}, "size": {"type": "integer", "minimum": 0}, "tags": {"type": "array", "items": {"type": "string"}}}
	}`))
	if err != nil {
		b.Fatal(err)
	}
	payload := []byte(`{"path": "/uploads/video1.mp4", "size": 1048576, "tags": ["new", "video"]}`)
	for name, event := range map[string]string{"with a schema": "e", "without": "x"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := catalogue.Check(event, payload); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
