package specification_test

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/remote-events/remote-events/compat/internal/report"
	"github.com/remote-events/remote-events/compat/internal/specification"
)

func run() *report.Report {
	one := func(c, sender, receiver string, o report.Outcome) report.Result {
		return report.Result{Case: c, Sender: sender, Receiver: receiver, Outcome: o}
	}
	return &report.Report{
		Implementations: []report.Implementation{
			{ID: "py-a", Name: "py", Version: "1.6", Original: true},
			{ID: "py-b", Name: "py", Version: "1.6", Original: true},
			{ID: "old", Name: "py", Version: "0.1", Original: true},
			{ID: "go", Name: "go", Version: "1"},
		},
		Cases: []report.Case{
			{ID: "a", Requirements: []string{"WIRE-2", "WIRE-1"}},
			{ID: "b", Requirements: []string{"WIRE-2"}},
			{ID: "c", Requirements: []string{"RECV-1"}},
		},
		Results: []report.Result{
			one("a", "", "py-a", report.Passed), one("b", "", "py-a", report.Passed), one("b", "", "py-b", report.Deviates),
			one("a", "", "go", report.Passed), one("b", "", "go", report.Unsupported),
			one("c", "go", "py-a + py-b", report.Passed), one("a", "go", "py-a", report.Failed),
			one("c", "old", "", report.Unsupported), one("b", "old", "", report.Failed),
		},
	}
}

func TestReduce(t *testing.T) {
	t.Parallel()
	var lines []string
	for _, s := range specification.Reduce(run()).Implementations {
		lines = append(lines, s.Name+" "+s.Version+" +"+strings.Join(s.Passed, ",")+" -"+strings.Join(s.Deviates, ",")+" ?"+strings.Join(s.Unsupported, ","))
	}
	want := []string{
		"go 1 +RECV-1,WIRE-1,WIRE-2 - ?",
		"py 0.1 + -WIRE-2 ?RECV-1",
		"py 1.6 +RECV-1,WIRE-1 -WIRE-2 ?",
	}
	if !slices.Equal(lines, want) {
		t.Errorf("%q", lines)
	}
}

func TestResultsInTheTable(t *testing.T) {
	t.Parallel()
	text, err := specification.Reduce(run()).JSON()
	if err != nil {
		t.Fatal(err)
	}
	result := check(t, func(files fstest.MapFS) { files[specification.ResultsFile] = &fstest.MapFile{Data: text} })
	if len(result.Problems) > 0 || !slices.Equal(result.Stale, []string{"spec/coverage.md"}) {
		t.Errorf("%v, %v", result.Problems, result.Stale)
	}
	for _, row := range []string{
		"[wire](vectors/wire.json): one | go | py |\n",
		"| `TestIt` in [go/wire](../go/wire) | go; py 1.6 |  |\n",
	} {
		if !strings.Contains(string(result.Generated["spec/coverage.md"]), row) {
			t.Errorf("row %s is missing in %s", row, result.Generated["spec/coverage.md"])
		}
	}
	unknown := strings.ReplaceAll(string(text), "WIRE-2", "WIRE-9")
	result = check(t, func(files fstest.MapFS) { files[specification.ResultsFile] = &fstest.MapFile{Data: []byte(unknown)} })
	if len(result.Problems) == 0 || !strings.Contains(result.Problems[0].String(), "recorded with WIRE-9") {
		t.Errorf("%v", result.Problems)
	}
}

// The list of implementations has the verdicts of the recorded run.
func TestImplementations(t *testing.T) {
	t.Parallel()
	r := run()
	for i := range r.Implementations {
		r.Implementations[i].Classes = []string{"receiver"}
	}
	r.Implementations = append(r.Implementations, report.Implementation{ID: "part", Name: "part", Version: "2", Classes: []string{"receiver"}})
	for _, family := range []string{"wire", "poison", "limits", "metadata", "evolution", "dispatch", "redis"} {
		r.Cases = append(r.Cases, report.Case{ID: family + "/x", Family: family, Requirements: []string{"RECV-2"}})
		r.Results = append(r.Results, report.Result{Case: family + "/x", Receiver: "go", Outcome: report.Passed})
	}
	for receiver, outcome := range map[string]report.Outcome{"part": report.Passed, "py-a": report.Deviates, "old": report.Errored} {
		r.Results = append(r.Results, report.Result{Case: "wire/x", Receiver: receiver, Outcome: outcome})
	}
	text, err := specification.Reduce(r).JSON()
	if err != nil {
		t.Fatal(err)
	}
	result := check(t, func(files fstest.MapFS) { files[specification.ResultsFile] = &fstest.MapFile{Data: text} })
	list := string(result.Generated["spec/IMPLEMENTATIONS.md"])
	for _, want := range []string{
		"| implementation | version | receiver |\n", "| go | 1 | ✓ 1.0", "| part | 2 | … |\n", "| py (an original) | 1.6 | ✗ 1 |\n", "| py (an original) | 0.1 | ! 1 |\n",
		"- receiver (go 1): not tested: JSON-10, ",
	} {
		if !strings.Contains(list, want) {
			t.Errorf("%q is missing in\n%s", want, list)
		}
	}
}
