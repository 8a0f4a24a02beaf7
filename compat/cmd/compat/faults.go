package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/spf13/cobra"

	"github.com/remote-events/remote-events/compat/internal/faults"
)

func faultsCommand() *cobra.Command {
	var format string
	var long bool
	var parallel int
	var seed uint64
	c := &cobra.Command{
		Use:   "faults [SCENARIO]…",
		Short: "Test reliable delivery under faults",
		Long: `Test reliable delivery under faults of Redis, its clients and the network. Each
scenario injects faults into its own Redis servers while events flow. Every
event that Redis has acknowledged must be handled at least once, or be a dead
letter, and events must flow again without intervention. The exit code is 5 if a
scenario fails.

Scenarios:
` + scenarioList(),
		Example: `  compat faults
  compat faults --long -o markdown > FAULTS.md
  compat faults restart "slot migration"`,
	}
	c.Flags().StringVarP(&format, "output", "o", "text", "`FORMAT` of the output: text, json or markdown")
	c.Flags().BoolVar(&long, "long", false, "repeat each scenario many times, in half an hour instead of two minutes")
	c.Flags().Uint64Var(&seed, "seed", 0, "the seed `N` of random choices, such as the process to kill (default random)")
	c.Flags().IntVar(&parallel, "parallel", 2, "run `N` scenarios concurrently")
	c.RunE = func(c *cobra.Command, args []string) error {
		if format != "text" && format != "json" && format != "markdown" {
			return &codedError{exitUsage, fmt.Errorf("-o %s: the formats are text, json and markdown", format)}
		}
		if parallel < 1 {
			return &codedError{exitUsage, fmt.Errorf("--parallel %d: the minimum is 1", parallel)}
		}
		scenarios, err := selectScenarios(args)
		if err != nil {
			return err
		}
		if seed == 0 {
			seed = rand.Uint64N(1_000_000) + 1
		}
		report, err := faults.Run(c.Context(), scenarios, long, seed, parallel, func(r faults.Result) {
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

// selectScenarios returns the scenarios with these names, or all.
func selectScenarios(names []string) ([]faults.Scenario, error) {
	if len(names) == 0 {
		return faults.Scenarios(), nil
	}
	var selected []faults.Scenario
	for _, name := range names {
		before := len(selected)
		for _, s := range faults.Scenarios() {
			if s.Name == name {
				selected = append(selected, s)
			}
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
		line := fmt.Sprintf("  %-16s", s.Name)
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
