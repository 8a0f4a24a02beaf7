package specification

import (
	"cmp"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/remote-events/remote-events/compat/internal/report"
)

// Results summarise a run of the harness by requirement. They hold only data that is
// the same when the run is repeated.
type Results struct {
	Format int `json:"format"`
	// SuiteVersion is the version of the suite of the run.
	SuiteVersion    string     `json:"suite_version,omitempty"`
	Implementations []Standing `json:"implementations"` // by name, then version
}

// resultsFormat is the version of the format of Results.
const resultsFormat = 1

// Standing lists the requirements that one version of an implementation meets and the
// requirements that it does not, over all servers. A requirement without a case is in no
// list.
type Standing struct {
	Name     string `json:"name"`
	Version  string `json:"version"`
	Original bool   `json:"original,omitempty"`
	// Passed has the requirements whose cases all passed, except requirements that the
	// implementation does not support.
	Passed []string `json:"passed"`
	// Deviates are the requirements with a failed case, known or not. A requirement with
	// an inconclusive case and no failed one is in no list.
	Deviates []string `json:"deviates,omitempty"`
	// Unsupported are the requirements without a case that the implementation supports.
	Unsupported []string `json:"unsupported,omitempty"`
	// Classes has the verdicts on the classes, in their order.
	Classes []ClassVerdict `json:"classes,omitempty"`
}

// ClassVerdict is the verdict on a class.
type ClassVerdict struct {
	Class   string         `json:"class"`
	Version string         `json:"version"` // of the specification
	Verdict report.Verdict `json:"verdict"`
	// Cases is the number of cases that violate, or that are inconclusive.
	Cases int `json:"cases,omitempty"`
	// NotTested has the requirements of the class that the run did not test.
	NotTested []string `json:"not_tested,omitempty"`
}

// Reduce returns the Results of a report. If several implementations took part in a case,
// a pass counts for each of them. Any other outcome counts for none, because the report
// does not show which of them caused it.
func Reduce(r *report.Report) Results {
	cases := map[string]*report.Case{}
	for i := range r.Cases {
		cases[r.Cases[i].ID] = &r.Cases[i]
	}
	type who struct{ name, version string }
	standings := map[who]*Standing{}
	worst := map[who]map[string]report.Outcome{}
	of := map[string]who{}
	for _, i := range r.Implementations {
		w := who{i.Name, i.Version}
		of[i.ID] = w
		standings[w] = &Standing{Name: i.Name, Version: i.Version, Original: i.Original, Passed: []string{}}
		worst[w] = map[string]report.Outcome{}
	}
	for _, result := range r.Results {
		var part []string
		for _, ids := range []string{result.Sender, result.Receiver} {
			if ids != "" {
				part = append(part, strings.Split(ids, " + ")...)
			}
		}
		slices.Sort(part)
		part = slices.Compact(part)
		if len(part) > 1 && result.Outcome != report.Passed {
			continue
		}
		for _, id := range part {
			if cases[result.Case] == nil {
				continue
			}
			for _, requirement := range result.Tests(cases[result.Case]) {
				seen := worst[of[id]]
				if seen == nil { // the report does not list the implementation
					continue
				}
				if rank(result.Outcome) > rank(seen[requirement]) {
					seen[requirement] = result.Outcome
				}
			}
		}
	}
	for _, c := range r.Conformances() {
		s := standings[of[c.Implementation]]
		s.Classes = append(s.Classes, ClassVerdict{c.Class, c.Version, c.Verdict, len(c.Cases), c.NotTested})
	}
	reduced := Results{Format: resultsFormat, SuiteVersion: r.SuiteVersion, Implementations: []Standing{}}
	for w, s := range standings {
		for _, requirement := range slices.SortedFunc(maps.Keys(worst[w]), compareIDs) {
			switch worst[w][requirement] {
			case report.Passed:
				s.Passed = append(s.Passed, requirement)
			case report.Unsupported:
				s.Unsupported = append(s.Unsupported, requirement)
			case report.Errored, report.Inconclusive:
			default:
				s.Deviates = append(s.Deviates, requirement)
			}
		}
		reduced.Implementations = append(reduced.Implementations, *s)
	}
	slices.SortFunc(reduced.Implementations, func(a, b Standing) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Version, b.Version))
	})
	return reduced
}

// rank orders outcomes. The outcome with the highest rank counts.
func rank(o report.Outcome) int {
	switch o {
	case "":
		return 0
	case report.Unsupported:
		return 1
	case report.Passed:
		return 2
	case report.Errored, report.Inconclusive:
		return 3
	default:
		return 4
	}
}

// JSON returns the results in the format of the file in the tree.
func (r Results) JSON() ([]byte, error) { return indented(r) }

func indented(value any) ([]byte, error) {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(value)
	return []byte(b.String()), err
}

// readResults reads the recorded results, if the file exists.
func (c *checker) readResults(rules ruleset) (Results, error) {
	var r Results
	source, err := fs.ReadFile(c.root, ResultsFile)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(source, &r); err != nil || r.Format != resultsFormat {
		c.problemf(ResultsFile, 0, "cannot read the file (%v): write it again with compat record", err)
		return Results{}, nil
	}
	for _, s := range r.Implementations {
		for _, id := range slices.Concat(s.Passed, s.Deviates, s.Unsupported) {
			if rules.byID[id] == nil {
				c.problemf(ResultsFile, 0, "%s %s is recorded with %s, which is not in the specification: run the harness and compat record again", s.Name, s.Version, id)
			}
		}
	}
	return r, nil
}
