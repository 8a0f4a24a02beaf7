package report

// outcomes are in the order in which they are shown: the unexpected first.
var outcomes = []Outcome{Failed, Errored, Deviates, Unsupported, Passed}

// Mark is the sign of an outcome, so that it is told by more than colour.
func (o Outcome) Mark() string {
	switch o {
	case Passed:
		return "✓"
	case Failed:
		return "✗"
	case Errored:
		return "!"
	case Deviates:
		return "~"
	default:
		return "–"
	}
}

// worst are the outcomes in the order in which a cell of a matrix shows one of
// several.
var worst = []Outcome{Failed, Errored, Deviates, Passed, Unsupported}

// Tally counts outcomes.
type Tally struct {
	Failed, Errored, Deviates, Unsupported, Passed int
}

// Tally counts the results of the report.
func (r *Report) Tally() Tally {
	var t Tally
	for i := range r.Results {
		t.Add(r.Results[i].Outcome)
	}
	return t
}

// Add counts one more.
func (t *Tally) Add(o Outcome) {
	switch o {
	case Failed:
		t.Failed++
	case Errored:
		t.Errored++
	case Deviates:
		t.Deviates++
	case Unsupported:
		t.Unsupported++
	case Passed:
		t.Passed++
	}
}

// Of returns how many came to an outcome.
func (t Tally) Of(o Outcome) int {
	switch o {
	case Failed:
		return t.Failed
	case Errored:
		return t.Errored
	case Deviates:
		return t.Deviates
	case Unsupported:
		return t.Unsupported
	default:
		return t.Passed
	}
}

// All is how many there are.
func (t Tally) All() int { return t.Failed + t.Errored + t.Deviates + t.Unsupported + t.Passed }

// Worst is the outcome that a cell of a matrix shows, and how many have it.
// That something is unsupported does not outweigh that the rest passed.
func (t Tally) Worst() (Outcome, int) {
	for _, o := range worst {
		if n := t.Of(o); n > 0 {
			return o, n
		}
	}
	return "", 0
}

// Complaint is what is wrong with an implementation as a whole.
type Complaint struct {
	Implementation string `json:"implementation"`
	Why            string `json:"why"`
}

// Complaints are the problems of the adapters, and the implementations that are
// no originals and did nothing that they were asked for.
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
			complaints = append(complaints, Complaint{one.ID, "it passed nothing: it takes part in no case"})
		case tally.All() == tally.Unsupported:
			complaints = append(complaints, Complaint{one.ID, "it passed nothing: it says of all " + count(tally.Unsupported) + " that they are unsupported"})
		}
	}
	return complaints
}

// unexpected reports whether an outcome fails a run.
func (o Outcome) unexpected() bool { return o == Failed || o == Errored }

// Unexpected is how much a run has that nobody knows of: nothing where it is as
// it should be.
func (r *Report) Unexpected() int {
	t := r.Tally()
	return t.Failed + t.Errored + len(r.Stale) + len(r.Complaints())
}
