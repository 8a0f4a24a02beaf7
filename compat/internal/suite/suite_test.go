package suite_test

import (
	"slices"
	"testing"

	"github.com/remote-events/remote-events/compat/internal/suite"
)

// Every case can be played, says what it is about, and names requirements that
// the specification has.
func TestLoad(t *testing.T) {
	t.Parallel()
	cases, err := suite.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range []string{"wire", "poison", "limits", "metadata", "evolution", "send", "dispatch", "payload", "redis", "fleet", "chain", "typed", "schema", "companions", "cloudevents", "configuration"} {
		if !slices.Contains(suite.Families(cases), family) {
			t.Errorf("no case of the family %s", family)
		}
	}
	if len(cases) < 300 {
		t.Errorf("%d cases", len(cases))
	}
	for _, c := range cases {
		parts := map[suite.Kind]bool{suite.Receive: c.Delivery != nil, suite.Send: c.Sending != nil, suite.Pair: c.Event != nil, suite.Scenario: c.Script != nil, suite.Evaluate: c.Questions != nil}
		if !parts[c.Kind] || c.About == "" || len(c.Requirements) == 0 {
			t.Errorf("%s is not whole", c.ID)
		}
		for _, id := range c.Requirements {
			if text, ok := suite.Requirement(id); !ok || text == "" {
				t.Errorf("%s: the specification has no text of %s", c.ID, id)
			}
		}
	}
}

func TestSelect(t *testing.T) {
	t.Parallel()
	cases := []suite.Case{
		{ID: "wire/a", Family: "wire"}, {ID: "wire/b", Family: "wire", Slow: true},
		{ID: "poison/a", Family: "poison"}, {ID: "files/b", Family: "configuration"},
	}
	for _, test := range []struct {
		selection suite.Selection
		want      []string
	}{
		{suite.Selection{}, []string{"wire/a", "wire/b", "poison/a", "files/b"}},
		{suite.Selection{Quick: true}, []string{"wire/a", "poison/a", "files/b"}},
		{suite.Selection{Quick: true, Patterns: []string{"wire/b"}}, []string{"wire/b"}},
		{suite.Selection{Patterns: []string{"*/a"}}, []string{"wire/a", "poison/a"}},
		{suite.Selection{Patterns: []string{"w*"}}, []string{"wire/a", "wire/b"}},
		{suite.Selection{Families: []string{"poison"}}, []string{"poison/a"}},
		{suite.Selection{Families: []string{"configuration"}}, []string{"files/b"}},
		{suite.Selection{Patterns: []string{"configuration"}}, []string{"files/b"}},
		{suite.Selection{Patterns: []string{"files"}}, []string{"files/b"}},
		{suite.Selection{Skip: []string{"poison", "wire/a"}}, []string{"wire/b", "files/b"}},
		{suite.Selection{Patterns: []string{"*/a"}, Skip: []string{"wire/*"}}, []string{"poison/a"}},
	} {
		selected, err := suite.Select(cases, test.selection)
		var ids []string
		for _, c := range selected {
			ids = append(ids, c.ID)
		}
		if err != nil || !slices.Equal(ids, test.want) {
			t.Errorf("%+v: %v, %v", test.selection, ids, err)
		}
	}
	for _, selection := range []suite.Selection{{Patterns: []string{"wire/c"}}, {Skip: []string{"wire/c"}}, {Patterns: []string{"["}}, {Families: []string{"wier"}}} {
		if _, err := suite.Select(cases, selection); err == nil {
			t.Errorf("%+v selects", selection)
		}
	}
}
