package asyncapi

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/santhosh-tekuri/jsonschema/v5"
	"gopkg.in/yaml.v3"

	"github.com/remote-events/remote-events/go/payloadschema"
	"github.com/remote-events/remote-events/go/wire"
)

// catalogue has schemas that refer to each other in every way that a document can express.
func catalogue() fstest.MapFS {
	files := fstest.MapFS{}
	for name, text := range map[string]string{
		"catalogue.json": `{"version": 1, "events": {
			"new_file_event": "files/new.schema.json", "part": "files/new.schema.json#/$defs/pa~1rt", "by anchor {x} é": "common.json#size",
			"by_anchor__x__é": "common.json", "": "any.json", "tree": "tree.json", "yes": "yes.json"}}`,
		"files/new.schema.json": `{"$schema": "https://json-schema.org/draft/2020-12/schema", "required": ["path"], "properties": {
			"path": {"type": "string"}, "size": {"$ref": "../common.json#size"}, "part": {"$ref": "#/$defs/pa~1rt"}, "$ref": {"const": {"$ref": "no reference"}}},
			"examples": [{"$ref": "none"}], "$defs": {"pa/rt": {"properties": {"tree": {"$ref": "../tree.json"}}}}}`,
		"common.json":    `{"$id": "https://example.org/schemas/common.json", "$defs": {"size": {"$anchor": "size", "type": "object", "properties": {"bytes": {"type": "integer", "minimum": 0}}}}, "properties": {"other": {"$ref": "other.json"}}}`,
		"elsewhere.json": `{"$id": "https://example.org/schemas/other.json", "type": "boolean"}`,
		"any.json":       `true`,
		"tree.json":      `{"type": "object", "properties": {"children": {"type": "array", "items": {"$ref": "#"}}}}`,
		"yes.json":       `{"properties": {"answer": {"enum": ["yes", "1", "null", "2026-01-01", "1e3"]}, "n": {"maximum": 1e3}}}`,
	} {
		files[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return files
}

type channel struct {
	Address string `json:"address"`
}

type operation struct {
	Action string `json:"action"`
}

func document(t *testing.T) (*Document, []byte) {
	t.Helper()
	d, err := New(catalogue(), Options{Title: "Files", Version: "2.1.0"})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	return d, text
}

// The document is valid against the JSON Schema that the AsyncAPI initiative publishes, in
// JSON and in YAML, which are the same.
func TestValid(t *testing.T) {
	t.Parallel()
	file, err := os.Open("testdata/asyncapi-3.0.0.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	official, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.Draft = jsonschema.Draft7
	if err := compiler.AddResource("asyncapi.json", official); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("asyncapi.json")
	if err != nil {
		t.Fatal(err)
	}
	d, text := document(t)
	var value, again any
	if err := json.Unmarshal(text, &value); err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(value); err != nil {
		t.Errorf("%#v\n%s", err, text)
	}
	asYAML, err := d.YAML()
	if err != nil {
		t.Fatal(err)
	}
	var decoded any
	if err := yaml.Unmarshal([]byte(asYAML), &decoded); err != nil {
		t.Fatalf("%v\n%s", err, asYAML)
	}
	back, err := json.Marshal(decoded)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(back, &again); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(value, again) {
		t.Errorf("the YAML has other values than the JSON:\n%s\n%s", text, asYAML)
	}
	var wrong any
	if err := json.Unmarshal(bytes.ReplaceAll(text, []byte(`"action":"send"`), []byte(`"action":"push"`)), &wrong); err != nil {
		t.Fatal(err)
	}
	if schema.Validate(wrong) == nil {
		t.Error("the schema permits a document that is not valid")
	}
}

// The schema of each message permits the messages that a sender with the catalogue writes,
// and no others.
func TestMessages(t *testing.T) {
	t.Parallel()
	_, text := document(t)
	loaded, err := payloadschema.Load(catalogue())
	if err != nil {
		t.Fatal(err)
	}
	var read struct {
		Channels map[string]channel `json:"channels"`
	}
	if err := json.Unmarshal(text, &read); err != nil {
		t.Fatal(err)
	}
	payloads := []string{
		`{}`, `{"path": "x"}`, `{"path": 1}`, `{"bytes": 1}`, `{"bytes": -1}`, `{"path": "x", "size": {"bytes": -1}}`, `{"path": "x", "size": {"bytes": 1}}`,
		`{"tree": {"children": [{"children": 1}]}}`, `{"path": "x", "part": {"tree": {"children": [1]}}}`, `{"other": true}`, `{"other": 1}`,
		`{"children": [{}]}`, `{"children": [{"children": [1]}]}`, `{"answer": "1"}`, `{"answer": 1}`, `{"n": 1001}`, `{"path": "x", "$ref": {"$ref": "no reference"}}`, `{"path": "x", "$ref": 1}`,
	}
	outcomes := map[bool]int{}
	for id, channel := range read.Channels {
		compiler := jsonschema.NewCompiler()
		compiler.Draft = jsonschema.Draft2020
		if err := compiler.AddResource("document.json", strings.NewReader(string(text))); err != nil {
			t.Fatal(err)
		}
		schema, err := compiler.Compile("document.json#/components/messages/" + id + "/payload/schema")
		if err != nil {
			t.Fatalf("%s: %v", id, err)
		}
		for _, payload := range payloads {
			message, _, err := wire.Encode(wire.Envelope{EventName: channel.Address, Payload: json.RawMessage(payload)}, wire.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			var value any
			if err := json.Unmarshal(message, &value); err != nil {
				t.Fatal(err)
			}
			fits := loaded.Check(channel.Address, []byte(payload)) == nil
			outcomes[fits]++
			if err := schema.Validate(value); (err == nil) != fits {
				t.Errorf("%q, %s: the document permits it: %v, the catalogue: %v", channel.Address, message, err, fits)
			}
		}
		other, _, err := wire.Encode(wire.Envelope{EventName: "another", Payload: json.RawMessage(`{"path": "x"}`)}, wire.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		var value any
		if err := json.Unmarshal(other, &value); err != nil || schema.Validate(value) == nil {
			t.Errorf("%q permits the message of another event (%v)", channel.Address, err)
		}
	}
	if len(read.Channels) != 7 || outcomes[true] < 20 || outcomes[false] < 20 {
		t.Errorf("%d channels, %v", len(read.Channels), outcomes)
	}
}

// Names that are alike in ASCII are different objects, and the address is the exact name.
func TestIdentifiers(t *testing.T) {
	t.Parallel()
	_, text := document(t)
	var read struct {
		Channels   map[string]channel   `json:"channels"`
		Operations map[string]operation `json:"operations"`
	}
	if err := json.Unmarshal(text, &read); err != nil {
		t.Fatal(err)
	}
	for id, address := range map[string]string{"_": "", "new_file_event": "new_file_event", "by_anchor__x___": "by anchor {x} é", "by_anchor__x___-2": "by_anchor__x__é"} {
		if channel, ok := read.Channels[id]; !ok || channel.Address != address {
			t.Errorf("%s has the address %q, want %q", id, channel.Address, address)
		}
	}
	used := map[string]bool{}
	var ids []string
	for _, name := range []string{"a b", "a_b", "a-b", "", "é"} {
		ids = append(ids, identifier(name, used))
	}
	if want := []string{"a_b", "a_b-2", "a-b", "_", "_-2"}; !slices.Equal(ids, want) {
		t.Errorf("%q, want %q", ids, want)
	}
	if read.Operations["send_tree"].Action != "send" || read.Operations["receive_tree"].Action != "receive" {
		t.Errorf("%+v", read.Operations)
	}
}

// A schema that a document cannot express is an error that names it.
func TestImpossible(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"$dynamicRef": "#x"}`:                       "event \"e\": schema e.json: e.json: a document cannot have a schema with $dynamicRef",
		`{"$defs": {"a": {"$id": "other.json"}}}`:     "an $id below its root",
		`{"$ref": "nothing.json"}`:                    "the reference to nothing.json",
		`{"$ref": "https://example.org/x.json"}`:      "no file of the catalogue has the $id https://example.org/x.json",
		`{"properties": {"a": {"$ref": "#nowhere"}}}`: `e.json has no $anchor "nowhere"`,
		`{"a": `: "e.json: unexpected EOF",
	} {
		_, err := New(fstest.MapFS{"catalogue.json": {Data: []byte(`{"version": 1, "events": {"e": "e.json"}}`)}, "e.json": {Data: []byte(text)}}, Options{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	// A property of such a name is no keyword.
	if _, err := New(fstest.MapFS{"catalogue.json": {Data: []byte(`{"version": 1, "events": {"e": "e.json"}}`)}, "e.json": {Data: []byte(`{"properties": {"$id": {}, "$dynamicRef": {"type": "string"}}}`)}}, Options{}); err != nil {
		t.Error(err)
	}
}
