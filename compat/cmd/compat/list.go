package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/remote-events/remote-events/compat/internal/engine"
	"github.com/remote-events/remote-events/compat/internal/report"
	"github.com/remote-events/remote-events/compat/internal/suite"
	"github.com/remote-events/remote-events/spec"
)

func listCommand() *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:     "list [GLOB...]",
		Short:   "List the cases",
		Example: "  compat list 'wire/*'\n  compat list -o json",
	}
	formatFlag(c, &format)
	c.RunE = func(c *cobra.Command, patterns []string) error {
		cases, err := suite.Load()
		if err != nil {
			return err
		}
		if cases, err = suite.Select(cases, suite.Selection{Patterns: patterns}); err != nil {
			return &codedError{exitUsage, err}
		}
		if format == "json" {
			encoder := json.NewEncoder(c.OutOrStdout())
			encoder.SetEscapeHTML(false)
			encoder.SetIndent("", "  ")
			return encoder.Encode(cases)
		}
		width := 0
		for _, one := range cases {
			width = max(width, len(one.ID))
		}
		for _, one := range cases {
			fmt.Fprintf(c.OutOrStdout(), "%-*s  %s\n", width, one.ID, one.About)
		}
		m, err := spec.ReadManifest()
		if err != nil {
			return err
		}
		fmt.Fprintf(c.ErrOrStderr(), "%d cases (%s)\n", len(cases), report.Versions(m.SuiteVersion, m.Specification))
		return nil
	}
	return c
}

func showCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "show CASE",
		Short:   "Show a case: its requirements, bytes and expectation",
		Example: "  compat show poison/byte-order-mark",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			cases, err := suite.Load()
			if err != nil {
				return err
			}
			for _, one := range cases {
				if one.ID == args[0] {
					_, err := fmt.Fprint(c.OutOrStdout(), describe(one))
					return err
				}
			}
			return &codedError{exitUsage, fmt.Errorf("no case %q; list them with compat list", args[0])}
		},
	}
}

// describe describes a case for people.
func describe(c suite.Case) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n\n", c.ID, c.About)
	for _, id := range c.Requirements {
		text, _ := suite.Requirement(id)
		fmt.Fprintf(&b, "  [%s] %s\n", id, text)
	}
	b.WriteByte('\n')
	for _, line := range engine.Describe(c) {
		fmt.Fprintf(&b, "%-12s%s\n", line[0], line[1])
	}
	fmt.Fprintf(&b, "\nRun it: compat run --case '%s'\n", c.ID)
	return b.String()
}
