package main

import (
	"encoding/json"

	"github.com/spf13/cobra"

	"github.com/remote-events/remote-events/compat/internal/report"
)

func diffCommand() *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:   "diff BEFORE AFTER",
		Short: "Compare the reports of two runs",
		Long: `Compare the reports of two runs: new failures, repaired results, results with
another observation, and results of one run only. An implementation or a server
counts as the same if the runs have different versions of it. The exit code is 5
if there are new failures.`,
		Example: "  compat diff main.json report.json",
		Args:    cobra.ExactArgs(2),
	}
	formatFlag(c, &format)
	c.RunE = func(c *cobra.Command, args []string) error {
		before, err := readReport(c, args[0])
		if err != nil {
			return err
		}
		after, err := readReport(c, args[1])
		if err != nil {
			return err
		}
		d := report.Compare(before, after)
		if format == "json" {
			encoder := json.NewEncoder(c.OutOrStdout())
			encoder.SetIndent("", "  ")
			encoder.SetEscapeHTML(false)
			err = encoder.Encode(d)
		} else {
			err = d.WriteText(c.OutOrStdout())
		}
		if err == nil && d.Worse() {
			err = errFindings
		}
		return err
	}
	return c
}
