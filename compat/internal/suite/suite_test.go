package suite_test

import (
	"slices"
	"testing"

	"github.com/remote-events/remote-events/compat/internal/suite"
	"github.com/remote-events/remote-events/spec"
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

// The families that a class needs are those of its vectors that adapters are tested with, and
// those that the harness adds. Every class that a request tests needs one.
func TestFamiliesOf(t *testing.T) {
	t.Parallel()
	cases, err := suite.Load()
	if err != nil {
		t.Fatal(err)
	}
	classes, err := spec.ReadClasses()
	if err != nil {
		t.Fatal(err)
	}
	added := map[string][]string{
		"sender": {"redis"}, "legacy-safe sender": {"redis"}, "receiver": {"redis"}, "reliable receiver": {"redis", "reliability"},
	}
	for _, class := range classes.Classes {
		want := slices.DeleteFunc(slices.Concat(class.Families, added[class.Name]), func(family string) bool { return family == "reliable" }) // scripts
		got := suite.FamiliesOf(class, cases)
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(got, want) || class.Request != "" && len(got) == 0 {
			t.Errorf("%s needs %q, want %q", class.Name, got, want)
		}
	}
	for _, c := range cases {
		for _, name := range c.Classes {
			i := slices.IndexFunc(classes.Classes, func(class spec.Class) bool { return class.Name == name })
			if i < 0 || !slices.Contains(added[name], c.Family) {
				t.Errorf("%s: the class %q does not exist, or does not need the family", c.ID, name)
			}
		}
	}
}
