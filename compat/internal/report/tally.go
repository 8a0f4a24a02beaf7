package report

// outcomes are in the order in which they are shown: the unexpected first.
var outcomes = []Outcome{Failed, Deviates, Unsupported, Passed}

// Mark is the sign of an outcome, so that it is told by more than colour.
func (o Outcome) Mark() string {
	switch o {
	case Passed:
		return "✓"
	case Failed:
		return "✗"
	case Deviates:
		return "~"
	default:
		return "–"
	}
}

// Tally counts outcomes.
type Tally struct {
	Failed, Deviates, Unsupported, Passed int
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
	case Deviates:
		return t.Deviates
	case Unsupported:
		return t.Unsupported
	default:
		return t.Passed
	}
}

// All is how many there are.
func (t Tally) All() int { return t.Failed + t.Deviates + t.Unsupported + t.Passed }

// Worst is the outcome that a cell of a matrix shows, and how many have it.
// That something is unsupported does not outweigh that the rest passed.
func (t Tally) Worst() (Outcome, int) {
	for _, o := range []Outcome{Failed, Deviates, Passed, Unsupported} {
		if n := t.Of(o); n > 0 {
			return o, n
		}
	}
	return "", 0
}
