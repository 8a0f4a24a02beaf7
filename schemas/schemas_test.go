package schemas_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"slices"
	"testing"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"github.com/remote-events/remote-events/go/wire"
	"github.com/remote-events/remote-events/schemas"
	"github.com/remote-events/remote-events/spec"
)

const base = "https://remote-events.github.io/schemas/v1/"

// compile returns the schemas by the names of their files. Most validators take
// formats for annotations, so that all must hold with them and without.
func compile(t *testing.T, formats bool) map[string]*jsonschema.Schema {
	t.Helper()
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat = formats
	names := list(t, schemas.Files, "*.schema.json")
	for _, name := range names {
		if err := compiler.AddResource(base+name, bytes.NewReader(read(t, schemas.Files, name))); err != nil {
			t.Fatal(err)
		}
	}
	compiled := map[string]*jsonschema.Schema{}
	for _, name := range names {
		schema, err := compiler.Compile(base + name)
		if err != nil {
			t.Fatal(err)
		}
		compiled[name] = schema
	}
	return compiled
}

// bothWays runs a test with the schemas as each kind of validator takes them.
func bothWays(t *testing.T, test func(t *testing.T, compiled map[string]*jsonschema.Schema)) {
	t.Helper()
	for name, formats := range map[string]bool{"formats are annotations": false, "formats are checked": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, compile(t, formats))
		})
	}
}

func list(t *testing.T, files fs.FS, pattern string) []string {
	t.Helper()
	names, err := fs.Glob(files, pattern)
	if err != nil || len(names) == 0 {
		t.Fatalf("%s: %v, %v", pattern, names, err)
	}
	return names
}

func read(t *testing.T, files fs.FS, name string) []byte {
	t.Helper()
	text, err := fs.ReadFile(files, name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// parse keeps numbers as they are written, since some vectors hold what no
// float does.
func parse(t *testing.T, text []byte) any {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		t.Fatal(err)
	}
	return value
}

// vectors are the messages of the specification, without the longest: schemas do
// not see a length.
func vectors(t *testing.T) []spec.MessageVector {
	t.Helper()
	cases, err := spec.MessageVectors()
	if err != nil || len(cases) == 0 {
		t.Fatalf("%d cases, %v", len(cases), err)
	}
	return slices.DeleteFunc(cases, func(v spec.MessageVector) bool { return v.Message.Len() > 2<<20 })
}

func TestExamples(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, compiled map[string]*jsonschema.Schema) {
		for name, schema := range compiled {
			document, ok := parse(t, read(t, schemas.Files, name)).(map[string]any)
			if !ok || document["$id"] != base+name || document["$schema"] != "https://json-schema.org/draft/2020-12/schema" {
				t.Errorf("%s: $id %v, $schema %v", name, document["$id"], document["$schema"])
			}
			examples, _ := document["examples"].([]any)
			if len(examples) == 0 {
				t.Errorf("%s has no examples", name)
			}
			for _, example := range examples {
				if err := schema.Validate(example); err != nil {
					t.Errorf("%s: %v: %#v", name, example, err)
				}
			}
		}
	})
}

func TestVectorFiles(t *testing.T) {
	t.Parallel()
	schema := compile(t, true)["vectors.schema.json"]
	for _, name := range list(t, spec.Files, "vectors/*.json") {
		if err := schema.Validate(parse(t, read(t, spec.Files, name))); err != nil {
			t.Errorf("%s: %#v", name, err)
		}
	}
}

// TestFilesOfThisRepository holds files that programs read to their schemas.
func TestFilesOfThisRepository(t *testing.T) {
	t.Parallel()
	compiled := compile(t, true)
	root := os.DirFS("..")
	for name, pattern := range map[string]string{
		"requirements": "spec/requirements.json",
		"classes":      "spec/classes.json",
		"manifest":     "spec/manifest.json",
		"results":      "compat/results.json",
		"scenarios":    "compat/internal/suite/data/*.json",
	} {
		for _, file := range list(t, root, pattern) {
			if err := compiled[name+".schema.json"].Validate(parse(t, read(t, root, file))); err != nil {
				t.Errorf("%s: %#v", file, err)
			}
		}
	}
}

// TestMessages holds the schema to the verdicts: it refuses a message of the
// vectors where, and only where, that violates what a schema can check.
func TestMessages(t *testing.T) {
	t.Parallel()
	checkable := []string{
		"JSON-3", "WIRE-1", "WIRE-2", "WIRE-3", "WIRE-4", "WIRE-5",
		"SIG-2", "SIG-3", "SIG-4", "META-1", "META-2", "META-3", "META-5",
	}
	beyond := []string{
		"metadata/time-february-30", "metadata/time-february-29-1900", "metadata/time-february-29-2027", "metadata/time-april-31",
		"metadata/source-ipv6-of-nine-groups", "metadata/source-ipv6-colons-beside-eight-groups", "metadata/source-ipv6-two-colons-twice",
		"metadata/source-ipv6-group-of-five", "metadata/source-ipv6-with-ipv4-256", "metadata/source-ipv4-in-brackets",
	}
	bothWays(t, func(t *testing.T, compiled map[string]*jsonschema.Schema) {
		schema := compiled["message.schema.json"]
		seen := map[string]bool{}
		for _, v := range vectors(t) {
			raw := v.Message.Bytes()
			// A parser that replaces what is no text hides it.
			if !json.Valid(raw) || !utf8.Valid(raw) || slices.Contains(v.Findings, "JSON-9") || slices.Contains(beyond, v.ID) {
				continue
			}
			refuse := false
			for _, id := range v.Findings {
				seen[id] = true
				refuse = refuse || slices.Contains(checkable, id)
			}
			if err := schema.Validate(parse(t, raw)); (err != nil) != refuse {
				t.Errorf("%s: the findings are %q, and the schema says %#v", v.ID, v.Findings, err)
			}
		}
		for _, id := range checkable {
			if !seen[id] {
				t.Errorf("no message violates %s", id)
			}
		}
	})
}

// TestEnvelopes prints what is delivered of the vectors.
func TestEnvelopes(t *testing.T) {
	t.Parallel()
	schema := compile(t, true)["envelope.schema.json"]
	for _, v := range vectors(t) {
		envelope, err := wire.Decode(v.Message.Bytes(), wire.Limits{})
		if refused := err != nil; refused != (v.Verdict == "malformed") {
			t.Errorf("%s: %v", v.ID, err)
		}
		if err != nil {
			continue
		}
		text, err := envelope.MarshalJSON()
		if err != nil {
			t.Fatalf("%s: %v", v.ID, err)
		}
		if err := schema.Validate(parse(t, text)); err != nil {
			t.Errorf("%s: %#v", v.ID, err)
		}
	}
}

// TestMore has cases of which the vectors have none.
func TestMore(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, compiled map[string]*jsonschema.Schema) {
		for _, c := range []struct {
			schema string
			valid  bool
			texts  []string
		}{
			{"message", true, []string{
				`{"data":{"im_funct":1},"signals":["a kernel.b","","日","{x}","1","2","3","4","remote_event","event"]}`,
				`{"data":{},"signals":["1","2","3","4","5","6","7","8","9","remote_event","event"]}`,
			}},
			{"message", false, []string{
				`{"data":{"im_func":1},"signals":["e","remote_event","event"]}`,
				`{"data":{},"signals":["remote_event","event"]}`,
				`{"data":{},"signals":["e","remote_event","event","p"]}`,
				`{"data":{},"signals":["e","remote_event","p","event"]}`,
				`{"data":{},"signals":["1","2","3","4","5","6","7","remote_event","8","event"]}`,
				`{"data":{},"signals":["1","2","3","4","5","6","7","8","9","10","event"]}`,
				`{"data":{},"signals":["1","2","3","4","5","6","7","8","9","10","remote_event"]}`,
			}},
			{"metadata", true, []string{
				`{"time":"2026-11-23T20:00:00+01:30"}`,
			}},
			{"metadata", false, []string{
				`{"a\n":"x"}`, `{"id":null}`, `{"tracestate":1}`, `{"signals":["x"]}`,
				`{"dataschema":"x:<y>"}`, `{"time":"2026-11-23T20:00:00."}`,
			}},
			{"envelope", true, []string{
				`{"event_name":"x","payload":{},"metadata":{"signals":["x"],"time":"late"}}`,
			}},
			{"envelope", false, []string{
				`{"event_name":"x","metadata":{"signals":["x"]}}`,
				`{"event_name":"x","payload":{},"payload_text":"{}","metadata":{"signals":["x"]}}`,
				`{"event_name":"x","payload":[],"metadata":{"signals":["x"]}}`,
				`{"event_name":"x","payload":{},"metadata":{"signals":[]}}`,
				`{"event_name":"x","payload":{},"metadata":{}}`,
				`{"event_name":"x","payload":{},"metadata":{"signals":["x"],"id":1}}`,
				`{"event_name":"x","payload":{},"metadata":{"signals":["x"],"Id":"1"}}`,
				`{"event_name":"x","payload":{}}`,
				`{"payload":{},"metadata":{"signals":["x"]}}`,
				`{"event_name":"x","payload":{},"metadata":{"signals":["x"]},"data":{}}`,
			}},
			{"vectors", false, []string{
				`[]`,
				`{"family":"wire","about":"x","cases":[]}`,
				`{"family":"other","about":"x","cases":[{}]}`,
				`{"family":"wire","about":"x","cases":[{}]}`,
				`{"family":"configuration","about":"x","cases":[{}]}`,
				`{"family":"wire","about":"x","cases":[{"id":"a/b","about":"x","requirements":["JSON-1"],"message":{"base64":"x"},"verdict":"safe","legacy":"dies","findings":[]}]}`,
				`{"family":"wire","about":"x","cases":[{"id":"a/b","about":"x","requirements":["JSON-1"],"message":"","verdict":"unsafe","legacy":"dies","findings":[]}]}`,
			}},
		} {
			for _, text := range c.texts {
				if err := compiled[c.schema+".schema.json"].Validate(parse(t, []byte(text))); (err == nil) != c.valid {
					t.Errorf("%s: %s: %v", c.schema, text, err)
				}
			}
		}
	})
}
