package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/remote-events/remote-events/compat/internal/faults"
)

func faultsCommand() *cobra.Command {
	var format, impl string
	var o faults.Options
	c := &cobra.Command{
		Use:   "faults [SCENARIO]…",
		Short: "Test reliable delivery under faults",
		Long: `Test reliable delivery under faults of Redis, its clients and the network. Each
scenario injects faults into its own Redis servers while events flow. Every
event that Redis has acknowledged must be handled at least once, or be a dead
letter, and events must flow again without intervention. The exit code is 5 if a
scenario fails.

With --impl, the reliable receiver of an adapter replaces the Go library in the
scenarios that are marked with a star. The others need a cluster, Sentinel,
options of the library, or a client in the process of the command.

Scenarios:
` + scenarioList(),
		Example: `  compat faults
  compat faults --long -o markdown > FAULTS.md
  compat faults restart "slot migration"
  compat faults --impl 'mine=python3 adapter.py'`,
	}
	c.Flags().StringVarP(&format, "output", "o", "text", "`FORMAT` of the output: text, json or markdown")
	c.Flags().StringVar(&impl, "impl", "", "the `COMMAND` of an adapter that claims the class reliable receiver, or NAME=COMMAND")
	c.Flags().BoolVar(&o.Long, "long", false, "repeat each scenario many times, in half an hour instead of two minutes")
	c.Flags().Uint64Var(&o.Seed, "seed", 0, "the seed `N` of random choices, such as the process to kill (default random)")
	c.Flags().IntVar(&o.Parallel, "parallel", 2, "run `N` scenarios concurrently")
	c.RunE = func(c *cobra.Command, args []string) error {
		if format != "text" && format != "json" && format != "markdown" {
			return &codedError{exitUsage, fmt.Errorf("-o %s: the formats are text, json and markdown", format)}
		}
		if o.Parallel < 1 {
			return &codedError{exitUsage, fmt.Errorf("--parallel %d: the minimum is 1", o.Parallel)}
		}
		if impl != "" {
			var err error
			if _, o.Adapter, err = commandLine(impl); err != nil {
				return &codedError{exitUsage, err}
			}
		}
		scenarios, err := selectScenarios(args, impl != "")
		if err != nil {
			return err
		}
		if o.Seed == 0 {
			o.Seed = rand.Uint64N(1_000_000) + 1
		}
		report, err := faults.Run(c.Context(), scenarios, o, func(r faults.Result) {
			state := "passed"
			if r.Problem != "" {
				state = "FAILED"
			}
			fmt.Fprintf(c.ErrOrStderr(), "%s: %s, after %.0f s\n", r.Name, state, r.Seconds)
		})
		if err != nil {
			return err
		}
		switch format {
		case "json":
			encoder := json.NewEncoder(c.OutOrStdout())
			encoder.SetIndent("", "  ")
			err = encoder.Encode(report)
		case "markdown":
			err = report.WriteMarkdown(c.OutOrStdout())
		default:
			err = report.WriteText(c.OutOrStdout())
		}
		if err == nil && report.Problems() > 0 {
			err = errFindings
		}
		return err
	}
	return c
}

// selectScenarios returns the scenarios with these names, or all. If an adapter receives, it
// returns only scenarios for adapters.
func selectScenarios(names []string, adapters bool) ([]faults.Scenario, error) {
	all := faults.Scenarios()
	if len(names) == 0 {
		return slices.DeleteFunc(all, func(s faults.Scenario) bool { return adapters && !s.Adapters }), nil
	}
	var selected []faults.Scenario
	for _, name := range names {
		before := len(selected)
		for _, s := range all {
			if s.Name != name {
				continue
			}
			if adapters && !s.Adapters {
				return nil, &codedError{exitUsage, fmt.Errorf("scenario %q is not for adapters; compat faults --help marks the scenarios for adapters with a star", name)}
			}
			selected = append(selected, s)
		}
		if len(selected) == before {
			return nil, &codedError{exitUsage, fmt.Errorf("no scenario %q; list them with compat faults --help", name)}
		}
	}
	return selected, nil
}

// scenarioList describes the scenarios in lines of at most 80 bytes.
func scenarioList() string {
	var b strings.Builder
	for _, s := range faults.Scenarios() {
		mark := " "
		if s.Adapters {
			mark = "*"
		}
		line := fmt.Sprintf("%s %-16s", mark, s.Name)
		for word := range strings.FieldsSeq(s.What) {
			if len(line)+1+len(word) > 80 {
				fmt.Fprintln(&b, line)
				line = fmt.Sprintf("  %-16s", "")
			}
			line += " " + word
		}
		fmt.Fprintln(&b, line)
	}
	return strings.TrimSuffix(b.String(), "\n")
}
