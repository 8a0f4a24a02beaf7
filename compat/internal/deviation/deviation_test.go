package deviation_test

import (
	"os"
	"strings"
	"testing"

	"github.com/remote-events/remote-events/compat/deviations"
	"github.com/remote-events/remote-events/compat/internal/deviation"
	"github.com/remote-events/remote-events/compat/internal/report"
)

const file = `{"implementation": "mine", "deviations": [
	{"pattern": "wire/*", "observed": "drops", "kind": "bug", "why": "a strict parser", "versions": ["1.*"]},
	{"pattern": "redis/restart", "observed": "dies", "kind": "wontfix", "why": "no way"},
	{"pattern": "redis/stop", "observed": "fails", "kind": "flaky", "why": "at most once"}]}`

func seen() *report.Report {
	return &report.Report{
		Implementations: []report.Implementation{{ID: "mine-1.0", Name: "mine", Version: "1.0"}, {ID: "mine-2.0", Name: "mine", Version: "2.0"}},
		Results: []report.Result{
			{Case: "wire/nan", Receiver: "mine-1.0", Outcome: report.Failed, Observed: "drops"},
			{Case: "wire/big", Receiver: "mine-1.0", Outcome: report.Failed, Observed: "fault: gone"},
			{Case: "wire/nan", Receiver: "mine-2.0", Outcome: report.Failed, Observed: "drops"},
			{Case: "redis/restart", Receiver: "mine-1.0 + mine-2.0", Outcome: report.Passed, Observed: "all"},
			{Case: "redis/stop", Receiver: "mine-1.0", Outcome: report.Passed, Observed: "all"},
		},
	}
}

// A known deviation applies to the versions and the observed outcome that it names, and is
// stale if it no longer occurs.
func TestApply(t *testing.T) {
	t.Parallel()
	known, err := deviation.Read([]byte(file))
	if err != nil {
		t.Fatal(err)
	}
	r := seen()
	deviation.Apply(r, []deviation.File{known})
	for i, want := range []report.Outcome{report.Deviates, report.Failed, report.Failed, report.Passed, report.Passed} {
		if r.Results[i].Outcome != want || (want == report.Deviates) != (r.Results[i].Deviation != nil) {
			t.Errorf("result %d %s", i, r.Results[i].Outcome)
		}
	}
	if len(r.Stale) != 2 || r.Stale[0].Pattern != "redis/restart" || r.Stale[1].Implementation != "mine-2.0" {
		t.Errorf("stale: %+v", r.Stale)
	}
}

// A draft is rejected until it has a reason.
func TestDrafts(t *testing.T) {
	t.Parallel()
	drafts := deviation.Drafts(seen())
	if len(drafts) != 1 || len(drafts[0].Deviations) != 2 || strings.Join(drafts[0].Deviations[0].Versions, " ") != "1.0 2.0" {
		t.Fatalf("%+v", drafts)
	}
	path, err := drafts[0].Write(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := deviation.ReadFile(path); err == nil || !strings.Contains(err.Error(), "the deviation has no reason") {
		t.Errorf("the draft was accepted: %v", err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	explained, err := deviation.Read([]byte(strings.ReplaceAll(string(text), "TODO: give the reason", "it is old")))
	if err != nil {
		t.Fatal(err)
	}
	r := seen()
	deviation.Apply(r, []deviation.File{explained})
	if n := r.Tally().Failed; n != 0 || len(r.Stale) != 0 {
		t.Errorf("%d unknown failures, stale: %+v", n, r.Stale)
	}
}

func TestRead(t *testing.T) {
	t.Parallel()
	if all, err := deviation.ReadAll(deviations.Files); err != nil || len(all) == 0 {
		t.Errorf("%d files, %v", len(all), err)
	}
	for _, text := range []string{
		`{}`, `{"implementation": "a", "what": 1}`,
		`{"implementation": "a", "deviations": [{"pattern": "a", "observed": "b", "kind": "bug"}]}`,
		`{"implementation": "a", "deviations": [{"pattern": "a", "kind": "bug", "why": "b"}]}`,
		`{"implementation": "a", "deviations": [{"pattern": "a", "observed": "b", "kind": "known", "why": "b"}]}`,
		`{"implementation": "a", "deviations": [{"pattern": "[", "observed": "b", "kind": "bug", "why": "b"}]}`,
	} {
		if _, err := deviation.Read([]byte(text)); err == nil {
			t.Errorf("%s was accepted", text)
		}
	}
}

// A deviation that is known for version 1 of a dependency is not marked with another
// version, and it is not stale there.
func TestOn(t *testing.T) {
	t.Parallel()
	known, err := deviation.Read([]byte(`{"implementation": "mine", "deviations": [
		{"pattern": "wire/nan", "observed": "drops", "kind": "bug", "why": "an old parser", "on": {"parser": ["1.*"]}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	for version, want := range map[string]report.Outcome{"1.4": report.Deviates, "2.0": report.Failed, "": report.Failed} {
		r := seen()
		r.Implementations = r.Implementations[:1]
		r.Implementations[0].Details = map[string]string{"parser": version}
		deviation.Apply(r, []deviation.File{known})
		if r.Results[0].Outcome != want || len(r.Stale) != 0 {
			t.Errorf("on %q: %s, stale %v", version, r.Results[0].Outcome, r.Stale)
		}
	}
	if _, err := deviation.Read([]byte(`{"implementation": "mine", "deviations": [
		{"pattern": "wire/nan", "observed": "drops", "kind": "bug", "why": "old", "on": {"parser": ["["]}}]}`)); err == nil {
		t.Error("an invalid pattern was accepted")
	}
}
