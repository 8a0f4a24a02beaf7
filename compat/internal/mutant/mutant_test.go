package mutant_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/remote-events/remote-events/compat/internal/engine"
	"github.com/remote-events/remote-events/compat/internal/mutant"
	"github.com/remote-events/remote-events/compat/internal/redisserver"
	"github.com/remote-events/remote-events/compat/internal/suite"
)

// TestMain lets the test binary be the adapter.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "mutant" {
		mutation, ok := mutant.Find(os.Args[2])
		if !ok || mutant.Run(context.Background(), mutation, os.Getenv("REDIS_URL"), os.Stdin, os.Stdout) != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// TestCheck plays the adapter that is not broken with all quick cases, and some
// mutants, one of which cannot be caught by its cases. `go tool mage mutants`
// plays all.
func TestCheck(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes many seconds")
	}
	server, err := redisserver.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cases, err := suite.Load()
	if err != nil {
		t.Fatal(err)
	}
	if cases, err = suite.Select(cases, suite.Selection{Quick: true}); err != nil {
		t.Fatal(err)
	}
	var mutations []mutant.Mutation
	for _, name := range []string{"takes-bom", "signals-a-string", "first-duplicate", "no-metadata", "signal-twice", "pops-left", "dies-of-poison", "key-lower-case", "sends-nan"} {
		mutation, ok := mutant.Find(name)
		if !ok {
			t.Fatalf("no mutant is called %s", name)
		}
		mutations = append(mutations, mutation)
	}
	survivor := mutations[0]
	survivor.Cases = []string{"send"}
	checker := mutant.Checker{
		Command: func(name string) []string { return []string{self, "mutant", name} },
		Servers: []engine.Server{{Server: server.Report(), URL: server.URL()}},
		Cases:   cases,
	}
	results, err := checker.Check(t.Context(), append(mutations, survivor))
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	if err := mutant.WriteTable(&table, results); err != nil {
		t.Fatal(err)
	}
	for _, says := range []string{"SURVIVED  takes-bom (JSON-1)", "poison/byte-order-mark", "10 mutants: 9 caught"} {
		if !strings.Contains(table.String(), says) {
			t.Errorf("the table does not say %q:\n%s", says, table.String())
		}
	}
	if wrong := mutant.Survivors(results); len(wrong) != 1 {
		t.Errorf("%d results are wrong:\n%s", len(wrong), table.String())
	}
}

// TestMutations holds that each has a name of its own, a requirement of the
// specification, and cases.
func TestMutations(t *testing.T) {
	t.Parallel()
	cases, err := suite.Load()
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{"": true}
	for _, m := range mutant.Mutations() {
		if names[m.Name] || m.About == "" {
			t.Errorf("%q: the name stands twice, or says nothing", m.Name)
		}
		names[m.Name] = true
		if _, ok := suite.Requirement(m.Requirement); !ok {
			t.Errorf("%s: the specification has no requirement %s", m.Name, m.Requirement)
		}
		selected, err := suite.Select(cases, suite.Selection{Patterns: m.Cases})
		if err != nil || len(selected) == 0 {
			t.Errorf("%s: no case: %v", m.Name, err)
		}
	}
}
