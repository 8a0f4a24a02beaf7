package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/remote-events/remote-events/compat/internal/report"
	"github.com/remote-events/remote-events/compat/internal/report/reporttest"
)

func reportFile(t *testing.T, change func(*report.Report)) string {
	t.Helper()
	r := reporttest.Small()
	change(r)
	path := filepath.Join(t.TempDir(), "report.json")
	if err := writeOutput(nil, path, r.Write); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReportOutputs(t *testing.T) {
	t.Parallel()
	path, dir := reportFile(t, func(*report.Report) {}), t.TempDir()
	begins := map[string]string{"html": "<!doctype html>", "markdown": "# Compatibility matrix", "junit": "<?xml", "badge": `{"schemaVersion":1`}
	args := []string{"report", path}
	for name := range begins {
		args = append(args, "--"+name, filepath.Join(dir, name))
	}
	if code, out, diagnostics := compat(t, args...); code != exitDone || out != "" {
		t.Fatalf("exit code %d: %s%s", code, out, diagnostics)
	}
	for name, begin := range begins {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || !strings.HasPrefix(string(text), begin) {
			t.Errorf("%s: %v: %.80s", name, err, text)
		}
		code, out, diagnostics := compat(t, "report", path, "--"+name, "-")
		if code != exitDone || out != string(text) {
			t.Errorf("--%s -: exit code %d: %s", name, code, diagnostics)
		}
	}
	if code, out, _ := compat(t, "report", path); code != exitDone || !strings.HasPrefix(out, "✗ wire/array") {
		t.Errorf("exit code %d: %s", code, out)
	}
}

func TestDiff(t *testing.T) {
	t.Parallel()
	path := reportFile(t, func(*report.Report) {})
	worse := reportFile(t, func(r *report.Report) { r.Results[0].Outcome = report.Failed })
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"diff", path, path}, exitDone, "0 newly failing, 0 repaired, 0 changed"},
		{[]string{"diff", path, worse}, exitFindings, "✗ newly failing: wire/the-plainest"},
		{[]string{"diff", worse, path}, exitDone, "✓ repaired: wire/the-plainest"},
	} {
		if code, out, diagnostics := compat(t, c.args...); code != c.code || !strings.Contains(out, c.says) {
			t.Errorf("%q: exit code %d: %s%s", c.args, code, out, diagnostics)
		}
	}
	code, out, _ := compat(t, "diff", path, worse, "-o", "json")
	var d report.Diff
	if err := json.Unmarshal([]byte(out), &d); err != nil || code != exitFindings || len(d.Failing) != 1 || d.Failing[0].Before.Outcome != report.Passed {
		t.Errorf("exit code %d, %v: %s", code, err, out)
	}
}

func TestReportErrors(t *testing.T) {
	t.Parallel()
	path := reportFile(t, func(*report.Report) {})
	newer := reportFile(t, func(r *report.Report) { r.Format = 2 })
	other := filepath.Join(t.TempDir(), "other.json")
	if err := os.WriteFile(other, []byte(`{"results": 1}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"report"}, exitUsage, "accepts 1 arg"},
		{[]string{"report", path, "--html", "-", "--badge", "-"}, exitUsage, "only one output"},
		{[]string{"report", path, "--html", filepath.Join(t.TempDir(), "no", "where")}, exitFailed, "--html: open"},
		{[]string{"report", "-"}, exitFailed, "stdin: not a report of a run: EOF"},
		{[]string{"report", other + "x"}, exitFailed, "no such file"},
		{[]string{"report", other}, exitFailed, "not a report of a run"},
		{[]string{"report", newer}, exitFailed, "unsupported format 2 of the report"},
		{[]string{"diff", path}, exitUsage, "accepts 2 arg"},
		{[]string{"diff", path, newer}, exitFailed, newer + ": unsupported format 2"},
		{[]string{"diff", other, path}, exitFailed, other + ": not a report of a run"},
		{[]string{"diff", path, path, "-o", "html"}, exitUsage, "the formats are text and json"},
	} {
		code, out, diagnostics := compat(t, c.args...)
		if code != c.code || out != "" || !strings.Contains(diagnostics, c.says) {
			t.Errorf("%q: exit code %d: %s%s", c.args, code, out, diagnostics)
		}
	}
}
