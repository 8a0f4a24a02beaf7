package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Read reads a report and checks that it lists all names in its results.
func Read(in io.Reader) (*Report, error) {
	decoder := json.NewDecoder(in)
	var text json.RawMessage
	if err := decoder.Decode(&text); err != nil {
		return nil, fmt.Errorf("not a report of a run: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("not a report of a run: data after its end")
	}
	var head struct {
		Format  *int            `json:"format"`
		Results json.RawMessage `json:"results"`
	}
	if err := json.Unmarshal(text, &head); err != nil || head.Format == nil || head.Results == nil {
		return nil, errors.New("not a report of a run: want an object with the members format and results")
	}
	if *head.Format != Format {
		return nil, fmt.Errorf("unsupported format %d of the report: this version reads format %d", *head.Format, Format)
	}
	r := new(Report)
	if err := json.Unmarshal(text, r); err != nil {
		return nil, fmt.Errorf("not a report of a run: %w", err)
	}
	return r, r.check()
}

// check returns an error if a result has a name that the report does not list.
func (r *Report) check() error {
	known := map[string]bool{}
	for _, c := range r.Cases {
		known["case "+c.ID] = true
	}
	for _, s := range r.Servers {
		known["server "+s.ID] = true
	}
	for _, i := range r.Implementations {
		known["implementation "+i.ID] = true
	}
	for i, result := range r.Results {
		names := []string{"case " + result.Case, "server " + result.Server}
		for _, id := range result.participants() {
			names = append(names, "implementation "+id)
		}
		if len(names) == 2 {
			return fmt.Errorf("invalid report: result %d has neither sender nor receiver", i)
		}
		for _, name := range names {
			if !known[name] {
				return fmt.Errorf("invalid report: result %d names the %s, which is not listed", i, name)
			}
		}
		if !slices.Contains(outcomes, result.Outcome) {
			return fmt.Errorf("invalid report: result %d has the unknown outcome %q", i, result.Outcome)
		}
	}
	return nil
}

// fleet separates the IDs of receivers that consume together.
const fleet = " + "

// participants returns the sender and each receiver.
func (r *Result) participants() []string {
	var ids []string
	if r.Sender != "" {
		ids = append(ids, r.Sender)
	}
	if r.Receiver != "" {
		ids = append(ids, strings.Split(r.Receiver, fleet)...)
	}
	return ids
}

// Write writes the report as one line of JSON.
func (r *Report) Write(out io.Writer) error {
	whole := *r
	whole.Servers = list(r.Servers)
	whole.Implementations = list(r.Implementations)
	for i := range whole.Implementations {
		whole.Implementations[i].Classes = list(whole.Implementations[i].Classes)
	}
	whole.Cases = list(r.Cases)
	for i := range whole.Cases {
		whole.Cases[i].Requirements = list(whole.Cases[i].Requirements)
	}
	whole.Results = list(r.Results)
	whole.Conformance = r.Conformances()
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(&whole)
}

// list returns a copy that is not nil: JSON encodes nil as null.
func list[T any](s []T) []T { return append([]T{}, s...) }
