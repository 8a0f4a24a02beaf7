package report

// outcomes are in the order of display, the unexpected ones first.
var outcomes = []Outcome{Failed, Errored, Inconclusive, Deviates, Unsupported, Passed}

// Mark returns the sign of an outcome, which readers recognise without colour.
func (o Outcome) Mark() string {
	switch o {
	case Passed:
		return "✓"
	case Failed:
		return "✗"
	case Errored:
		return "!"
	case Inconclusive:
		return "?"
	case Deviates:
		return "~"
	default:
		return "–"
	}
}

// worst has the outcomes in the order of precedence in a cell of a matrix.
var worst = []Outcome{Failed, Errored, Inconclusive, Deviates, Passed, Unsupported}

// Tally counts outcomes.
type Tally struct {
	Failed, Errored, Inconclusive, Deviates, Unsupported, Passed int
}

// Tally counts the results of the report.
func (r *Report) Tally() Tally {
	var t Tally
	for i := range r.Results {
		t.Add(r.Results[i].Outcome)
	}
	return t
}

// Add counts one more result.
func (t *Tally) Add(o Outcome) {
	switch o {
	case Failed:
		t.Failed++
	case Errored:
		t.Errored++
	case Inconclusive:
		t.Inconclusive++
	case Deviates:
		t.Deviates++
	case Unsupported:
		t.Unsupported++
	case Passed:
		t.Passed++
	}
}

// Of returns the number of results with an outcome.
func (t Tally) Of(o Outcome) int {
	switch o {
	case Failed:
		return t.Failed
	case Errored:
		return t.Errored
	case Inconclusive:
		return t.Inconclusive
	case Deviates:
		return t.Deviates
	case Unsupported:
		return t.Unsupported
	default:
		return t.Passed
	}
}

// All returns the number of results.
func (t Tally) All() int { return t.unexpected() + t.Deviates + t.Unsupported + t.Passed }

// Worst returns the outcome that a cell of a matrix shows, and its number of results. A pass
// has precedence over unsupported.
func (t Tally) Worst() (Outcome, int) {
	for _, o := range worst {
		if n := t.Of(o); n > 0 {
			return o, n
		}
	}
	return "", 0
}

// Complaint is a problem of an implementation as a whole.
type Complaint struct {
	Implementation string `json:"implementation"`
	Why            string `json:"why"`
}

// Complaints returns the problems of adapters, and the implementations, except originals,
// that passed nothing although selected.
func (r *Report) Complaints() []Complaint {
	tallies := map[string]*Tally{}
	for i := range r.Results {
		for _, id := range r.Results[i].participants() {
			if tallies[id] == nil {
				tallies[id] = new(Tally)
			}
			tallies[id].Add(r.Results[i].Outcome)
		}
	}
	var complaints []Complaint
	for i := range r.Implementations {
		one := &r.Implementations[i]
		tally := tallies[one.ID]
		switch {
		case one.Problem != "":
			complaints = append(complaints, Complaint{one.ID, one.Problem})
		case one.Original || one.VariantOf != "":
		case tally == nil:
			complaints = append(complaints, Complaint{one.ID, "it passed nothing: no case tests its classes"})
		case tally.All() == tally.Unsupported:
			complaints = append(complaints, Complaint{one.ID, "it passed nothing: all " + count(tally.Unsupported) + " results are unsupported"})
		}
	}
	return complaints
}

// Unexpected reports whether the outcome fails a run.
func (o Outcome) Unexpected() bool { return o == Failed || o == Errored || o == Inconclusive }

// unexpected returns the number of results that fail a run.
func (t Tally) unexpected() int { return t.Failed + t.Errored + t.Inconclusive }

// Unexpected returns the number of unexpected results, stale deviations and complaints. It is
// 0 for a run that passes.
func (r *Report) Unexpected() int {
	return r.Tally().unexpected() + len(r.Stale) + len(r.Complaints())
}
