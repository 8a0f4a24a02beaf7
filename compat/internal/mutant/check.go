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

	"github.com/remote-events/remote-events/compat/internal/calibration"
	"github.com/remote-events/remote-events/compat/internal/engine"
	"github.com/remote-events/remote-events/compat/internal/report"
	"github.com/remote-events/remote-events/compat/internal/suite"
)

// Checker plays mutants.
type Checker struct {
	// Command starts the adapter of a mutation; "" is none.
	Command func(name string) []string
	// Servers are what they are played on: one mutant on each at once.
	Servers []engine.Server
	// Cases are those of the suite.
	Cases []suite.Case
	// Progress, if set, is told how far it is.
	Progress func(engine.Progress)
}

// Result is what became of a mutant.
type Result struct {
	Name        string   `json:"name"` // "" is the adapter without a mutation
	About       string   `json:"about,omitempty"`
	Requirement string   `json:"requirement,omitempty"`
	Played      int      `json:"played"`
	CaughtBy    []string `json:"caught_by"`         // the cases that failed
	Problem     string   `json:"problem,omitempty"` // the first
	Seconds     float64  `json:"seconds"`
}

// As reports whether the mutant is as it should be: caught, or, where nothing
// is broken, not.
func (r Result) As() bool { return (r.Name == "") == (len(r.CaughtBy) == 0) }

// timeout is how long a mutant may take with one message on an idle machine: many
// never come back.
const timeout = 2 * time.Second

// Check plays the adapter without a mutation with every case, and each mutant
// with its own. The results are in the order of the mutations.
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
			if results[i], err = c.play(ctx, m, server); err != nil {
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

// play plays one mutant.
func (c *Checker) play(ctx context.Context, m Mutation, server engine.Server) (Result, error) {
	began := time.Now()
	result := Result{Name: m.Name, About: m.About, Requirement: m.Requirement}
	cases, err := suite.Select(c.Cases, suite.Selection{Patterns: m.Cases})
	if err != nil {
		return result, err
	}
	played, err := engine.Run(ctx, engine.Config{
		Cases: cases, Servers: []engine.Server{server}, Timeout: calibration.Scale(timeout), Parallel: 2, Once: true,
		Implementations: []engine.Implementation{engine.Command("", false, c.Command(m.Name)...)},
	})
	if err != nil {
		return result, err
	}
	result.Played = len(cases)
	result.CaughtBy = []string{}
	for _, r := range played.Results {
		if r.Outcome != report.Failed && r.Outcome != report.Errored {
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

// Survivors are the results that are not as they should be.
func Survivors(results []Result) []Result {
	return slices.DeleteFunc(slices.Clone(results), Result.As)
}

// WriteTable writes the results for people, those that are wrong first.
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

// by names the cases that caught a mutant, as many as fit.
func by(r Result) string {
	const most = 3
	switch {
	case len(r.CaughtBy) == 0:
		return fmt.Sprintf("none of %d cases", r.Played)
	case len(r.CaughtBy) <= most:
		return strings.Join(r.CaughtBy, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(r.CaughtBy[:most], ", "), len(r.CaughtBy)-most)
}
