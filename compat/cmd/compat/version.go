package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/remote-events/remote-events/compat/internal/report"
	"github.com/remote-events/remote-events/spec"
)

func versionCommand() *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:   "version",
		Short: "Print the versions of the program, the suite and the specification",
		Long: `Print the versions of the program, the suite and the specification. A suite of the
same version has the same cases, regardless of the program that runs it.`,
		Args: cobra.NoArgs,
	}
	formatFlag(c, &format)
	c.RunE = func(c *cobra.Command, _ []string) error {
		suite, err := spec.ReadManifest()
		if err != nil {
			return err
		}
		if format == "json" {
			encoder := json.NewEncoder(c.OutOrStdout())
			encoder.SetIndent("", "  ")
			return encoder.Encode(struct {
				Compat        string `json:"compat"`
				SuiteVersion  string `json:"suite_version"`
				Specification string `json:"specification"`
			}{version(), suite.SuiteVersion, suite.Specification})
		}
		_, err = fmt.Fprintf(c.OutOrStdout(), "compat %s, %s\n", version(), report.Versions(suite.SuiteVersion, suite.Specification))
		return err
	}
	return c
}
