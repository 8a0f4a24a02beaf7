package report

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// badge is an endpoint badge for Shields.
type badge struct {
	SchemaVersion int    `json:"schemaVersion"`
	Label         string `json:"label"`
	Message       string `json:"message"`
	Color         string `json:"color"`
}

// WriteBadge writes an endpoint badge for Shields. name is the ID or the name of the
// implementation. If it is empty, the badge is for the only implementation with a flag that
// is not an original, or otherwise for the first implementation that is not an original. The
// badge shows the verdict on class. If class is empty, the badge counts the results that
// Counts assigns to the implementation.
func (r *Report) WriteBadge(out io.Writer, name, class string) error {
	one, err := r.badgeOf(name)
	if err != nil {
		return err
	}
	if class == "" {
		return json.NewEncoder(out).Encode(r.resultsBadge(one))
	}
	b, err := r.classBadge(one, class)
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(b)
}

// classBadge returns the badge of a class.
func (r *Report) classBadge(one *Implementation, class string) (badge, error) {
	b := badge{SchemaVersion: 1, Label: "remote events " + class}
	var classes []string
	for _, c := range r.Conformances() {
		if c.Implementation != one.ID {
			continue
		}
		classes = append(classes, c.Class)
		if c.Class != class {
			continue
		}
		switch c.Verdict {
		case Conforms:
			b.Message, b.Color = "conforms "+claimed(c.Version, r.SuiteVersion), "brightgreen"
		case Violates:
			b.Message, b.Color = fmt.Sprintf("%s %s violated", count(len(c.Cases)), plural(len(c.Cases), "case")), "red"
		case Undecided:
			b.Message, b.Color = string(Undecided), "orange"
		case Incomplete, Untested:
			b.Message, b.Color = string(c.Verdict), "lightgrey"
		}
		return b, nil
	}
	if len(classes) == 0 {
		return b, fmt.Errorf("the report has no verdict on a class for %s", one.ID)
	}
	return b, fmt.Errorf("the report has no verdict on the class %q for %s: it has %s", class, one.ID, strings.Join(classes, ", "))
}

// resultsBadge returns the badge that counts results.
func (r *Report) resultsBadge(one *Implementation) badge {
	b := badge{1, "compatibility", "", "brightgreen"}
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
	case t.unexpected() > 0 && t.unexpected() == t.Inconclusive:
		b.Message, b.Color = fmt.Sprintf("%s of %s inconclusive", count(t.Inconclusive), count(t.All())), "lightgrey"
	case t.unexpected() > 0:
		b.Message, b.Color = fmt.Sprintf("%s of %s unexpected", count(t.unexpected()), count(t.All())), "red"
	case one.Problem != "":
		b.Message, b.Color = "broken adapter", "red"
	case stale > 0:
		b.Message, b.Color = count(stale)+" stale", "orange"
	case t.Passed == 0:
		b.Message, b.Color = "nothing passed", "lightgrey"
	default:
		b.Message = count(t.Passed) + " passed"
	}
	return b
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
