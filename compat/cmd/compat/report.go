package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/remote-events/remote-events/compat/internal/report"
)

// reportOutputs has the formats into which a report is converted, with their flags.
var reportOutputs = []struct {
	flag, help string
	write      func(*report.Report, io.Writer) error
}{
	{"html", "write a self-contained HTML page to `FILE`", (*report.Report).WriteHTML},
	{"markdown", "write the matrices in Markdown to `FILE`", (*report.Report).WriteMarkdown},
	{"junit", "write JUnit XML, for CI systems, to `FILE`", (*report.Report).WriteJUnit},
	{"badge", "write the JSON of an endpoint badge of shields.io to `FILE`; see --implementation and --class", nil},
}

func reportCommand() *cobra.Command {
	files := make([]string, len(reportOutputs))
	var badgeOf, class string
	c := &cobra.Command{
		Use:   "report FILE",
		Short: "Convert a report to a page, a matrix, JUnit XML or a badge",
		Long: `Convert the report of a run to a page, a matrix, JUnit XML or a badge. Without a
flag, print the summary. FILE may be - for stdin, and the file of one flag - for
stdout.`,
		Example: `  compat report report.json
  compat report report.json --html report.html --junit junit.xml`,
		Args: cobra.ExactArgs(1),
	}
	for i, output := range reportOutputs {
		c.Flags().StringVar(&files[i], output.flag, "", output.help)
	}
	c.Flags().StringVar(&badgeOf, "implementation", "", "the `NAME` or id of the badge's implementation (default the only --impl of the run, or the Go library without one)")
	c.Flags().StringVar(&class, "class", "", "the badge shows the verdict on this `CLASS`, such as receiver (default the numbers of the results)")
	c.PreRunE = func(*cobra.Command, []string) error {
		toStdout := 0
		for _, file := range files {
			if file == "-" {
				toStdout++
			}
		}
		if toStdout > 1 {
			return &codedError{exitUsage, errors.New("only one output can go to stdout")}
		}
		return nil
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		r, err := readReport(c, args[0])
		if err != nil {
			return err
		}
		asked := false
		for i, output := range reportOutputs {
			if files[i] == "" {
				continue
			}
			asked = true
			if output.write == nil {
				output.write = func(r *report.Report, out io.Writer) error { return r.WriteBadge(out, badgeOf, class) }
			}
			if err := writeOutput(c.OutOrStdout(), files[i], func(out io.Writer) error { return output.write(r, out) }); err != nil {
				return fmt.Errorf("--%s: %w", output.flag, err)
			}
		}
		if asked {
			return nil
		}
		return r.WriteText(c.OutOrStdout())
	}
	return c
}

// readReport reads the report in a file.
func readReport(c *cobra.Command, name string) (*report.Report, error) {
	if name == "-" {
		r, err := report.Read(bufio.NewReader(c.InOrStdin()))
		if err != nil {
			return nil, fmt.Errorf("stdin: %w", err)
		}
		return r, nil
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // it was only read
	r, err := report.Read(bufio.NewReader(file))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return r, nil
}

// writeOutput writes to a file, or to stdout if its name is -.
func writeOutput(stdout io.Writer, name string, write func(io.Writer) error) error {
	if name == "-" {
		return write(stdout)
	}
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	buffer := bufio.NewWriter(file)
	return errors.Join(write(buffer), buffer.Flush(), file.Close())
}
