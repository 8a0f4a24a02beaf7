package config

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A vector is a case of spec/vectors/config.json. Its values leave out what is
// the default, but for backend.
type vector struct {
	ID           string            `json:"id"`
	Requirements []string          `json:"requirements"`
	Config       string            `json:"config"`
	Parameters   *string           `json:"parameters"`
	Environment  map[string]string `json:"environment"`
	Sections     []string          `json:"sections"`
	Version      string            `json:"version"`
	Python       *outcome          `json:"python"`
	Expect       *outcome          `json:"expect"`
	Why          string            `json:"why"`
}

type outcome struct {
	Redis       map[string]any  `json:"redis,omitempty"`
	RemoteEvent map[string]any  `json:"remote_event,omitempty"`
	Warnings    []place         `json:"warnings,omitempty"`
	Error       json.RawMessage `json:"error,omitempty"`
}

type place struct {
	File string `json:"file,omitempty"` // config.yml where it is empty
	Line int    `json:"line"`
	Key  string `json:"key"`
}

func TestVectors(t *testing.T) {
	t.Parallel()
	for _, v := range readVectors(t) {
		t.Run(v.ID, func(t *testing.T) {
			t.Parallel()
			got := observe(t, v)
			if want := v.Expect; !sameJSON(t, got, want) {
				t.Errorf("got %s\nwant %s", toJSON(t, got), toJSON(t, want))
			}
		})
	}
}

// TestVectorsExplainDifferences holds the file to its own rule: where Python reads
// something else, and only there, it says why.
func TestVectorsExplainDifferences(t *testing.T) {
	t.Parallel()
	for _, v := range readVectors(t) {
		if v.Python == nil || v.Expect == nil {
			t.Fatalf("%s: python or expect is missing", v.ID)
		}
		if differs := !sameReading(t, v); differs != (v.Why != "") {
			t.Errorf("%s: differs from Python: %v, but why is %q", v.ID, differs, v.Why)
		}
	}
}

// sameReading compares what Python and a reader make of a file. Both sides
// failing is the same, whatever they say; and the backend, whose default depends
// on the version, counts where the case is about it.
func sameReading(t *testing.T, v vector) bool {
	t.Helper()
	if v.Python.Error != nil || v.Expect.Error != nil {
		return (v.Python.Error != nil) == (v.Expect.Error != nil)
	}
	python, expect := *v.Python, *v.Expect
	expect.Warnings = nil
	if !slices.Contains(v.Requirements, "CONF-23") {
		python.RemoteEvent, expect.RemoteEvent = maps.Clone(python.RemoteEvent), maps.Clone(expect.RemoteEvent)
		delete(python.RemoteEvent, "backend")
		delete(expect.RemoteEvent, "backend")
	}
	return sameJSON(t, &python, &expect)
}

// observe loads the files of a vector.
func observe(t *testing.T, v vector) *outcome {
	t.Helper()
	directory := t.TempDir()
	config := write(t, directory, "config.yml", v.Config)
	if v.Parameters != nil {
		write(t, directory, "parameters.yml", *v.Parameters)
	}
	environ := []string{}
	for name, value := range v.Environment {
		environ = append(environ, name+"="+value)
	}
	c, err := Load(config, WithEnviron(environ))
	if err != nil {
		return &outcome{Error: json.RawMessage(toJSON(t, failure(t, err, v)))}
	}
	got := &outcome{Redis: redisValues(c.Redis), RemoteEvent: remoteEventValues(c.RemoteEvent)}
	for _, w := range c.Warnings {
		checkSilent(t, w.String(), v)
		got.Warnings = append(got.Warnings, place{Line: w.Line, Key: w.Key})
	}
	return got
}

// failure returns the place that an error names, and sees to it that the error
// says nothing of a value.
func failure(t *testing.T, err error, v vector) place {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("not an *Error: %v", err)
	}
	checkSilent(t, err.Error(), v)
	file := filepath.Base(e.File)
	if file == "config.yml" {
		file = ""
	}
	return place{File: file, Line: e.Line, Key: e.Key}
}

func checkSilent(t *testing.T, message string, v vector) {
	t.Helper()
	if strings.Contains(message, "s3cr3t") {
		t.Errorf("the message holds a value of the file: %s", message)
	}
	for name, value := range v.Environment {
		if len(value) > 5 && strings.Contains(message, value) {
			t.Errorf("the message holds the value of %s: %s", name, message)
		}
	}
}

// redisValues returns what differs from the default, by the names of the file.
func redisValues(r Redis) map[string]any {
	all := func(r Redis) map[string]any {
		return map[string]any{
			"host": r.Host, "port": r.Port, "db": r.DB, "password": string(r.Password),
			"socket_timeout":         r.SocketTimeout.Seconds(),
			"socket_connect_timeout": r.SocketConnectTimeout.Seconds(),
			"retry_on_timeout":       r.RetryOnTimeout,
			"max_connections":        r.MaxConnections,
			"unix_socket_path":       r.UnixSocketPath,
			"ssl":                    r.SSL, "ssl_cert_reqs": r.SSLCertReqs, "ssl_ca_certs": r.SSLCACerts,
			"ssl_certfile": r.SSLCertFile, "ssl_keyfile": r.SSLKeyFile,
		}
	}
	values := all(r)
	for name, value := range all(defaultRedis()) {
		if values[name] == value {
			delete(values, name)
		}
	}
	return values
}

func remoteEventValues(r RemoteEvent) map[string]any {
	values := map[string]any{"backend": r.Backend}
	if r.GroupID != "" {
		values["group_id"] = r.GroupID
	}
	if len(r.Events) > 0 {
		var events []map[string]string
		for _, name := range r.Events {
			events = append(events, map[string]string{"name": name})
		}
		values["events"] = events
	}
	return values
}

func readVectors(t *testing.T) []vector {
	t.Helper()
	content, err := os.ReadFile("../../spec/vectors/config.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Cases []vector `json:"cases"`
	}
	if err := json.Unmarshal(content, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Cases) == 0 {
		t.Fatal("config.json has no cases")
	}
	return file.Cases
}

func write(t *testing.T, directory, name, content string) string {
	t.Helper()
	path := filepath.Join(directory, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func sameJSON(t *testing.T, a, b *outcome) bool {
	t.Helper()
	return toJSON(t, a) == toJSON(t, b)
}

// toJSON is canonical: members sorted, numbers by value.
func toJSON(t *testing.T, v any) string {
	t.Helper()
	first, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var plain any
	if err := json.Unmarshal(first, &plain); err != nil {
		t.Fatal(err)
	}
	second, err := json.Marshal(plain)
	if err != nil {
		t.Fatal(err)
	}
	return string(second)
}
