package report

import (
	"fmt"
	"slices"
	"strings"
)

// finding is something unexpected, seen once or often: the results of a case
// that failed in the same words.
type finding struct {
	Case    *Case
	Result  *Result // the first
	Results []int   // their numbers in the report
	// Who are the first of those that it was seen with, and More the rest.
	Who  []sighting
	More int
}

// sighting is a result of a finding.
type sighting struct {
	Result int
	Who    string
}

// findings are the results that failed, those of the most results first.
func (r *Report) findings() []finding {
	cases := r.casesByID()
	at := map[string]int{}
	var found []finding
	for i := range r.Results {
		result := &r.Results[i]
		if result.Outcome != Failed {
			continue
		}
		key := strings.Join(append([]string{result.Case, result.Expected, result.Observed}, result.Problems...), "\x00")
		n, ok := at[key]
		if !ok {
			n = len(found)
			at[key] = n
			found = append(found, finding{Case: cases[result.Case], Result: result})
		}
		f := &found[n]
		f.Results = append(f.Results, i)
		if len(f.Who) < 8 {
			f.Who = append(f.Who, sighting{i, r.who(result)})
		} else {
			f.More++
		}
	}
	slices.SortStableFunc(found, func(a, b finding) int { return len(b.Results) - len(a.Results) })
	return found
}

// who names the two sides of a result, and the server where there are several.
func (r *Report) who(result *Result) string {
	on := ""
	if len(r.Servers) > 1 {
		on = " on " + result.Server
	}
	switch {
	case result.Sender == "":
		return result.Receiver + on
	case result.Receiver == "":
		return result.Sender + " sends" + on
	}
	return result.Sender + " → " + result.Receiver + on
}

func (r *Report) casesByID() map[string]*Case {
	cases := map[string]*Case{}
	for i := range r.Cases {
		cases[r.Cases[i].ID] = &r.Cases[i]
	}
	return cases
}

// family is the cases of a family with what became of them.
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

// knownDeviation is a known deviation, and how often it was seen with whom.
type knownDeviation struct {
	Deviation

	Seen int
	By   []string
	// Who is By in few words.
	Who string
}

// knownDeviations are those that occurred, the most frequent first.
func (r *Report) knownDeviations() []knownDeviation {
	counts := r.Counts()
	at := map[Deviation]int{}
	var known []knownDeviation
	for i := range r.Results {
		d := r.Results[i].Deviation
		if d == nil {
			continue
		}
		n, ok := at[*d]
		if !ok {
			n = len(known)
			at[*d] = n
			known = append(known, knownDeviation{Deviation: *d})
		}
		known[n].Seen++
		for _, id := range counts(&r.Results[i]) {
			if !slices.Contains(known[n].By, id) {
				known[n].By = append(known[n].By, id)
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

// inFewWords names implementations, or says that they are all of a kind.
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
