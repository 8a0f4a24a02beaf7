package report_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/remote-events/remote-events/compat/internal/report"
	"github.com/remote-events/remote-events/compat/internal/report/reporttest"
)

// TestCounts has pairs of three senders and three receivers: a sender with which no receiver
// passes, a receiver with which no sender passes, and a pair that fails only together.
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

// TestPairsHasEveryResult checks that the matrix has every result.
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
		t.Errorf("sum of the cells %v, report %v of %d", sum, r.Tally(), len(r.Results))
	}
}

// TestVariants has one implementation with two other sets of dependencies. They share a row
// and a column, and each result names its own.
func TestVariants(t *testing.T) {
	t.Parallel()
	r := &report.Report{
		Format: report.Format, Again: "go tool compat run --redis embedded",
		Servers: []report.Server{{ID: "redis"}},
		Cases:   []report.Case{{ID: "wire/c", Family: "wire", Requirements: []string{"WIRE-1"}}, {ID: "wire/d", Family: "wire"}},
		Implementations: []report.Implementation{
			{ID: "o-1", Name: "o", Version: "1", Original: true, Flag: "--original o-1", Details: map[string]string{"python": "3.11"}},
			{ID: "o-1-py3.8", Name: "o", Version: "1", VariantOf: "o-1", Original: true, Flag: "--original o-1-py3.8", Details: map[string]string{"python": "3.8"}},
			{ID: "o-1-py3.13", Name: "o", Version: "1", VariantOf: "o-1", Original: true, Details: map[string]string{"python": "3.13"}},
		},
		Results: []report.Result{
			{Case: "wire/c", Server: "redis", Receiver: "o-1", Outcome: report.Passed},
			{Case: "wire/c", Server: "redis", Receiver: "o-1-py3.8", Outcome: report.Failed, Observed: "dies"},
			{Case: "wire/c", Server: "redis", Receiver: "o-1-py3.13", Outcome: report.Passed},
		},
	}
	for name, m := range map[string]report.Matrix{"pairs": r.Pairs(), "requirements": r.ByRequirement()} {
		if len(m.Columns) != 2 || m.Columns[1].String() != "o 1 on 2 other bases" {
			t.Fatalf("%s: %v", name, m.Columns)
		}
		if got := m.Cells[0][1]; got.Failed != 1 || got.Passed != 1 || m.Cells[0][0].Passed != 1 {
			t.Errorf("%s: %v", name, m.Cells)
		}
	}
	var text, page bytes.Buffer
	if err := errors.Join(r.WriteText(&text), r.WriteHTML(&page)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"seen with  o-1-py3.8\n",
		"again      go tool compat run --redis embedded --case wire/c --original o-1-py3.8\n",
		"o 1 with python 3.11\no 1 on 2 other bases: python 3.8 and 3.13\n",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the text lacks %q:\n%s", want, text.String())
		}
	}
	if !strings.Contains(page.String(), "--case wire/c --original o-1-py3.8</code>") {
		t.Error("the page lacks the command to run it again")
	}
}
