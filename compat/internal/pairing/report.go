package pairing

import "slices"

// Report is what one run saw.
type Report struct {
	// Redis is the server, such as "redis 7.0.15".
	Redis string `json:"redis"`
	// Participants are the implementations, in the order of the tables.
	Participants []Participant `json:"participants"`
	// Results has every case of every pairing.
	Results []Result `json:"results"`
}

// Participant is an implementation that took part, as its adapter calls it.
type Participant struct {
	Name    string            `json:"name"`
	Version string            `json:"version"`
	Details map[string]string `json:"details,omitempty"`
}

// String names the participant as tables do.
func (p Participant) String() string { return p.Name + " " + p.Version }

// Outcome is what became of one case of one pairing.
type Outcome string

const (
	// Passed means that the event arrived as it should.
	Passed Outcome = "passed"
	// Failed means that it did not.
	Failed Outcome = "failed"
	// Unsupported means that the sender's implementation has no way to send
	// the case, which is no fault.
	Unsupported Outcome = "unsupported"
)

// Result is one case of one pairing.
type Result struct {
	Case     string  `json:"case"`
	Sender   string  `json:"sender"`
	Receiver string  `json:"receiver"`
	Outcome  Outcome `json:"outcome"`
	// Problems says what went wrong, or why the case is unsupported.
	Problems []string `json:"problems,omitempty"`
	// Message is what the sender pushed, as it stood in Redis.
	Message string `json:"message,omitempty"`
	// Observed is what the receiver reported.
	Observed []string `json:"observed,omitempty"`
}

// Count returns how many results came to an outcome.
func (r *Report) Count(o Outcome) int {
	n := 0
	for _, result := range r.Results {
		if result.Outcome == o {
			n++
		}
	}
	return n
}

// Between returns the results of one pairing.
func (r *Report) Between(sender, receiver Participant) []Result {
	var found []Result
	for _, result := range r.Results {
		if result.Sender == sender.String() && result.Receiver == receiver.String() {
			found = append(found, result)
		}
	}
	return found
}

// Failures returns the results that failed, in the order of the tables.
func (r *Report) Failures() []Result {
	return slices.DeleteFunc(slices.Clone(r.Results), func(result Result) bool { return result.Outcome != Failed })
}
