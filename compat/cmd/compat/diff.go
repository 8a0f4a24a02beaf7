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
		Short: "Say what changed from one run to a later one",
		Long: `Say what changed from one run to a later one, from their reports: what newly
fails, what is repaired, what was observed in other words, and what only one of
them played. An implementation, or a server, that each run has in another version
is taken for the same. The exit code is 5 where something newly fails.`,
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
