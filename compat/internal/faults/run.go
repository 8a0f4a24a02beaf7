package faults

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/remote-events/remote-events/compat/internal/redisserver"
)

// Result is the result of a scenario.
type Result struct {
	Name    string  `json:"name"`
	What    string  `json:"what"`
	Figures Figures `json:"figures"`
	Seconds float64 `json:"seconds"`
	// Problem describes the violated promise. It is empty if all promises were kept.
	Problem string `json:"problem,omitempty"`
}

// Report is the result of a run.
type Report struct {
	// Long reports whether it was a long run.
	Long bool `json:"long"`
	// Seed is the seed of the run.
	Seed uint64 `json:"seed"`
	// Server is the name and version of the Redis: "redis 7.0.15".
	Server string `json:"server"`
	// Original is the Python package, if one was used.
	Original string `json:"original,omitempty"`
	// Platform is the system, its architecture and CPUs. Go is the version of Go.
	Platform string `json:"platform"`
	Go       string `json:"go"`
	// Results has the results in the order of the scenarios.
	Results []Result `json:"results"`
}

// Problems returns the number of failed scenarios.
func (r *Report) Problems() int {
	n := 0
	for _, result := range r.Results {
		if result.Problem != "" {
			n++
		}
	}
	return n
}

// Options are the options of a run.
type Options struct {
	Long     bool
	Seed     uint64   // of random choices
	Parallel int      // the number of concurrent scenarios
	Adapter  []string // as in Size
}

// Run runs scenarios. If done is not nil, Run calls it with the result of each scenario. An
// error means that the run was not possible, and there is no report. A violated promise is a
// result and not an error.
func Run(ctx context.Context, scenarios []Scenario, o Options, done func(Result)) (*Report, error) {
	server, err := redisserver.StartInstance(ctx, redisserver.Options{})
	if err != nil {
		return nil, err
	}
	report := &Report{
		Long: o.Long, Seed: o.Seed, Server: server.String(), Go: strings.TrimPrefix(runtime.Version(), "go"),
		Platform: fmt.Sprintf("%s/%s, %d CPUs", runtime.GOOS, runtime.GOARCH, runtime.NumCPU()),
		Results:  make([]Result, len(scenarios)),
	}
	if err := server.Close(); err != nil {
		return nil, err
	}
	if slices.ContainsFunc(scenarios, func(s Scenario) bool { return s.Originals }) {
		report.Original = latest().String()
	}
	var group errgroup.Group
	group.SetLimit(o.Parallel)
	for i, s := range scenarios {
		group.Go(func() error {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			report.Results[i] = s.result(ctx, o)
			if ctx.Err() == nil && done != nil {
				done(report.Results[i])
			}
			return context.Cause(ctx)
		})
	}
	return report, group.Wait()
}

func (s Scenario) result(ctx context.Context, o Options) Result {
	size := s.Short
	if o.Long {
		size = s.Long
	}
	size.Seed, size.Adapter = o.Seed, o.Adapter
	begin := time.Now()
	figures, err := s.Run(ctx, size)
	if figures.Faults == 0 {
		figures.Faults = size.Rounds
	}
	if err == nil && figures.Lost > 0 {
		err = errors.New("events were lost")
	}
	result := Result{Name: s.Name, What: s.What, Figures: figures, Seconds: time.Since(begin).Seconds()}
	if err != nil {
		result.Problem = err.Error()
	}
	return result
}

// columns returns the names of the figures in tables.
func columns() []string {
	return []string{"faults", "promised", "handled", "repeated", "dead", "unknown", "failed", "stale", "outages", "pause", "taken", "lost"}
}

func (f Figures) cells() []string {
	cells := []string{}
	for _, n := range []int{f.Faults, f.Promised, f.Handled, f.Repeated, f.Dead, f.Unknown, f.Failed, f.Stale, f.Outages} {
		cells = append(cells, strconv.Itoa(n))
	}
	return append(cells, fmt.Sprintf("%.1f s", f.Pause.Seconds()), strconv.Itoa(f.Taken), strconv.Itoa(f.Lost))
}

// WriteText writes a report for a terminal.
func (r *Report) WriteText(out io.Writer) error {
	var b strings.Builder
	name := len("scenario")
	for _, result := range r.Results {
		name = max(name, len(result.Name))
	}
	line := func(first string, cells []string, last string) {
		fmt.Fprintf(&b, "%-*s", name, first)
		for i, cell := range cells {
			fmt.Fprintf(&b, "  %*s", max(len(columns()[i]), 7), cell)
		}
		fmt.Fprintf(&b, "  %s\n", last)
	}
	line("scenario", columns(), "took")
	promised, lost := 0, 0
	for _, result := range r.Results {
		line(result.Name, result.Figures.cells(), fmt.Sprintf("%.0f s", result.Seconds))
		promised += result.Figures.Promised
		lost += result.Figures.Lost
	}
	for _, result := range r.Results {
		if result.Problem != "" {
			fmt.Fprintf(&b, "\n%s: %s\n", result.Name, result.Problem)
		}
	}
	fmt.Fprintf(&b, "\n%d scenarios on %s with seed %d: %d events promised, %d lost; %d scenarios failed\n",
		len(r.Results), r.Server, r.Seed, promised, lost, r.Problems())
	_, err := io.WriteString(out, b.String())
	return err
}

// WriteMarkdown writes a report as a document.
func (r *Report) WriteMarkdown(out io.Writer) error {
	var b strings.Builder
	command := fmt.Sprintf("compat faults -o markdown --seed %d", r.Seed)
	if r.Long {
		command += " --long"
	}
	with := r.Server
	if r.Original != "" {
		with += ", " + r.Original
	}
	fmt.Fprintf(&b, "# Faults\n\nWritten by `%s`, with %s, Go %s, on %s. Do not edit.\n\n", command, with, r.Go, r.Platform)
	b.WriteString("Each scenario injects faults while events flow from Go senders to Go receivers, and in\nsome scenarios to or from originals. It checks three promises:\n\n- Every event that Redis has acknowledged is handled at least once, or is a dead letter.\n- No message is left in an intermediate state.\n- Events flow again after each fault, without intervention.\n\n")
	fmt.Fprintf(&b, "| scenario | %s |\n|---|%s\n", strings.Join(columns(), " | "), strings.Repeat("--:|", len(columns())))
	for _, result := range r.Results {
		fmt.Fprintf(&b, "| %s | %s |\n", result.Name, strings.Join(result.Figures.cells(), " | "))
	}
	b.WriteString(`
*Faults* is the number of injected faults. *Promised* events were acknowledged by Redis.
*Handled* events may be more, because an event whose send had an *unknown* outcome may be
in Redis. *Repeated* are calls of listeners with an event that was already handled.
*Failed* sends stored no event. *Stale* acknowledgements came after the loss of the lease
and had no effect. *Outages* are interruptions from which a receiver recovered. *Pause* is
the longest time from the end of a fault until an event that was sent afterwards was
handled. *Taken* events were lost by originals that were killed: originals deliver at
most once.

`)
	for _, result := range r.Results {
		fmt.Fprintf(&b, "- **%s**: %s.\n", result.Name, result.What)
		if result.Problem != "" {
			fmt.Fprintf(&b, "\n  FAILED: %s\n\n", strings.ReplaceAll(result.Problem, "\n", "; "))
		}
	}
	_, err := io.WriteString(out, b.String())
	return err
}
