package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// finding groups unexpected results with the same problem, of one case or of several.
type finding struct {
	Result  *Result // the first result
	Cases   []*Case
	Results []int // indexes of the results in the report
	// Who holds the first sightings, Rest the next ones, and More the number of further
	// ones.
	Who, Rest []sighting
	More      int
	// Varied reports whether the cases have different expectations of one kind.
	Varied bool
}

// sighting is one result of a finding.
type sighting struct {
	Result int
	Case   string
	Who    string
}

// Case returns the first case.
func (f finding) Case() *Case { return f.Cases[0] }

// About describes the case, with the number of further cases.
func (f finding) About() string {
	if n := len(f.Cases) - 1; n > 0 {
		return "and " + count(n) + " more " + plural(n, "case")
	}
	return f.Case().About
}

// Name returns the label of the sighting.
func (f finding) Name(s sighting) string {
	if len(f.Cases) > 1 {
		return s.Case + ": " + s.Who
	}
	return s.Who
}

// Expected returns the expected result of all cases.
func (f finding) Expected() string {
	if !f.Varied {
		return f.Result.Expected
	}
	switch kind := kindOf(f.Result.Expected); kind {
	case "delivers":
		return "delivers the payload of each case"
	case "sends", "rejects":
		return kind + " the event of each case"
	default:
		return kind
	}
}

// kindOf returns the first word of an expectation.
func kindOf(expected string) string {
	kind, _, _ := strings.Cut(expected, " ")
	return strings.TrimSuffix(kind, ":")
}

// first returns the first result, with the expectation of all cases.
func (f finding) first() *Result {
	result := *f.Result
	result.Expected = f.Expected()
	return &result
}

// Outcome returns the outcome of all results.
func (f finding) Outcome() Outcome { return f.Result.Outcome }

// Stderr returns the last lines on stderr of the first result.
func (f finding) Stderr() []string {
	const most = 12
	var lines []string
	for _, step := range f.Result.Trace {
		if step.What == Stderr {
			lines = append(lines, step.Data)
		}
	}
	return lines[max(0, len(lines)-most):]
}

// Requirements returns the requirements of all cases.
func (f finding) Requirements() []string {
	var all []string
	for _, c := range f.Cases {
		for _, id := range c.Requirements {
			if !slices.Contains(all, id) {
				all = append(all, id)
			}
		}
	}
	return all
}

func plural(n int, noun string) string {
	if n == 1 {
		return noun
	}
	return noun + "s"
}

// findings returns the unexpected results: failures before errors, then by the number of
// results.
func (r *Report) findings() []finding {
	const first, rest = 8, 400
	cases := r.casesByID()
	at := map[string]int{}
	var found []finding
	for i := range r.Results {
		result := &r.Results[i]
		if !result.Outcome.Unexpected() {
			continue
		}
		key := strings.Join(append([]string{string(result.Outcome), result.Observed}, result.Problems...), "\x00")
		if result.Outcome == Failed { // for a failure, the expectation is part of the problem
			key += "\x00" + kindOf(result.Expected)
		}
		n, ok := at[key]
		if !ok {
			n = len(found)
			at[key] = n
			found = append(found, finding{Result: result})
		}
		f := &found[n]
		f.Results = append(f.Results, i)
		f.Varied = f.Varied || result.Expected != f.Result.Expected
		if c := cases[result.Case]; !slices.Contains(f.Cases, c) {
			f.Cases = append(f.Cases, c)
		}
		seen := sighting{i, result.Case, r.who(result)}
		switch {
		case len(f.Who) < first:
			f.Who = append(f.Who, seen)
		case len(f.Rest) < rest:
			f.Rest = append(f.Rest, seen)
		default:
			f.More++
		}
	}
	slices.SortStableFunc(found, func(a, b finding) int {
		return cmp.Or(slices.Index(outcomes, a.Outcome())-slices.Index(outcomes, b.Outcome()), len(b.Results)-len(a.Results))
	})
	return found
}

// who names the two sides of a result, and the server if there are several.
func (r *Report) who(result *Result) string {
	on := ""
	if len(r.Servers) > 1 {
		on = " on " + result.Server
	}
	switch {
	case result.Request == evaluate:
		return result.Receiver + " evaluates" + on
	case result.Sender == "":
		return result.receivers() + on
	case result.Receiver == "":
		return result.Sender + " sends" + on
	}
	return result.Sender + " → " + result.receivers() + on
}

// again returns the command that runs the case of a result again with its whole trace, or ""
// if there is none.
func (r *Report) again(result *Result) string {
	if r.Again == "" {
		return ""
	}
	words := []string{r.Again, "--case", result.Case}
	left, originals := false, false
	participants := result.participants()
	for i := range r.Implementations {
		one := &r.Implementations[i]
		switch takesPart := slices.Contains(participants, one.ID); {
		case one.Flag == "":
		case takesPart:
			words = append(words, one.Flag)
			originals = originals || one.Original
		default:
			left = left || one.Original
		}
	}
	if left && !originals {
		words = append(words, "--no-originals")
	}
	return strings.Join(words, " ")
}

func (r *Report) casesByID() map[string]*Case {
	cases := map[string]*Case{}
	for i := range r.Cases {
		cases[r.Cases[i].ID] = &r.Cases[i]
	}
	return cases
}

// family has the cases of a family with their outcomes.
type family struct {
	Name  string
	Tally Tally
	Cases []playedCase
}

type playedCase struct {
	*Case

	Tally Tally
}

func (r *Report) families() []family {
	tallies := map[string]*Tally{}
	for i := range r.Cases {
		tallies[r.Cases[i].ID] = new(Tally)
	}
	for i := range r.Results {
		tallies[r.Results[i].Case].Add(r.Results[i].Outcome)
	}
	var families []family
	for i := range r.Cases {
		c := &r.Cases[i]
		at := slices.IndexFunc(families, func(f family) bool { return f.Name == c.Family })
		if at < 0 {
			at = len(families)
			families = append(families, family{Name: c.Family})
		}
		f, t := &families[at], *tallies[c.ID]
		f.Cases = append(f.Cases, playedCase{c, t})
		for _, o := range outcomes {
			for range t.Of(o) {
				f.Tally.Add(o)
			}
		}
	}
	return families
}

// knownDeviation groups known deviations with one reason: the cases, the number of results
// and the implementations.
type knownDeviation struct {
	Observed  string
	Kind      Kind
	Why, Link string
	Patterns  []string
	Seen      int
	By        []string
	// Who summarises By.
	Who string
}

// knownDeviations returns the deviations that occurred, the most frequent first.
func (r *Report) knownDeviations() []knownDeviation {
	counts := r.Counts()
	at := map[Deviation]int{}
	var known []knownDeviation
	for i := range r.Results {
		if r.Results[i].Deviation == nil {
			continue
		}
		d := *r.Results[i].Deviation
		pattern := d.Pattern
		d.Pattern = ""
		n, ok := at[d]
		if !ok {
			n = len(known)
			at[d] = n
			known = append(known, knownDeviation{Observed: d.Observed, Kind: d.Kind, Why: d.Why, Link: d.Link})
		}
		k := &known[n]
		k.Seen++
		if !slices.Contains(k.Patterns, pattern) {
			k.Patterns = append(k.Patterns, pattern)
		}
		for _, id := range counts(&r.Results[i]) {
			if !slices.Contains(k.By, id) {
				k.By = append(k.By, id)
			}
		}
	}
	slices.SortStableFunc(known, func(a, b knownDeviation) int { return b.Seen - a.Seen })
	for i := range known {
		slices.Sort(known[i].By)
		known[i].Who = r.inFewWords(known[i].By)
	}
	return known
}

// inFewWords lists implementations, or names their kind if all of it are included.
func (r *Report) inFewWords(ids []string) string {
	var originals []string
	for i := range r.Implementations {
		if r.Implementations[i].Original {
			originals = append(originals, r.Implementations[i].ID)
		}
	}
	slices.Sort(originals)
	const most = 6
	switch {
	case len(ids) > 1 && len(ids) == len(r.Implementations):
		return "everyone"
	case len(ids) > 1 && slices.Equal(ids, originals):
		return "every original"
	case len(ids) > most+1:
		return fmt.Sprintf("%s and %d more", strings.Join(ids[:most], ", "), len(ids)-most)
	}
	return strings.Join(ids, ", ")
}
