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

// Results are what a run of the harness has shown, requirement by requirement:
// what stays the same when the run is repeated.
type Results struct {
	Format          int        `json:"format"`
	Implementations []Standing `json:"implementations"` // by name, then version
}

// resultsFormat is the version of the form of Results.
const resultsFormat = 1

// Standing is how one version of an implementation stands to the requirements,
// on whatever it was run. Requirements that no case showed are in no list.
type Standing struct {
	Name     string `json:"name"`
	Version  string `json:"version"`
	Original bool   `json:"original,omitempty"`
	// Passed are those of which every case passed that the implementation has a
	// way to play.
	Passed []string `json:"passed"`
	// Deviates are those of which a case did not, known or not. A requirement of
	// which a case was not found out, and none deviates, is in no list.
	Deviates []string `json:"deviates,omitempty"`
	// Unsupported are those of which it could play no case.
	Unsupported []string `json:"unsupported,omitempty"`
}

// Reduce makes Results of a report. Where several implementations took part in a
// case, its passing speaks for each of them; what else came of it speaks against
// none, since nothing says which of them it was.
func Reduce(r *report.Report) Results {
	requirements := map[string][]string{}
	for _, c := range r.Cases {
		requirements[c.ID] = c.Requirements
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
			for _, requirement := range requirements[result.Case] {
				seen := worst[of[id]]
				if seen == nil { // a report that names whom it does not list
					continue
				}
				if rank(result.Outcome) > rank(seen[requirement]) {
					seen[requirement] = result.Outcome
				}
			}
		}
	}
	reduced := Results{Format: resultsFormat, Implementations: []Standing{}}
	for w, s := range standings {
		for _, requirement := range slices.SortedFunc(maps.Keys(worst[w]), compareIDs) {
			switch worst[w][requirement] {
			case report.Passed:
				s.Passed = append(s.Passed, requirement)
			case report.Unsupported:
				s.Unsupported = append(s.Unsupported, requirement)
			case report.Errored:
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

// rank orders outcomes: one that counts more replaces the others.
func rank(o report.Outcome) int {
	switch o {
	case "":
		return 0
	case report.Unsupported:
		return 1
	case report.Passed:
		return 2
	case report.Errored:
		return 3
	default:
		return 4
	}
}

// JSON is the form in which the results stand in the tree.
func (r Results) JSON() ([]byte, error) { return indented(r) }

func indented(value any) ([]byte, error) {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(value)
	return []byte(b.String()), err
}

// readResults reads the recorded results, if there are any.
func (c *checker) readResults(said statement) (Results, error) {
	var r Results
	source, err := fs.ReadFile(c.root, ResultsFile)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(source, &r); err != nil || r.Format != resultsFormat {
		c.sayf(ResultsFile, 0, "it cannot be read (%v): write it anew with compat record", err)
		return Results{}, nil
	}
	for _, s := range r.Implementations {
		for _, id := range slices.Concat(s.Passed, s.Deviates, s.Unsupported) {
			if said.byID[id] == nil {
				c.sayf(ResultsFile, 0, "%s %s is recorded with %s, which the text does not have: run the harness and compat record again", s.Name, s.Version, id)
			}
		}
	}
	return r, nil
}
