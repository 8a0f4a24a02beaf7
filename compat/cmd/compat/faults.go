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
		Short: "See what becomes of events when Redis, its clients or the network fail",
		Long: `See what becomes of events when Redis, its clients or the network fail. While
events flow, each scenario does something to a Redis of its own, or to several.
Every event that Redis has acknowledged has to be handled at least once, or to be
a dead letter, and events have to flow again by themselves. A scenario in which
that is not so ends the command with code 5.

Scenarios:
` + scenarioList(),
		Example: `  compat faults
  compat faults --long -o markdown > FAULTS.md
  compat faults restart "slot migration"`,
	}
	c.Flags().StringVarP(&format, "output", "o", "text", "format of the output: text, json or markdown")
	c.Flags().BoolVar(&long, "long", false, "do each many times: it takes half an hour, not one or two minutes")
	c.Flags().Uint64Var(&seed, "seed", 0, "what goes by chance, such as which process is killed and when; 0 for one of its own")
	c.Flags().IntVar(&parallel, "parallel", 2, "how many scenarios run at a time")
	c.RunE = func(c *cobra.Command, args []string) error {
		if format != "text" && format != "json" && format != "markdown" {
			return &codedError{exitUsage, fmt.Errorf("-o %s: the formats are text, json and markdown", format)}
		}
		if parallel < 1 {
			return &codedError{exitUsage, fmt.Errorf("--parallel %d: at least one scenario runs at a time", parallel)}
		}
		scenarios, err := selectScenarios(args)
		if err != nil {
			return err
		}
		if seed == 0 {
			seed = rand.Uint64N(1_000_000) + 1
		}
		report, err := faults.Run(c.Context(), scenarios, long, seed, parallel, func(r faults.Result) {
			state := "as promised"
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

// selectScenarios are those with these names, or all.
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
			return nil, &codedError{exitUsage, fmt.Errorf("no scenario is called %q; compat faults --help lists them", name)}
		}
	}
	return selected, nil
}

func scenarioList() string {
	var b strings.Builder
	for _, s := range faults.Scenarios() {
		fmt.Fprintf(&b, "  %-16s %s\n", s.Name, s.What)
	}
	return strings.TrimSuffix(b.String(), "\n")
}
