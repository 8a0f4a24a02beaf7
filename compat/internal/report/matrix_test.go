package report_test

import (
	"slices"
	"testing"

	"github.com/remote-events/remote-events/compat/internal/report"
	"github.com/remote-events/remote-events/compat/internal/report/reporttest"
)

// TestCounts has three to each other: a sender whom nobody understands, a
// receiver that takes it from nobody, and a pair that only fails together.
func TestCounts(t *testing.T) {
	t.Parallel()
	r := &report.Report{Format: report.Format, Cases: []report.Case{{ID: "c"}}}
	play := func(outcomes map[string]report.Outcome) {
		r.Results = nil
		for _, sender := range []string{"a", "b", "c"} {
			for _, receiver := range []string{"a", "b", "c"} {
				outcome := report.Passed
				if o, ok := outcomes[sender+receiver]; ok {
					outcome = o
				}
				r.Results = append(r.Results, report.Result{Case: "c", Sender: sender, Receiver: receiver, Outcome: outcome})
			}
		}
	}
	const x = report.Failed
	for _, c := range []struct {
		outcomes map[string]report.Outcome
		result   int
		counts   []string
	}{
		{nil, 1, []string{"a", "b"}},
		{map[string]report.Outcome{"aa": x, "ab": x, "ac": x}, 1, []string{"a"}},
		{map[string]report.Outcome{"ab": x, "bb": x, "cb": x}, 1, []string{"b"}},
		{map[string]report.Outcome{"ab": x}, 1, []string{"a", "b"}},
		{map[string]report.Outcome{"aa": x, "ab": x, "ac": x, "bb": x, "cb": x}, 1, []string{"a", "b"}},
		{map[string]report.Outcome{"aa": report.Unsupported, "ab": report.Unsupported, "ac": report.Unsupported}, 2, []string{"a"}},
	} {
		play(c.outcomes)
		if counts := r.Counts()(&r.Results[c.result]); !slices.Equal(counts, c.counts) {
			t.Errorf("%v: counts for %q", c.outcomes, counts)
		}
	}
}

// TestPairsHasEveryResult adds the matrix up.
func TestPairsHasEveryResult(t *testing.T) {
	t.Parallel()
	r := reporttest.Large(1)
	m := r.Pairs()
	var sum report.Tally
	for _, row := range m.Cells {
		for _, t := range row {
			sum.Passed += t.Passed
			sum.Failed += t.Failed
			sum.Deviates += t.Deviates
			sum.Unsupported += t.Unsupported
		}
	}
	if sum != r.Tally() || sum.All() != len(r.Results) {
		t.Errorf("the cells have %v, and the report %v of %d", sum, r.Tally(), len(r.Results))
	}
}
