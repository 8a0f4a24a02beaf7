package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"

	"github.com/remote-events/remote-events/go/wire"
)

// catalogueDir makes a catalogue in which the size of the event sized is an
// integer.
func catalogueDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"catalogue.json":    `{"version": 1, "events": {"sized": "sized.schema.json"}}`,
		"sized.schema.json": `{"properties": {"size": {"type": "integer"}}}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestSchemasOfSend(t *testing.T) {
	t.Parallel()
	server := miniredis.RunT(t)
	redis, dir := "redis://"+server.Addr(), catalogueDir(t)
	invoke(t, "send", "--redis", redis, "--schemas", dir, "sized", `{"size": 3}`).expect(t, exitDone)
	r := invoke(t, "send", "--redis", redis, "--schemas", dir, "sized", `{"size": "5ecret"}`).
		expect(t, exitFailed, "SCHEMA-1", "at /size", "sized.schema.json", "expected integer, but got string")
	if strings.Contains(r.stderr, "5ecret") {
		t.Error(r.stderr)
	}
	lines := invocation{
		args:  []string{"send", "--redis", redis, "--schemas", dir, "sized", "--ndjson", "-"},
		stdin: strings.NewReader("{\"size\": 4}\n{\"size\": null}\n{\"size\": 5}\n"),
	}
	lines.run(t.Context()).expect(t, exitFailed, "line 2: event \"sized\" rejected: [SCHEMA-1]", "sent before it: 1")
	invoke(t, "send", "--redis", redis, "--schemas", dir, "other", `{"size": "x"}`).expect(t, exitDone)
	if list, err := server.List("sized"); err != nil || len(list) != 2 {
		t.Errorf("%q, %v", list, err)
	}
}

func TestSchemasOfListen(t *testing.T) {
	t.Parallel()
	server := miniredis.RunT(t)
	for _, payload := range []string{`{"size": "5ecret"}`, `{"size": 3}`} {
		if _, err := server.Lpush("sized", `{"data": `+payload+`, "signals": ["sized", "remote_event", "event"]}`); err != nil {
			t.Fatal(err)
		}
	}
	r := invoke(t, "listen", "--redis", "redis://"+server.Addr(), "--schemas", catalogueDir(t), "sized", "--count", "1", "-o", "ndjson").
		expect(t, exitDone, "SCHEMA-2", "at /size")
	if !strings.Contains(r.stdout, `"payload":{"size":3}`) || strings.Count(r.stdout, "\n") != 1 || strings.Contains(r.stderr, "5ecret") {
		t.Errorf("%s\n%s", r.stdout, r.stderr)
	}
}

func TestSchemasOfValidate(t *testing.T) {
	t.Parallel()
	dir := catalogueDir(t)
	for message, code := range map[string]int{
		`{"data": {"size": 3}, "signals": ["sized", "remote_event", "event"]}`:     exitDone,
		`{"data": {"size": "x"}, "signals": ["other", "remote_event", "event"]}`:   exitDone,
		`{"data": {"size": NaN}, "signals": ["sized", "remote_event", "event"]}`:   exitFindings,
		`{"data": {"size": "x"}, "signals": ["sized", "remote_event", "event"]}`:   exitFindings,
		`{"data": {"size": "x"}, "signals": ["sized", "remote_event", "event"]} x`: exitFindings,
	} {
		r := invocation{args: []string{"validate", "--schemas", dir, "-o", "ndjson"}, stdin: strings.NewReader(message)}.run(t.Context()).expect(t, code)
		var j validated
		if err := json.Unmarshal([]byte(r.stdout), &j); err != nil {
			t.Fatalf("%s: %v", r.stdout, err)
		}
		if code == exitFindings && j.Verdict != wire.Malformed {
			t.Errorf("%s: %+v", message, j)
		}
		if unfit := len(j.Findings) > 0 && j.Findings[0].Requirement == wire.ReqReceiveSchema; unfit != (code == exitFindings && !strings.HasSuffix(message, "x")) {
			t.Errorf("%s: %+v", message, j)
		}
	}
}

func TestBrokenSchemas(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, args := range [][]string{{"send", "x", "{}"}, {"listen", "x"}, {"validate"}, {"asyncapi"}} {
		invoke(t, append(args, "--schemas", dir)...).expect(t, exitUsage, "--schemas", "catalogue.json", "hint:")
		invoke(t, append(args, "--schemas", "")...).expect(t, exitUsage, "--schemas")
	}
}

// The document of a catalogue is YAML, or the same as JSON.
func TestAsyncAPI(t *testing.T) {
	t.Parallel()
	args := []string{"asyncapi", "--schemas", catalogueDir(t), "--title", "Sizes <1>", "--document-version", "3.1.4"}
	text := invoke(t, args...).expect(t, exitDone).stdout
	for _, line := range []string{"asyncapi: 3.0.0\n", "  title: Sizes <1>\n", "  version: 3.1.4\n", "    address: sized\n", "  send_sized:\n", "          type: integer\n", "      redis: {}\n"} {
		if !strings.Contains(text, line) {
			t.Errorf("%q is not in\n%s", line, text)
		}
	}
	var document struct {
		AsyncAPI string `json:"asyncapi"`
		Info     struct {
			Title   string `json:"title"`
			Version string `json:"version"`
		} `json:"info"`
	}
	out := invoke(t, append(args, "-o", "json")...).expect(t, exitDone).stdout
	if err := json.Unmarshal([]byte(out), &document); err != nil || document.AsyncAPI != "3.0.0" || document.Info.Title != "Sizes <1>" || document.Info.Version != "3.1.4" {
		t.Errorf("%+v, %v", document, err)
	}
	invoke(t, "asyncapi").expect(t, exitUsage, "schemas")
	dir := t.TempDir()
	for name, text := range map[string]string{"catalogue.json": `{"version": 1, "events": {"e": "e.json"}}`, "e.json": `{"$dynamicRef": "#a", "$defs": {"a": {"$dynamicAnchor": "a"}}}`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	invoke(t, "asyncapi", "--schemas", dir).expect(t, exitFailed, dir, "e.json", "$dynamicRef")
}
