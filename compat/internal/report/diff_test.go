package report_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/remote-events/remote-events/compat/internal/report"
	"github.com/remote-events/remote-events/compat/internal/report/reporttest"
)

func TestCompare(t *testing.T) {
	t.Parallel()
	before, after := reporttest.Small(), reporttest.Small()
	if d := report.Compare(before, after); d.Worse() || len(d.Repaired)+len(d.Changed)+d.New+d.Gone+len(d.Renamed) > 0 {
		t.Errorf("Compare of equal reports: %+v", d)
	}

	// The library has another version in the later report and is still the same.
	const library, released = "remote-event-devel", "remote-event-v1.0.0"
	after.Implementations[0].ID, after.Implementations[0].Version = released, "v1.0.0"
	for i := range after.Results {
		result := &after.Results[i]
		if result.Sender == library {
			result.Sender = released
		}
		switch result.Receiver {
		case library:
			result.Receiver = released
		case library + " + remote_event_bundle-1.6-py3.11.7":
			result.Receiver = released + " + remote_event_bundle-1.6-py3.11.7"
		}
	}
	after.Servers[1].ID, after.Servers[1].Version = "valkey-9.1.2", "9.1.2"
	after.Results[4].Server = "valkey-9.1.2"
	after.Results[2].Outcome, after.Results[2].Observed = report.Passed, "drops"       // repaired
	after.Results[5].Outcome, after.Results[5].Observed = report.Failed, "delivers 1"  // fails
	after.Results[6].Outcome, after.Results[6].Observed = report.Failed, "delivers 1"  // likewise
	after.Results[3].Observed = "dies: ValueError"                                     // changed
	after.Results[0].Seconds = 1                                                       // of no interest
	after.Results = slices.Delete(after.Results, 10, 11)                               // gone
	after.Cases = append(after.Cases, report.Case{ID: "poison/new", Family: "poison"}) // new, and fails
	after.Implementations = append(after.Implementations, report.Implementation{ID: "you-1", Name: "you", Version: "1"})
	after.Results = append(after.Results, report.Result{Case: "poison/new", Server: "redis-7.0.15", Receiver: "you-1", Outcome: report.Failed, Expected: "drops", Observed: "dies", Problems: []string{"it died"}})
	after.Stale = append(after.Stale, report.StaleDeviation{Implementation: "you-1", Deviation: report.Deviation{Pattern: "x/*", Observed: "dies"}})

	d := report.Compare(before, after)
	if !d.Worse() || len(d.Failing) != 3 || len(d.Repaired) != 1 || len(d.Changed) != 1 || d.New != 1 || d.Gone != 1 || len(d.Stale) != 1 {
		t.Errorf("%+v", d)
	}
	var text bytes.Buffer
	if err := d.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	golden(t, "diff.txt", text.Bytes())

	after.SuiteVersion = "1.3.0"
	text.Reset()
	if err := report.Compare(before, after).WriteText(&text); err != nil || !strings.HasPrefix(text.String(), "! the runs have different suites: 1.2.0 before, 1.3.0 after;") {
		t.Errorf("another suite: %v:\n%s", err, &text)
	}
	after.SuiteVersion = before.SuiteVersion

	before.Implementations[4].Problem, after.Implementations[4].Problem = "", "it does not stop"
	if d := report.Compare(before, after); len(d.Complaints) != 1 || d.Complaints[0].Why != "it does not stop" {
		t.Errorf("complaints: %+v", d.Complaints)
	}
	before.Implementations[4].Problem, after.Implementations[4].Problem = "it does not stop", "it does not stop"
	if back := report.Compare(after, before); !back.Worse() || len(back.Failing) != 1 || len(back.Repaired) != 2 || back.Gone != 1 || len(back.Cases.Gone) != 1 {
		t.Errorf("in the other direction: %+v", back)
	}
}
