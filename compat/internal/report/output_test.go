package report_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/remote-events/remote-events/compat/internal/report"
	"github.com/remote-events/remote-events/compat/internal/report/reporttest"
)

// update rewrites the golden files: go test ./internal/report -update.
var update = flag.Bool("update", false, "write the golden files")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s differs (%v); run with -update and review the difference", path, err)
	}
}

func TestGolden(t *testing.T) {
	t.Parallel()
	for name, write := range map[string]func(*report.Report, io.Writer) error{
		"small.json":      (*report.Report).Write,
		"small.junit.xml": (*report.Report).WriteJUnit,
		"small.md":        (*report.Report).WriteMarkdown,
		"small.txt":       (*report.Report).WriteText,
		"small.badge":     func(r *report.Report, out io.Writer) error { return r.WriteBadge(out, "remote-event", "") },
	} {
		var b bytes.Buffer
		if err := write(reporttest.Small(), &b); err != nil {
			t.Fatal(err)
		}
		golden(t, name, b.Bytes())
	}
}

// TestJUnitSchema checks the output against the rules of the common JUnit schema: the
// permitted elements and attributes, their order and number.
func TestJUnitSchema(t *testing.T) {
	t.Parallel()
	type element struct {
		required, optional string
		children           []string // in this order
		once               string
	}
	elements := map[string]element{
		"testsuites": {optional: "name time tests failures disabled errors", children: []string{"testsuite"}},
		"testsuite":  {required: "name tests", optional: "failures errors time disabled skipped timestamp hostname id package", children: []string{"properties", "testcase", "system-out", "system-err"}, once: "properties system-out system-err"},
		"properties": {children: []string{"property"}},
		"property":   {required: "name value"},
		"testcase":   {required: "name classname", optional: "assertions time status", children: []string{"skipped", "error", "failure", "system-out", "system-err"}, once: "skipped"},
		"skipped":    {optional: "message"},
		"failure":    {optional: "type message"},
		"error":      {optional: "type message"},
	}
	for name, r := range map[string]*report.Report{"small": reporttest.Small(), "large": reporttest.Large(1), "empty": {}} {
		var b bytes.Buffer
		if err := r.WriteJUnit(&b); err != nil {
			t.Fatal(err)
		}
		decoder := xml.NewDecoder(&b)
		type level struct {
			name string
			last int
			seen map[string]int
		}
		stack := []level{{seen: map[string]int{}}}
		cases, failures, errs := 0, 0, 0
		for {
			token, err := decoder.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s is not well-formed: %v", name, err)
			}
			switch token := token.(type) {
			case xml.StartElement:
				rule, ok := elements[token.Name.Local]
				if !ok {
					t.Fatalf("%s: an element %s", name, token.Name.Local)
				}
				parent := &stack[len(stack)-1]
				parent.seen[token.Name.Local]++
				if above, ok := elements[parent.name]; ok {
					at := -1
					for i, child := range above.children {
						if child == token.Name.Local {
							at = i
						}
					}
					if at < parent.last {
						t.Fatalf("%s: %s within %s, or out of order", name, token.Name.Local, parent.name)
					}
					parent.last = at
					if strings.Contains(above.once, token.Name.Local) && parent.seen[token.Name.Local] > 1 {
						t.Errorf("%s: %s twice", name, token.Name.Local)
					}
				}
				has := map[string]bool{}
				for _, a := range token.Attr {
					has[a.Name.Local] = true
					if !strings.Contains(" "+rule.required+" "+rule.optional+" ", " "+a.Name.Local+" ") {
						t.Errorf("%s: %s has an attribute %s", name, token.Name.Local, a.Name.Local)
					}
				}
				for a := range strings.FieldsSeq(rule.required) {
					if !has[a] {
						t.Errorf("%s: %s lacks %s", name, token.Name.Local, a)
					}
				}
				switch token.Name.Local {
				case "testcase":
					cases++
				case "failure":
					failures++
				case "error":
					errs++
				}
				stack = append(stack, level{name: token.Name.Local, seen: map[string]int{}})
			case xml.EndElement:
				if top := stack[len(stack)-1]; top.name == "properties" && top.seen["property"] == 0 {
					t.Errorf("%s: empty properties", name)
				}
				stack = stack[:len(stack)-1]
			}
		}
		tally, complaints := r.Tally(), len(r.Complaints())
		if cases != tally.All()+len(r.Stale)+complaints || failures != tally.Failed+len(r.Stale) || errs != tally.Errored+complaints {
			t.Errorf("%s: %d cases, %d failures, %d errors", name, cases, failures, errs)
		}
	}
}

// A badge counts the results of one implementation only.
func TestBadge(t *testing.T) {
	t.Parallel()
	implementations := []report.Implementation{{ID: "go", Name: "go"}, {ID: "old", Name: "old", Original: true, Flag: "--original old"}, {ID: "mine-1", Name: "mine", Flag: "--impl mine"}}
	result := func(receiver string, outcome report.Outcome) report.Result {
		return report.Result{Receiver: receiver, Outcome: outcome}
	}
	all := []report.Result{
		result("go", report.Passed), result("go", report.Passed), result("go", report.Deviates), result("old", report.Failed), result("mine-1", report.Unsupported),
	}
	for want, test := range map[string]struct {
		report report.Report
		name   string
	}{
		`"message":"nothing passed","color":"lightgrey"`: {report.Report{Implementations: implementations, Results: all}, ""},
		`"message":"2 passed","color":"brightgreen"`:     {report.Report{Implementations: implementations, Results: all}, "go"},
		`"message":"1 of 1 unexpected","color":"red"`:    {report.Report{Implementations: implementations, Results: all}, "old"},
		`"message":"1 passed","color":"brightgreen"`:     {report.Report{Implementations: implementations[:2], Results: all[1:2]}, ""},
		`"message":"1 of 4 unexpected","color":"red"`:    {report.Report{Implementations: implementations, Results: append(all, result("go", report.Errored))}, "go"},
		`"message":"1 stale","color":"orange"`: {report.Report{
			Implementations: implementations, Results: []report.Result{result("mine-1", report.Passed)},
			Stale: []report.StaleDeviation{{Implementation: "mine-1"}, {Implementation: "old"}},
		}, "mine"},
		`"message":"broken adapter","color":"red"`: {report.Report{Implementations: []report.Implementation{{ID: "mine-1", Problem: "it has ended"}}}, ""},
	} {
		var b bytes.Buffer
		if err := test.report.WriteBadge(&b, test.name, ""); err != nil || !strings.HasPrefix(b.String(), `{"schemaVersion":1,"label":"compatibility",`) || !strings.Contains(b.String(), want) {
			t.Errorf("got %s, %v, want %s", b.String(), err, want)
		}
	}
	two := report.Report{Implementations: append(implementations, report.Implementation{ID: "other", Flag: "--impl other"})}
	for _, name := range []string{"", "none"} {
		if err := two.WriteBadge(io.Discard, name, ""); err == nil || !strings.Contains(err.Error(), "go, old, mine-1, other") {
			t.Errorf("of %q: %v", name, err)
		}
	}
}

// A run in which an implementation passes nothing has complaints.
func TestComplaints(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		implementation report.Implementation
		outcomes       []report.Outcome
		says           string
	}{
		"passes":              {report.Implementation{ID: "one"}, []report.Outcome{report.Unsupported, report.Passed}, ""},
		"deviates":            {report.Implementation{ID: "one"}, []report.Outcome{report.Deviates}, ""},
		"unsupported":         {report.Implementation{ID: "one"}, []report.Outcome{report.Unsupported, report.Unsupported}, "all 2 results are unsupported"},
		"without a class":     {report.Implementation{ID: "one"}, nil, "no case tests its classes"},
		"broken":              {report.Implementation{ID: "one", Problem: "it has ended"}, []report.Outcome{report.Passed}, "it has ended"},
		"original":            {report.Implementation{ID: "one", Original: true}, []report.Outcome{report.Unsupported}, ""},
		"original, elsewhere": {report.Implementation{ID: "one", VariantOf: "two"}, nil, ""},
	} {
		r := report.Report{Implementations: []report.Implementation{test.implementation}}
		for _, outcome := range test.outcomes {
			r.Results = append(r.Results, report.Result{Receiver: "one", Outcome: outcome})
		}
		complaints := r.Complaints()
		if len(complaints) != min(1, len(test.says)) || r.Unexpected() != len(complaints) {
			t.Errorf("%s: %v", name, complaints)
		} else if len(complaints) > 0 && !strings.Contains(complaints[0].Why, test.says) {
			t.Errorf("%s: %q", name, complaints[0].Why)
		}
	}
}
