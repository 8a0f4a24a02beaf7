package report_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"github.com/remote-events/remote-events/compat/internal/report"
	"github.com/remote-events/remote-events/compat/internal/report/reporttest"
	"github.com/remote-events/remote-events/schemas"
)

const schemaName = "report.schema.json"

func schemaText(t *testing.T) []byte {
	t.Helper()
	text, err := schemas.Files.ReadFile(schemaName)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func written(t *testing.T, r *report.Report) []byte {
	t.Helper()
	var text bytes.Buffer
	if err := r.Write(&text); err != nil {
		t.Fatal(err)
	}
	return text.Bytes()
}

func TestSchema(t *testing.T) {
	t.Parallel()
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat = true
	if err := compiler.AddResource(schemaName, bytes.NewReader(schemaText(t))); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile(schemaName)
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]*report.Report{"empty": {Format: report.Format, Tool: report.Software{Name: "compat"}}, "small": reporttest.Small(), "large": reporttest.Large(1)} {
		if name == "large" && testing.Short() {
			continue // it takes many seconds
		}
		decoder := json.NewDecoder(bytes.NewReader(written(t, r)))
		decoder.UseNumber()
		var value any
		if err := decoder.Decode(&value); err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(value); err != nil {
			t.Errorf("%s: %#v", name, err)
		}
	}
	for _, text := range []string{
		`{"format":2,"tool":{"name":"x","version":""},"platform":"","started":"2026-11-23T20:00:00Z","seconds":0,"servers":[],"implementations":[],"cases":[],"results":[]}`,
		`{"format":1,"tool":{"name":"x","version":""},"platform":"","started":"2026-11-23T20:00:00Z","seconds":0,"servers":[],"implementations":[],"cases":[],"results":[{"case":"a","server":"b","outcome":"passed","expected":"","observed":"","seconds":0}]}`,
		`{"format":1,"tool":{"name":"x","version":""},"platform":"","started":"2026-11-23T20:00:00Z","seconds":0,"servers":[],"implementations":[],"cases":[],"results":[{"case":"a","server":"b","sender":"c","outcome":"deviates","expected":"","observed":"","seconds":0}]}`,
	} {
		var value any
		if err := json.Unmarshal([]byte(text), &value); err != nil {
			t.Fatal(err)
		}
		if schema.Validate(value) == nil {
			t.Errorf("the schema accepts %s", text)
		}
	}
}

// TestSchemaHasEveryMember compares the schema with the Go structs: they must have the same
// members, and those without omitempty are required.
func TestSchemaHasEveryMember(t *testing.T) {
	t.Parallel()
	type object struct {
		Required   []string       `json:"required"`
		Properties map[string]any `json:"properties"`
	}
	var schema struct {
		object
		Defs map[string]object `json:"$defs"`
	}
	if err := json.Unmarshal(schemaText(t), &schema); err != nil {
		t.Fatal(err)
	}
	for name, typ := range map[string]reflect.Type{
		"": reflect.TypeFor[report.Report](), "software": reflect.TypeFor[report.Software](), "server": reflect.TypeFor[report.Server](),
		"implementation": reflect.TypeFor[report.Implementation](), "case": reflect.TypeFor[report.Case](), "result": reflect.TypeFor[report.Result](),
		"step": reflect.TypeFor[report.Step](), "deviation": reflect.TypeFor[report.Deviation](),
		"conformance": reflect.TypeFor[report.Conformance](),
	} {
		said := schema.Defs[name]
		if name == "" {
			said = schema.object
		}
		var all, always []string
		for field := range typ.Fields() {
			member, rest, _ := strings.Cut(field.Tag.Get("json"), ",")
			all = append(all, member)
			if rest == "" {
				always = append(always, member)
			}
		}
		slices.Sort(all)
		slices.Sort(always)
		if members := slices.Sorted(maps.Keys(said.Properties)); !slices.Equal(members, all) {
			t.Errorf("%q: members %q in the schema, %q in the struct", name, members, all)
		}
		if required := slices.Sorted(slices.Values(said.Required)); !slices.Equal(required, always) {
			t.Errorf("%q: required members %q in the schema, %q in the struct", name, required, always)
		}
	}
}

func TestReadBack(t *testing.T) {
	t.Parallel()
	text := written(t, reporttest.Small())
	r, err := report.Read(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if again := written(t, r); !bytes.Equal(again, text) {
		t.Errorf("the report after a round trip: %s", again)
	}
}

func TestReadErrors(t *testing.T) {
	t.Parallel()
	damaged := func(change func(*report.Report)) string {
		r := reporttest.Small()
		change(r)
		return string(written(t, r))
	}
	for text, says := range map[string]string{
		``:                              "not a report of a run: EOF",
		`<testsuites/>`:                 "not a report of a run: invalid character",
		`[]`:                            "not a report of a run: want an object",
		`{"results":[]}`:                "members format and results",
		`{"format":"1","results":[]}`:   "members format and results",
		`{"format":2,"results":[]}`:     "unsupported format 2 of the report: this version reads format 1",
		`{"format":1,"results":"none"}`: "not a report of a run: json: cannot unmarshal",
		`{"format":1,"results":[]} x`:   "data after its end",
		damaged(func(r *report.Report) { r.Cases = r.Cases[1:] }):              "names the case wire/byte-order-mark, which is not listed",
		damaged(func(r *report.Report) { r.Servers = nil }):                    "names the server redis-7.0.15",
		damaged(func(r *report.Report) { r.Results[11].Receiver += " + you" }): "result 11 names the implementation you",
		damaged(func(r *report.Report) { r.Results[0].Receiver = "" }):         "neither sender nor receiver",
		damaged(func(r *report.Report) { r.Results[0].Outcome = "good" }):      `the unknown outcome "good"`,
	} {
		if r, err := report.Read(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%.60q: %v, %v", text, r, err)
		}
	}
}
