package report

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Diff lists the differences between a run and a later one.
type Diff struct {
	// Failing are results that failed only in the later run. The earlier run may lack them.
	Failing []Change `json:"failing"`
	// Repaired are results that failed only in the earlier run.
	Repaired []Change `json:"repaired"`
	// Changed are results with another outcome, or with another observation if they did
	// not pass: the observation of a pass has an id and a time.
	Changed []Change `json:"changed"`
	// Stale are the known deviations that are stale only in the later run.
	Stale []StaleDeviation `json:"stale"`
	// Complaints has the complaints of the later run about implementations without a
	// complaint in the earlier run.
	Complaints []Complaint `json:"complaints"`

	// Suites has the versions of the suite if they differ. A version is empty if the report
	// does not have it.
	Suites *Suites `json:"suites,omitempty"`

	Implementations Listed `json:"implementations"`
	Cases           Listed `json:"cases"`
	Servers         Listed `json:"servers"`
	// Renamed maps IDs of the earlier run to IDs of the later run, for implementations and
	// servers whose version has changed.
	Renamed map[string]string `json:"renamed"`
	// New and Gone are the numbers of results that only one run has.
	New  int `json:"new"`
	Gone int `json:"gone"`
}

// Suites are the versions of the suite in two runs.
type Suites struct {
	Before string `json:"before"`
	After  string `json:"after"`
}

// Listed holds IDs that only one of the runs lists.
type Listed struct {
	New  []string `json:"new"`
	Gone []string `json:"gone"`
}

// Change is a changed result. It has the names of the later run.
type Change struct {
	Case     string `json:"case"`
	Server   string `json:"server"`
	Sender   string `json:"sender,omitempty"`
	Receiver string `json:"receiver,omitempty"`
	Reliable bool   `json:"reliable,omitempty"`
	Request  string `json:"request,omitempty"`
	// Before is nil if the earlier run has no such result.
	Before *Seen `json:"before,omitempty"`
	After  Seen  `json:"after"`
}

// Seen holds the compared part of a result.
type Seen struct {
	Outcome  Outcome  `json:"outcome"`
	Observed string   `json:"observed"`
	Problems []string `json:"problems,omitempty"`
}

// Worse reports whether something has newly failed.
func (d *Diff) Worse() bool { return len(d.Failing) > 0 || len(d.Stale) > 0 || len(d.Complaints) > 0 }

// resultKey identifies a result of a report.
type resultKey struct {
	testCase, server, sender, receiver string
	reliable                           bool
	request                            string
}

// Compare returns the differences between a report and a later one. It compares
// implementations and servers with different versions if each report has exactly one of the
// same name.
func Compare(before, after *Report) *Diff {
	d := &Diff{Failing: []Change{}, Repaired: []Change{}, Changed: []Change{}, Stale: []StaleDeviation{}, Complaints: []Complaint{}, Renamed: map[string]string{}}
	if before.SuiteVersion != after.SuiteVersion {
		d.Suites = &Suites{before.SuiteVersion, after.SuiteVersion}
	}
	implementations, servers, cases := [2][]named{}, [2][]named{}, [2][]named{}
	for i, r := range []*Report{before, after} {
		for _, one := range r.Implementations {
			implementations[i] = append(implementations[i], named{one.ID, one.Name})
		}
		for _, one := range r.Servers {
			servers[i] = append(servers[i], named{one.ID, one.Name})
		}
		for _, one := range r.Cases {
			cases[i] = append(cases[i], named{one.ID, one.ID})
		}
	}
	d.Implementations = d.match(implementations)
	d.Servers = d.match(servers)
	d.Cases = d.match(cases)

	now := func(id string) string { return cmp.Or(d.Renamed[id], id) }
	earlier := map[resultKey]*Result{}
	for i := range before.Results {
		result := &before.Results[i]
		receivers := strings.Split(result.Receiver, fleet)
		for i := range receivers {
			receivers[i] = now(receivers[i])
		}
		earlier[resultKey{result.Case, now(result.Server), now(result.Sender), strings.Join(receivers, fleet), result.Reliable, result.Request}] = result
	}
	for i := range after.Results {
		result := &after.Results[i]
		key := resultKey{result.Case, result.Server, result.Sender, result.Receiver, result.Reliable, result.Request}
		was := earlier[key]
		delete(earlier, key)
		d.compare(was, result)
	}
	d.Gone = len(earlier)
	old := before.Complaints()
	for _, c := range after.Complaints() {
		if !slices.ContainsFunc(old, func(o Complaint) bool { return now(o.Implementation) == c.Implementation }) {
			d.Complaints = append(d.Complaints, c)
		}
	}
	for _, s := range after.Stale {
		same := func(old StaleDeviation) bool {
			return now(old.Implementation) == s.Implementation && old.Pattern == s.Pattern && old.Observed == s.Observed
		}
		if !slices.ContainsFunc(before.Stale, same) {
			d.Stale = append(d.Stale, s)
		}
	}
	return d
}

func (d *Diff) compare(was, result *Result) {
	change := Change{Case: result.Case, Server: result.Server, Sender: result.Sender, Receiver: result.Receiver, Reliable: result.Reliable, Request: result.Request, After: result.seen()}
	if was == nil {
		d.New++
		if result.Outcome.Unexpected() {
			d.Failing = append(d.Failing, change)
		}
		return
	}
	before := was.seen()
	change.Before = &before
	switch {
	case result.Outcome.Unexpected() && !was.Outcome.Unexpected():
		d.Failing = append(d.Failing, change)
	case was.Outcome.Unexpected() && !result.Outcome.Unexpected():
		d.Repaired = append(d.Repaired, change)
	case was.Outcome != result.Outcome || result.Outcome != Passed && was.Observed != result.Observed:
		d.Changed = append(d.Changed, change)
	}
}

func (r *Result) seen() Seen { return Seen{r.Outcome, r.Observed, r.Problems} }

type named struct{ id, name string }

// match returns the IDs that only one run has, and records changed IDs.
func (d *Diff) match(runs [2][]named) Listed {
	without := func(of, others []named) []named {
		return slices.DeleteFunc(slices.Clone(of), func(one named) bool {
			return slices.ContainsFunc(others, func(other named) bool { return other.id == one.id })
		})
	}
	gone, added := without(runs[0], runs[1]), without(runs[1], runs[0])
	listed := Listed{New: []string{}, Gone: []string{}}
	same := map[string]bool{}
	only := func(all []named, name string) (id string, alone bool) {
		for _, one := range all {
			if one.name == name {
				if id != "" {
					return "", false
				}
				id = one.id
			}
		}
		return id, id != ""
	}
	for _, one := range gone {
		_, alone := only(gone, one.name)
		if id, there := only(added, one.name); alone && there {
			d.Renamed[one.id] = id
			same[id] = true
		} else {
			listed.Gone = append(listed.Gone, one.id)
		}
	}
	for _, one := range added {
		if !same[one.id] {
			listed.New = append(listed.New, one.id)
		}
	}
	return listed
}

// WriteText writes the differences as text, the worst first.
func (d *Diff) WriteText(out io.Writer) error {
	var b strings.Builder
	if d.Suites != nil {
		fmt.Fprintf(&b, "! the runs have different suites: %s before, %s after; a result may differ without a change of the implementation\n",
			Visible(cmp.Or(d.Suites.Before, "unknown")), Visible(cmp.Or(d.Suites.After, "unknown")))
	}
	for _, s := range d.Stale {
		fmt.Fprintf(&b, "✗ newly stale: %s of %s no longer occurs with %s\n", Visible(s.Observed), Visible(s.Pattern), Visible(s.Implementation))
	}
	for _, c := range d.Complaints {
		fmt.Fprintf(&b, "✗ new problem of %s: %s\n", Visible(c.Implementation), indented(c.Why, "    "))
	}
	writeChanges(&b, "✗ newly failing", d.Failing)
	writeChanges(&b, "✓ repaired", d.Repaired)
	writeChanges(&b, "~ changed", d.Changed)
	for _, listed := range []struct {
		what string
		Listed
	}{{"implementation", d.Implementations}, {"case", d.Cases}, {"server", d.Servers}} {
		for _, id := range listed.New {
			fmt.Fprintf(&b, "+ new %s: %s\n", listed.what, Visible(id))
		}
		for _, id := range listed.Gone {
			fmt.Fprintf(&b, "- %s is gone: %s\n", listed.what, Visible(id))
		}
	}
	for _, id := range slices.Sorted(maps.Keys(d.Renamed)) {
		fmt.Fprintf(&b, "= %s is now %s\n", Visible(id), Visible(d.Renamed[id]))
	}
	fmt.Fprintf(&b, "%s newly failing, %s repaired, %s changed; %s results are new, %s are gone\n",
		count(len(d.Failing)+len(d.Stale)+len(d.Complaints)), count(len(d.Repaired)), count(len(d.Changed)), count(d.New), count(d.Gone))
	_, err := io.WriteString(out, b.String())
	return err
}

// writeChanges writes equal changes of a case once.
func writeChanges(b *strings.Builder, heading string, changes []Change) {
	type alike struct{ testCase, before, after string }
	groups := map[alike][]Change{}
	var order []alike
	for _, c := range changes {
		before := "not run"
		if c.Before != nil {
			before = string(c.Before.Outcome) + ": " + c.Before.Observed
		}
		key := alike{c.Case, before, string(c.After.Outcome) + ": " + c.After.Observed}
		if groups[key] == nil {
			order = append(order, key)
		}
		groups[key] = append(groups[key], c)
	}
	for _, key := range order {
		group := groups[key]
		fmt.Fprintf(b, "%s: %s\n    before  %s\n    after   %s\n", heading, Visible(key.testCase), Visible(key.before), Visible(key.after))
		if group[0].After.Outcome.Unexpected() {
			for _, problem := range group[0].After.Problems {
				fmt.Fprintf(b, "            %s\n", indented(problem, "            "))
			}
		}
		const most = 8
		for _, c := range group[:min(len(group), most)] {
			r := Result{Sender: c.Sender, Receiver: c.Receiver, Reliable: c.Reliable, Request: c.Request}
			fmt.Fprintf(b, "    with    %s on %s\n", Visible(r.sides()), Visible(c.Server))
		}
		if n := len(group) - most; n > 0 {
			fmt.Fprintf(b, "            and %s more\n", count(n))
		}
		b.WriteByte('\n')
	}
}
