package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSpec(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		name = filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const chapter = "# Wire\n\n**[WIRE-1]** It MUST be. <!-- untestable: everything is -->\n\nWithdrawn requirements: none.\n"
	write("spec/wire.md", chapter)
	for _, c := range []struct {
		args []string
		text string // of the chapter
		code int
		out  string
	}{
		{[]string{"spec", "--check"}, chapter, exitFindings, "spec/coverage.md: it is stale"},
		{[]string{"spec"}, chapter, exitDone, "1 requirements, 0 cases, 0 findings"},
		{[]string{"spec", "--check"}, chapter, exitDone, "0 findings"},
		{[]string{"spec"}, chapter + "\nIt MUST be.\n", exitFindings, "spec/wire.md:7: MUST outside a requirement"},
		{[]string{"spec", "x"}, chapter, exitUsage, ""},
		{[]string{"record"}, chapter, exitUsage, ""},
		{[]string{"record", filepath.Join(dir, "none.json")}, chapter, exitFailed, ""},
	} {
		write("spec/wire.md", c.text)
		var out, diagnostics bytes.Buffer
		code := run(t.Context(), append(c.args, "--root", dir), strings.NewReader(""), &out, &diagnostics)
		if code != c.code || !strings.Contains(out.String(), c.out) {
			t.Errorf("%q: %d\n%s%s", c.args, code, &out, &diagnostics)
		}
	}
}

// The manifest has the digests of the files that a release contains: a changed file makes
// it stale. Its version is written by hand.
func TestSpecManifest(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"spec/wire.md":           "# Wire\n\n**[WIRE-1]** It MUST be.\n\nWithdrawn requirements: none.\n\n| **receiver** | it | `wire` |\n",
		"spec/classes.json":      `{"version": "1.5", "classes": [{"name": "receiver", "requirements": ["WIRE-1"], "families": ["wire"]}]}`,
		"spec/manifest.json":     `{"suite_version": "1.2.0"}`,
		"spec/vectors/wire.json": `{"family": "wire", "cases": [{"id": "wire/one", "requirements": ["WIRE-1"]}]}`,
	} {
		name = filepath.Join(dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o750), os.WriteFile(name, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	spec := func(code int, contains string, args ...string) {
		t.Helper()
		var out bytes.Buffer
		if got := run(t.Context(), append([]string{"spec", "--root", dir}, args...), strings.NewReader(""), &out, &out); got != code || !strings.Contains(out.String(), contains) {
			t.Errorf("%q: %d, want %d and %q:\n%s", args, got, code, contains, &out)
		}
	}
	spec(exitFindings, "spec/manifest.json: it is stale", "--check")
	spec(exitDone, "wrote spec/manifest.json")
	spec(exitDone, "0 findings", "--check")
	manifest := filepath.Join(dir, "spec", "manifest.json")
	text, err := os.ReadFile(manifest)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"suite_version": "1.2.0"`, `"specification": "1.5"`, `"cases": 1,`, `"path": "spec/vectors/wire.json"`, `"family": "wire"`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s is not in %s", want, text)
		}
	}
	vectors := filepath.Join(dir, "spec", "vectors", "wire.json")
	if err := os.WriteFile(vectors, []byte(`{"family": "wire", "cases": [{"id": "wire/one", "requirements": ["WIRE-1"], "x": 1}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	spec(exitFindings, "spec/manifest.json: it is stale", "--check")
	if err := os.WriteFile(manifest, []byte(strings.Replace(string(text), "1.2.0", "1.2", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	spec(exitFindings, `suite_version is "1.2": write a version`)
}

// A scan of tests lists the requirements that they do not name, and needs no tree.
func TestSpecScan(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "test.py"), []byte("# VERDICT-1 VERDICT-2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"--scan", dir, "--class", "validator"}, exitFindings, "VERDICT-3   A validator MUST predict"},
		{[]string{"--scan", dir, "--class", "validator"}, exitFindings, "1 files: 2 requirements named, 1 not named, 0 ids unknown"},
		{[]string{"--scan", dir, "--class", "reader"}, exitUsage, "the classes are sender,"},
		{[]string{"--scan", filepath.Join(dir, "none")}, exitFailed, "none"},
		{[]string{"--scan", dir, "--check"}, exitUsage, "scan"},
		{[]string{"--class", "validator"}, exitUsage, "--class needs --scan"},
	} {
		var out bytes.Buffer
		if code := run(t.Context(), append([]string{"spec"}, c.args...), strings.NewReader(""), &out, &out); code != c.code || !strings.Contains(out.String(), c.want) {
			t.Errorf("%q: %d\n%s", c.args, code, &out)
		}
	}
}

func TestRecord(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	report := filepath.Join(dir, "report.json")
	const text = `{"format": 1, "tool": {"name": "compat", "version": "1"}, "platform": "x", "started": "2026-11-23T20:00:00Z", "seconds": 1,
		"servers": [{"id": "s", "name": "redis", "version": "7", "provider": "local"}],
		"implementations": [{"id": "i", "name": "it", "version": "1", "classes": ["receiver"]}],
		"cases": [{"id": "c/d", "family": "c", "about": "x", "requirements": ["WIRE-1"]}],
		"results": [{"case": "c/d", "server": "s", "receiver": "i", "outcome": "passed", "expected": "x", "observed": "x", "seconds": 1}]}`
	if err := os.WriteFile(report, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "compat"), 0o750); err != nil {
		t.Fatal(err)
	}
	var out, diagnostics bytes.Buffer
	if code := run(t.Context(), []string{"record", "--root", dir, report}, strings.NewReader(""), &out, &diagnostics); code != exitDone {
		t.Fatalf("%d: %s", code, &diagnostics)
	}
	recorded, err := os.ReadFile(filepath.Join(dir, "compat", "results.json"))
	if err != nil || !strings.Contains(string(recorded), `"passed": [`+"\n        \"WIRE-1\"") {
		t.Errorf("%s, %v", recorded, err)
	}
}
