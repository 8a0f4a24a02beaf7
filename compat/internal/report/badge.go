package report

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// WriteBadge writes an endpoint badge for Shields of one implementation, selected by its ID
// or name. Without a name, it is the only implementation with a flag that is not an
// original, or otherwise the first that is not an original. It counts the results that
// Counts assigns to the implementation.
func (r *Report) WriteBadge(out io.Writer, name string) error {
	one, err := r.badgeOf(name)
	if err != nil {
		return err
	}
	badge := struct {
		SchemaVersion int    `json:"schemaVersion"`
		Label         string `json:"label"`
		Message       string `json:"message"`
		Color         string `json:"color"`
	}{1, "compatibility", "", "brightgreen"}
	var t Tally
	counts := r.Counts()
	for i := range r.Results {
		if slices.Contains(counts(&r.Results[i]), one.ID) {
			t.Add(r.Results[i].Outcome)
		}
	}
	stale := 0
	for _, s := range r.Stale {
		if s.Implementation == one.ID {
			stale++
		}
	}
	switch {
	case t.Failed+t.Errored > 0:
		badge.Message, badge.Color = fmt.Sprintf("%s of %s unexpected", count(t.Failed+t.Errored), count(t.All())), "red"
	case one.Problem != "":
		badge.Message, badge.Color = "broken adapter", "red"
	case stale > 0:
		badge.Message, badge.Color = count(stale)+" stale", "orange"
	case t.Passed == 0:
		badge.Message, badge.Color = "nothing passed", "lightgrey"
	default:
		badge.Message = count(t.Passed) + " passed"
	}
	return json.NewEncoder(out).Encode(badge)
}

// badgeOf returns the implementation of the badge.
func (r *Report) badgeOf(name string) (*Implementation, error) {
	var own, flagged, named []*Implementation
	var ids []string
	for i := range r.Implementations {
		one := &r.Implementations[i]
		ids = append(ids, one.ID)
		if one.ID == name || one.Name == name {
			named = append(named, one)
		}
		if !one.Original {
			own = append(own, one)
			if one.Flag != "" {
				flagged = append(flagged, one)
			}
		}
	}
	all := strings.Join(ids, ", ")
	switch {
	case name != "" && len(named) == 1:
		return named[0], nil
	case name != "":
		return nil, fmt.Errorf("the report has %d implementations with the name %q; all: %s", len(named), name, all)
	case len(flagged) == 1:
		return flagged[0], nil
	case len(flagged) > 1:
		return nil, fmt.Errorf("the report has several implementations (%s): name one", all)
	case len(own) > 0:
		return own[0], nil
	}
	return nil, fmt.Errorf("the report has only originals: name one of %s", all)
}
