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

// update writes the golden files anew: go test ./internal/report -update.
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
		t.Errorf("%s differs (%v); see what changed after -update", path, err)
	}
}

func TestGolden(t *testing.T) {
	t.Parallel()
	for name, write := range map[string]func(*report.Report, io.Writer) error{
		"small.json":      (*report.Report).Write,
		"small.junit.xml": (*report.Report).WriteJUnit,
		"small.md":        (*report.Report).WriteMarkdown,
		"small.txt":       (*report.Report).WriteText,
		"small.badge":     (*report.Report).WriteBadge,
	} {
		var b bytes.Buffer
		if err := write(reporttest.Small(), &b); err != nil {
			t.Fatal(err)
		}
		golden(t, name, b.Bytes())
	}
}

// TestJUnitSchema restates the schema that JUnit reports are commonly checked
// with: which element may stand where, how often, in which order, with which attributes.
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
		cases, failures := 0, 0
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
				}
				stack = append(stack, level{name: token.Name.Local, seen: map[string]int{}})
			case xml.EndElement:
				if top := stack[len(stack)-1]; top.name == "properties" && top.seen["property"] == 0 {
					t.Errorf("%s: properties without any", name)
				}
				stack = stack[:len(stack)-1]
			}
		}
		if tally := r.Tally(); cases != tally.All()+len(r.Stale) || failures != tally.Failed+len(r.Stale) {
			t.Errorf("%s: %d cases, %d failures", name, cases, failures)
		}
	}
}

func TestBadge(t *testing.T) {
	t.Parallel()
	passed := report.Result{Outcome: report.Passed}
	for want, r := range map[string]*report.Report{
		`"message":"nothing passed","color":"lightgrey"`: {},
		`"message":"1 passed","color":"brightgreen"`:     {Results: []report.Result{passed, {Outcome: report.Deviates}}},
		`"message":"1 stale","color":"orange"`:           {Results: []report.Result{passed}, Stale: make([]report.StaleDeviation, 1)},
		`"message":"1 of 2 unexpected","color":"red"`:    {Results: []report.Result{passed, {Outcome: report.Failed}}},
	} {
		var b bytes.Buffer
		if err := r.WriteBadge(&b); err != nil || !strings.HasPrefix(b.String(), `{"schemaVersion":1,"label":"compatibility",`) || !strings.Contains(b.String(), want) {
			t.Errorf("%s, %v, and not %s", b.String(), err, want)
		}
	}
}
