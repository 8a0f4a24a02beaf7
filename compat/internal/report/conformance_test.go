package report_test

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/remote-events/remote-events/compat/internal/report"
	"github.com/remote-events/remote-events/spec"
)

// A verdict follows from the cases that bind the class, and says what was not tested.
func TestConformances(t *testing.T) {
	t.Parallel()
	r := report.Report{
		Implementations: []report.Implementation{
			{ID: "mine", Name: "mine", Classes: []string{"sender", "legacy-safe sender", "receiver", "relay"}},
			{ID: "other", Name: "other", Classes: []string{"receiver"}},
		},
		Cases: []report.Case{
			{ID: "send/plain", Requirements: []string{"SEND-3"}},
			{ID: "send/kernel", Requirements: []string{"SEND-1", "SIG-4"}},
			{ID: "wire/plain", Requirements: []string{"RECV-2"}},
			{ID: "redis/slow", Requirements: []string{"RECV-6"}},
			{ID: "payload/plain", Requirements: []string{"WIRE-8"}},
		},
	}
	sends := func(id string, o report.Outcome) report.Result {
		return report.Result{Case: id, Sender: "mine", Outcome: o}
	}
	receives := func(id, receiver string, o report.Outcome) report.Result {
		return report.Result{Case: id, Receiver: receiver, Outcome: o}
	}
	var whole []report.Result // every family that the classes need
	for _, family := range []string{"send", "wire", "poison", "limits", "metadata", "evolution", "dispatch", "redis"} {
		id := family + "/other"
		r.Cases = append(r.Cases, report.Case{ID: id, Family: family, Requirements: []string{"RECV-2", "SEND-2"}})
		whole = append(whole, sends(id, report.Passed), receives(id, "mine", report.Passed))
	}
	with := func(more ...report.Result) []report.Result { return slices.Concat(whole, more) }
	for name, test := range map[string]struct {
		results []report.Result
		want    map[string]report.Verdict // by implementation and class, if the class is tested
	}{
		"nothing": {nil, map[string]report.Verdict{}},
		"all pass": {
			with(sends("send/plain", report.Passed), sends("send/kernel", report.Passed), receives("wire/plain", "mine", report.Passed)),
			map[string]report.Verdict{"mine sender": report.Conforms, "mine legacy-safe sender": report.Conforms, "mine receiver": report.Conforms},
		},
		"only originals are in danger": {
			with(sends("send/plain", report.Passed), sends("send/kernel", report.Failed)),
			map[string]report.Verdict{"mine sender": report.Conforms, "mine legacy-safe sender": report.Violates, "mine receiver": report.Conforms},
		},
		"a known deviation violates": {
			with(receives("wire/plain", "mine", report.Deviates)),
			map[string]report.Verdict{"mine sender": report.Conforms, "mine legacy-safe sender": report.Conforms, "mine receiver": report.Violates},
		},
		"unsupported is not tested": {
			[]report.Result{receives("wire/plain", "mine", report.Unsupported)},
			map[string]report.Verdict{},
		},
		"an error shows nothing": {
			[]report.Result{receives("wire/plain", "mine", report.Passed), receives("redis/slow", "mine", report.Errored)},
			map[string]report.Verdict{"mine receiver": report.Undecided},
		},
		"a part of a run shows a violation": {
			[]report.Result{receives("wire/plain", "mine", report.Failed)},
			map[string]report.Verdict{"mine receiver": report.Violates},
		},
		"a pair counts for the side that fails alone": {
			[]report.Result{
				sends("payload/plain", report.Passed), receives("payload/plain", "other", report.Failed),
				{Case: "payload/plain", Sender: "mine", Receiver: "other", Outcome: report.Failed},
			},
			map[string]report.Verdict{"other receiver": report.Violates},
		},
	} {
		r.Results = test.results
		if name == "all pass" {
			var text strings.Builder
			if err := r.WriteText(&text); err != nil || !strings.Contains(text.String(), "\nmine conforms: sender, legacy-safe sender, receiver (1.0); not tested: relay\n    not tested of sender: JSON-1 to JSON-6, ") || !strings.Contains(text.String(), "; with typed payloads; with catalogues\nother not tested: receiver\n") {
				t.Errorf("%v:\n%s", err, &text)
			}
		}
		got, untested := map[string]report.Verdict{}, 0
		for _, c := range r.Conformances() {
			if c.Verdict == report.Untested && len(c.NotTested) > 0 {
				untested++
				continue
			}
			got[c.Implementation+" "+c.Class] = c.Verdict
			if !slices.Contains(c.NotTested, "SEC-1") || slices.Contains(c.NotTested, "SEND-3") && name == "all pass" && c.Class != "receiver" || !strings.Contains(c.Version, "1.0") {
				t.Errorf("%s: %+v", name, c)
			}
		}
		if len(got) != len(test.want) || untested != 5-len(got) {
			t.Errorf("%s: got %v and %d classes that were not tested, want %v of 5", name, got, untested, test.want)
		}
		for key, want := range test.want {
			if got[key] != want {
				t.Errorf("%s: %s is %q, want %q", name, key, got[key], want)
			}
		}
	}
}

// The classes have the requirements of the specification, each only once.
func TestClasses(t *testing.T) {
	t.Parallel()
	classes, err := spec.ReadClasses()
	if err != nil {
		t.Fatal(err)
	}
	for _, class := range classes.Classes {
		seen := map[string]bool{}
		for _, id := range class.Requirements {
			if seen[id] {
				t.Errorf("%s has %s twice", class.Name, id)
			}
			seen[id] = true
		}
		for _, id := range class.Exempts {
			if seen[id] {
				t.Errorf("%s has and exempts %s", class.Name, id)
			}
		}
	}
}

// The badge of a class shows its verdict, and a class without one is an error that names
// the others.
func TestClassBadge(t *testing.T) {
	t.Parallel()
	r := report.Report{
		SuiteVersion: "1.2.0", Specification: "1.5",
		Implementations: []report.Implementation{{ID: "mine", Name: "mine", Classes: []string{"receiver"}, Flag: "--impl mine"}},
	}
	for _, family := range []string{"wire", "poison", "limits", "metadata", "evolution", "dispatch", "redis"} {
		r.Cases = append(r.Cases, report.Case{ID: family + "/plain", Family: family, Requirements: []string{"RECV-2"}})
		r.Results = append(r.Results, report.Result{Case: family + "/plain", Receiver: "mine", Outcome: report.Passed})
	}
	for outcome, want := range map[report.Outcome]string{
		report.Passed:      `{"schemaVersion":1,"label":"remote events receiver","message":"conforms 1.5, suite 1.2.0"`,
		report.Failed:      `"message":"1 case violated","color":"red"`,
		report.Errored:     `"message":"inconclusive","color":"orange"`,
		report.Deviates:    `"message":"1 case violated","color":"red"`,
		report.Unsupported: `"message":"incomplete","color":"lightgrey"`,
	} {
		r.Results[0].Outcome = outcome
		var b bytes.Buffer
		if err := r.WriteBadge(&b, "", "receiver"); err != nil || !strings.Contains(b.String(), want) {
			t.Errorf("%s: %s, %v; want %s", outcome, b.String(), err, want)
		}
	}
	if err := r.WriteBadge(new(bytes.Buffer), "", "sender"); err == nil || !strings.Contains(err.Error(), "it has receiver") {
		t.Errorf("a class without a verdict: %v", err)
	}
}

// TestConformancesOfEvaluations checks that evaluations count for the classes that evaluate the
// family, with the requirements that the results show, and that an optional feature is tested
// if one of its cases is.
func TestConformancesOfEvaluations(t *testing.T) {
	t.Parallel()
	r := report.Report{
		Implementations: []report.Implementation{{ID: "mine", Name: "mine", Classes: []string{"legacy-safe sender", "receiver", "validator"}}},
		Cases: []report.Case{
			{ID: "send/plain", Family: "send", Requirements: []string{"SEND-3"}}, {ID: "dispatch/plain", Family: "dispatch", Requirements: []string{"DISP-1"}},
			{ID: "typed/plain", Family: "typed", Requirements: []string{"TYPE-1", "SEND-8"}}, {ID: "schema/plain", Family: "schema", Requirements: []string{"SCHEMA-1"}},
		},
	}
	for _, family := range []string{"wire", "poison", "limits", "metadata", "evolution", "redis"} {
		r.Cases = append(r.Cases, report.Case{ID: family + "/plain", Family: family, Requirements: []string{"RECV-2", "SEND-3"}})
		r.Results = append(r.Results, report.Result{Case: family + "/plain", Receiver: "mine", Outcome: report.Passed}, report.Result{Case: family + "/plain", Sender: "mine", Outcome: report.Passed})
	}
	r.Results = append(r.Results, []report.Result{
		{Case: "send/plain", Sender: "mine", Outcome: report.Passed}, {Case: "dispatch/plain", Receiver: "mine", Outcome: report.Passed},
		{Case: "wire/plain", Receiver: "mine", Request: "evaluate", Outcome: report.Failed, Requirements: []string{"VERDICT-1", "VERDICT-2"}},
		{Case: "typed/plain", Receiver: "mine", Request: "evaluate", Outcome: report.Passed, Requirements: []string{"TYPE-1"}},
		{Case: "schema/plain", Receiver: "mine", Request: "evaluate", Outcome: report.Unsupported},
	}...)
	want := map[string]struct {
		verdict           report.Verdict
		tested, notTested string
		typed, catalogues bool
	}{
		"legacy-safe sender": {report.Conforms, "SEND-3", "SEND-1", false, false},
		"receiver":           {report.Conforms, "RECV-2", "DISP-2", true, false},
		"validator":          {report.Violates, "VERDICT-1", "VERDICT-3", false, false},
	}
	all := r.Conformances()
	if len(all) != len(want) {
		t.Errorf("got %+v", all)
	}
	for _, c := range all {
		w := want[c.Class]
		features := map[string]report.Feature{}
		for _, f := range c.Optional {
			features[f.When] = f
		}
		typed := features["with typed payloads"]
		if c.Verdict != w.verdict || slices.Contains(c.NotTested, w.tested) || !slices.Contains(c.NotTested, w.notTested) ||
			typed.Tested != w.typed || w.typed != slices.Contains(typed.NotTested, "TYPE-2") || features["with catalogues"].Tested {
			t.Errorf("%+v", c)
		}
	}
}

// A run without a family that a class needs does not show conformance to the class, however
// many other cases pass. Every format names the missing families.
func TestIncomplete(t *testing.T) {
	t.Parallel()
	vectors := []string{"dispatch", "evolution", "limits", "metadata", "poison", "wire"}
	for name, test := range map[string]struct {
		ran     []string // families that passed
		verdict report.Verdict
		missing []string
	}{
		"everything":          {append([]string{"companions", "redis", "reliability"}, vectors...), report.Conforms, nil},
		"without scenarios":   {append([]string{"companions"}, vectors...), report.Incomplete, []string{"redis", "reliability"}},
		"without reliability": {append([]string{"companions", "redis"}, vectors...), report.Incomplete, []string{"reliability"}},
		"without a vector":    {append([]string{"companions", "redis", "reliability"}, vectors[1:]...), report.Incomplete, vectors[:1]},
		"evaluated only":      {[]string{"companions"}, report.Incomplete, append(slices.Clone(vectors), "redis", "reliability")},
	} {
		r := report.Report{Implementations: []report.Implementation{{ID: "mine", Name: "mine", Classes: []string{"reliable receiver"}}}}
		for _, family := range test.ran {
			r.Cases = append(r.Cases, report.Case{ID: family + "/plain", Family: family, Requirements: []string{"RECV-2"}})
			result := report.Result{Case: family + "/plain", Receiver: "mine", Outcome: report.Passed, Reliable: family != "companions"}
			if family == "companions" {
				result.Request = "evaluate"
			}
			r.Results = append(r.Results, result)
		}
		all := r.Conformances()
		if len(all) != 1 || all[0].Verdict != test.verdict || !slices.Equal(all[0].MissingFamilies, test.missing) {
			t.Errorf("%s: got %+v, want %s without %q", name, all, test.verdict, test.missing)
		}
		for format, f := range map[string]struct {
			write                func(io.Writer) error
			conforms, incomplete string
			lists                bool // the missing families
		}{
			"text":     {r.WriteText, "mine conforms: reliable receiver", "mine incomplete: reliable receiver", true},
			"Markdown": {r.WriteMarkdown, "**mine** conforms: reliable receiver", "**mine** incomplete: reliable receiver", true},
			"HTML":     {r.WriteHTML, "</code> conforms: reliable receiver", "</code> incomplete: reliable receiver", true},
			"JSON":     {r.Write, `"verdict":"conforms"`, `"verdict":"incomplete"`, true},
			"badge":    {func(out io.Writer) error { return r.WriteBadge(out, "", "reliable receiver") }, `"message":"conforms`, `"message":"incomplete"`, false},
		} {
			var b strings.Builder
			if err := f.write(&b); err != nil {
				t.Fatal(err)
			}
			text := b.String()
			if incomplete := test.verdict == report.Incomplete; strings.Contains(text, f.incomplete) != incomplete || strings.Contains(text, f.conforms) == incomplete {
				t.Errorf("%s as %s, want %s: %s", name, format, test.verdict, text)
			}
			for _, family := range test.missing {
				if f.lists && !strings.Contains(text, family) {
					t.Errorf("%s as %s does not name the family %s: %s", name, format, family, text)
				}
			}
		}
	}
}
