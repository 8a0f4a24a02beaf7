package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/remote-events/remote-events/compat/internal/evaluation"
	"github.com/remote-events/remote-events/compat/internal/protocol"
	"github.com/remote-events/remote-events/compat/internal/suite"
	"github.com/remote-events/remote-events/spec"
)

// Verdict is the answer to the question whether an implementation conforms to a class.
type Verdict string

// The verdicts.
const (
	Conforms   Verdict = "conforms"     // every case that binds the class passed or is unsupported
	Violates   Verdict = "violates"     // a case failed, or is a known deviation
	Undecided  Verdict = "inconclusive" // the outcome of a case is unknown, and no case violates
	Incomplete Verdict = "incomplete"   // no case violates, but a family of the class was not tested
	Untested   Verdict = "not tested"   // no case that binds the class passed or failed
)

// Conformance is the verdict of a run on one implementation and one class of the
// specification (wire.md, section 16).
type Conformance struct {
	Implementation string  `json:"implementation"`
	Class          string  `json:"class"`
	Version        string  `json:"version"` // of the specification
	Verdict        Verdict `json:"verdict"`
	// Cases has the cases that violate, or those that are inconclusive.
	Cases []string `json:"cases,omitempty"`
	// MissingFamilies has the families that the class needs and of which no case passed or
	// failed in this run.
	MissingFamilies []string `json:"missing_families,omitempty"`
	// NotTested has the requirements of the class for which no case passed or failed in
	// this run. A claim does not cover them.
	NotTested []string `json:"not_tested,omitempty"`
	// Optional has the optional features of the class.
	Optional []Feature `json:"optional,omitempty"`
}

// Feature is an optional feature of a class.
type Feature struct {
	When string `json:"when"` // "with typed payloads"
	// Tested is whether a case of its requirements passed or failed. If not, the
	// implementation may not have the feature.
	Tested bool `json:"tested"`
	// NotTested has its requirements without such a case, if others have one.
	NotTested []string `json:"not_tested,omitempty"`
}

// Conformances returns the verdicts for every implementation and each class that it claims,
// in the order of the implementations. Implementations with a problem and variants have no
// verdict.
func (r *Report) Conformances() []Conformance {
	classes, err := spec.ReadClasses()
	if err != nil {
		return nil // the tests of package spec read the file
	}
	counts, cases := r.Counts(), r.casesByID()
	var all []Conformance
	for i := range r.Implementations {
		one := &r.Implementations[i]
		if one.VariantOf != "" || one.Problem != "" {
			continue
		}
		for _, class := range classes.Classes {
			if !slices.Contains(one.Classes, class.Name) {
				continue
			}
			c := r.conformance(one.ID, class, counts, cases)
			c.Version = cmp.Or(r.Specification, classes.Version)
			all = append(all, c)
		}
	}
	return all
}

// suiteCases returns all cases of the suite. A report has only those that ran.
var suiteCases = sync.OnceValue(func() []suite.Case {
	cases, err := suite.Load()
	if err != nil {
		return nil // the tests of package suite load the cases
	}
	return cases
})

// conformance returns the verdict on one implementation and class.
func (r *Report) conformance(id string, class spec.Class, counts func(*Result) []string, cases map[string]*Case) Conformance {
	tested := map[string]bool{}
	within := map[string]map[string]bool{} // requirements by the family of the case
	failed, unclear := map[string]bool{}, map[string]bool{}
	for i := range r.Results {
		result := &r.Results[i]
		c := cases[result.Case]
		if c == nil || !result.tests(id, class, c.Family) || !class.Binds(result.Tests(c)) || !slices.Contains(counts(result), id) {
			continue
		}
		switch result.Outcome {
		case Unsupported:
			continue
		case Errored, Inconclusive:
			unclear[result.Case] = true
			continue
		case Failed, Deviates:
			failed[result.Case] = true
		case Passed:
		}
		for _, requirement := range result.Tests(c) {
			tested[requirement] = true
			if within[c.Family] == nil {
				within[c.Family] = map[string]bool{}
			}
			within[c.Family][requirement] = true
		}
	}
	c := Conformance{Implementation: id, Class: class.Name}
	for _, family := range suite.FamiliesOf(class, suiteCases()) {
		if within[family] == nil {
			c.MissingFamilies = append(c.MissingFamilies, family)
		}
	}
	switch {
	case len(failed) > 0:
		c.Verdict, c.Cases = Violates, r.inOrder(failed)
	case len(unclear) > 0:
		c.Verdict, c.Cases = Undecided, r.inOrder(unclear)
	case len(tested) == 0:
		c.Verdict = Untested
	case len(c.MissingFamilies) > 0:
		c.Verdict = Incomplete
	default:
		c.Verdict = Conforms
	}
	c.NotTested = without(class.Requirements, tested)
	for _, o := range class.Optional {
		shown := tested
		if len(o.Families) > 0 { // others do not show that the implementation has the feature
			shown = map[string]bool{}
			for _, family := range o.Families {
				maps.Copy(shown, within[family])
			}
		}
		f := Feature{When: o.When, NotTested: without(o.Requirements, shown)}
		if f.Tested = len(f.NotTested) < len(o.Requirements); !f.Tested {
			f.NotTested = nil
		}
		c.Optional = append(c.Optional, f)
	}
	return c
}

// without returns the ids that are not in a set.
func without(ids []string, set map[string]bool) []string {
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return set[id] })
}

// tests reports whether the result is a result of an implementation in a class.
func (r *Result) tests(id string, class spec.Class, family string) bool {
	if r.Request == evaluate {
		return r.Receiver == id && evaluation.Evaluates(class, family)
	}
	switch class.Request {
	case "send":
		return r.Sender == id
	case "receive":
		return !r.Reliable && slices.Contains(strings.Split(r.Receiver, fleet), id)
	case protocol.ReceiveReliably:
		return r.Reliable && slices.Contains(strings.Split(r.Receiver, fleet), id)
	}
	return false
}

// inOrder returns the ids of cases in the order of the report.
func (r *Report) inOrder(ids map[string]bool) []string {
	var ordered []string
	for i := range r.Cases {
		if ids[r.Cases[i].ID] {
			ordered = append(ordered, r.Cases[i].ID)
		}
	}
	return ordered
}

// claim is the line about an implementation: the classes to which it conforms, and those to
// which it does not.
type claim struct {
	Implementation string
	// Outcome is Failed or Inconclusive if the verdict on a class is, otherwise Passed if it
	// conforms to a class, and otherwise Unsupported.
	Outcome Outcome
	Text    string
	// NotTested has a line for each class of which the run did not test everything.
	NotTested []string
}

// claims returns a line for each implementation.
func (r *Report) claims() []claim {
	var lines []claim
	all := r.Conformances()
	for len(all) > 0 {
		id := all[0].Implementation
		end := slices.IndexFunc(all, func(c Conformance) bool { return c.Implementation != id })
		if end < 0 {
			end = len(all)
		}
		lines = append(lines, newClaim(id, all[:end], claimed(all[0].Version, r.SuiteVersion)))
		all = all[end:]
	}
	return lines
}

// claimed returns the version of the specification, and that of the suite if it is known.
func claimed(specification, suite string) string {
	if suite == "" {
		return specification
	}
	return specification + ", suite " + suite
}

func newClaim(id string, all []Conformance, versions string) claim {
	made := claim{Implementation: id, Outcome: Unsupported}
	classes := map[Verdict][]string{}
	for _, c := range all {
		text := c.Class
		if len(c.Cases) > 0 {
			text += fmt.Sprintf(" (%s %s)", count(len(c.Cases)), plural(len(c.Cases), "case"))
		}
		classes[c.Verdict] = append(classes[c.Verdict], text)
		if missing := c.missing(); missing != "" && c.Verdict != Untested {
			made.NotTested = append(made.NotTested, fmt.Sprintf("not tested of %s: %s", c.Class, missing))
		}
	}
	for _, by := range []struct {
		verdict Verdict
		outcome Outcome
	}{{Conforms, Passed}, {Undecided, Inconclusive}, {Violates, Failed}} {
		if len(classes[by.verdict]) > 0 {
			made.Outcome = by.outcome
		}
	}
	var parts []string
	for _, verdict := range []Verdict{Conforms, Violates, Undecided, Incomplete, Untested} {
		if len(classes[verdict]) == 0 {
			continue
		}
		part := fmt.Sprintf("%s: %s", verdict, strings.Join(classes[verdict], ", "))
		if verdict == Conforms {
			part += " (" + versions + ")"
		}
		parts = append(parts, part)
	}
	made.Text = strings.Join(parts, "; ")
	return made
}

// missing describes the parts of the class that the run did not test. It returns "" if it
// tested all of them. Of an incomplete class it lists the families only, because the verdict
// depends on them.
func (c Conformance) missing() string {
	var parts []string
	switch len(c.MissingFamilies) {
	case 0:
	case 1:
		parts = append(parts, "family "+c.MissingFamilies[0])
	default:
		parts = append(parts, "families "+strings.Join(c.MissingFamilies, ", "))
	}
	if c.Verdict == Incomplete {
		return parts[0]
	}
	if len(c.NotTested) > 0 {
		parts = append(parts, ranges(c.NotTested))
	}
	for _, f := range c.Optional {
		switch {
		case !f.Tested:
			parts = append(parts, f.When)
		case len(f.NotTested) > 0:
			parts = append(parts, f.When+": "+ranges(f.NotTested))
		}
	}
	return strings.Join(parts, "; ")
}

// ranges lists requirements, and three or more consecutive ones by the first and the last.
func ranges(ids []string) string {
	number := func(id string) (string, int) {
		group, digits, _ := strings.Cut(id, "-")
		n, err := strconv.Atoi(digits)
		if err != nil {
			return id, 0
		}
		return group, n
	}
	var parts []string
	for first := 0; first < len(ids); {
		last := first
		group, n := number(ids[first])
		for last+1 < len(ids) {
			next, m := number(ids[last+1])
			if next != group || m != n+last+1-first {
				break
			}
			last++
		}
		if last-first >= 2 {
			parts = append(parts, ids[first]+" to "+ids[last])
		} else {
			parts = append(parts, ids[first:last+1]...)
		}
		first = last + 1
	}
	return strings.Join(parts, ", ")
}
