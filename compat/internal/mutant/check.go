package mutant

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/remote-events/remote-events/compat/internal/engine"
	"github.com/remote-events/remote-events/compat/internal/suite"
)

// Checker runs cases with mutants.
type Checker struct {
	// Command returns the command line of the adapter with a mutation; "" is none.
	Command func(name string) []string
	// Servers are the servers; one mutant runs on each at a time.
	Servers []engine.Server
	// Cases are the cases of the suite.
	Cases []suite.Case
	// Progress, if set, is called with the state of the check.
	Progress func(engine.Progress)
}

// Result is the result of a mutant.
type Result struct {
	Name        string   `json:"name"` // "" is the adapter without a mutation
	About       string   `json:"about,omitempty"`
	Requirement string   `json:"requirement,omitempty"`
	Cases       int      `json:"cases"`
	CaughtBy    []string `json:"caught_by"`         // the cases that failed
	Problem     string   `json:"problem,omitempty"` // the first
	Seconds     float64  `json:"seconds"`
}

// As reports whether the result is as expected: a mutant fails a case, and the adapter
// without a mutation does not.
func (r Result) As() bool { return (r.Name == "") == (len(r.CaughtBy) == 0) }

// timeout is the maximum time for one message on an idle machine. Many mutants miss it.
const timeout = 2 * time.Second

// Check runs every case with the adapter without a mutation, and the cases of each
// mutation with its mutant. The results are in the order of the mutations.
func (c *Checker) Check(ctx context.Context, mutations []Mutation) ([]Result, error) {
	all := append([]Mutation{{}}, mutations...)
	results := make([]Result, len(all))
	servers := make(chan engine.Server, len(c.Servers))
	for _, server := range c.Servers {
		servers <- server
	}
	var mu sync.Mutex
	done := 0
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(len(c.Servers))
	for i, m := range all {
		group.Go(func() error {
			server := <-servers
			defer func() { servers <- server }()
			var err error
			if results[i], err = c.run(ctx, m, server); err != nil {
				return fmt.Errorf("mutant %q: %w", m.Name, err)
			}
			mu.Lock()
			defer mu.Unlock()
			done++
			if c.Progress != nil {
				c.Progress(engine.Progress{Done: done, Total: len(all), Doing: m.Name})
			}
			return nil
		})
	}
	return results, group.Wait()
}

// run runs the cases of one mutant.
func (c *Checker) run(ctx context.Context, m Mutation, server engine.Server) (Result, error) {
	began := time.Now()
	result := Result{Name: m.Name, About: m.About, Requirement: m.Requirement}
	cases, err := suite.Select(c.Cases, suite.Selection{Patterns: m.Cases})
	if err != nil {
		return result, err
	}
	ran, err := engine.Run(ctx, engine.Config{
		Cases: cases, Servers: []engine.Server{server}, Timeout: timeout, Parallel: 2, Once: true,
		Implementations: []engine.Implementation{engine.Command("", false, c.Command(m.Name)...)},
	})
	if err != nil {
		return result, err
	}
	result.Cases = len(cases)
	result.CaughtBy = []string{}
	for _, r := range ran.Results {
		if !r.Outcome.Unexpected() {
			continue
		}
		if result.Problem == "" && len(r.Problems) > 0 {
			result.Problem = r.Problems[0]
		}
		if !slices.Contains(result.CaughtBy, r.Case) {
			result.CaughtBy = append(result.CaughtBy, r.Case)
		}
	}
	result.Seconds = time.Since(began).Seconds()
	return result, nil
}

// Survivors returns the results that are not as expected.
func Survivors(results []Result) []Result {
	return slices.DeleteFunc(slices.Clone(results), Result.As)
}

// WriteTable writes the results as text, with the unexpected ones first.
func WriteTable(out io.Writer, results []Result) error {
	var b strings.Builder
	for _, r := range Survivors(results) {
		if r.Name == "" {
			fmt.Fprintf(&b, "BROKEN    without a mutation: %s\n          %s\n", strings.Join(r.CaughtBy, ", "), r.Problem)
		} else {
			fmt.Fprintf(&b, "SURVIVED  %s (%s): %s\n", r.Name, r.Requirement, r.About)
		}
	}
	if b.Len() > 0 {
		b.WriteByte('\n')
	}
	name, about := len("mutant"), 0
	for _, r := range results {
		name, about = max(name, len(r.Name)), max(about, len([]rune(r.About)))
	}
	fmt.Fprintf(&b, "%-*s  %-11s  %-*s  caught by\n", name, "mutant", "violates", about, "what it does")
	for _, r := range results {
		if r.Name == "" {
			fmt.Fprintf(&b, "%-*s  %-11s  %-*s  %s\n", name, "(none)", "", about, "", by(r))
			continue
		}
		fmt.Fprintf(&b, "%-*s  %-11s  %-*s  %s\n", name, r.Name, r.Requirement, about, r.About, by(r))
	}
	caught := len(results) - 1 - len(slices.DeleteFunc(Survivors(results), func(r Result) bool { return r.Name == "" }))
	fmt.Fprintf(&b, "\n%d mutants: %d caught\n", len(results)-1, caught)
	_, err := io.WriteString(out, b.String())
	return err
}

// by names the first cases that caught a mutant.
func by(r Result) string {
	const limit = 3
	switch {
	case len(r.CaughtBy) == 0:
		return fmt.Sprintf("none of %d cases", r.Cases)
	case len(r.CaughtBy) <= limit:
		return strings.Join(r.CaughtBy, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(r.CaughtBy[:limit], ", "), len(r.CaughtBy)-limit)
}
