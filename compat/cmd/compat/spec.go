package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/remote-events/remote-events/compat/internal/report"
	"github.com/remote-events/remote-events/compat/internal/specification"
	"github.com/remote-events/remote-events/compat/internal/suite"
)

func specCommand() *cobra.Command {
	var root, scan, class string
	var check bool
	c := &cobra.Command{
		Use:   "spec",
		Short: "Check the specification against its vectors, schemas and code",
		Long: `Check the specification in this tree:

- Every normative sentence is a requirement with one id and one keyword.
- Every requirement has a vector, a scenario or a test, or a reason for none.
- Cases, schemas and code refer to existing requirements only.
- Examples match their vectors and schemas.
- Links within the tree are valid.

The command writes the generated files spec/requirements.json, spec/coverage.md
and spec/manifest.json. It keeps suite_version in the latter, which is written
by hand. With --check it writes nothing, and stale files are findings. The exit
code is 5 if there are findings.

With --scan, look for the ids of requirements in the tests of another
implementation instead, and list the requirements that no test names. This needs
no tree.`,
		Example: `  compat spec --check
  compat spec --scan ../mine/tests --class receiver`,
		Args: cobra.NoArgs,
	}
	c.Flags().StringVar(&root, "root", "", "`DIR` of the tree (default the one around the working directory)")
	c.Flags().BoolVar(&check, "check", false, "write nothing, and report stale files as findings")
	c.Flags().StringVar(&scan, "scan", "", "scan the files in `DIR` for ids of requirements (default none)")
	c.Flags().StringVar(&class, "class", "", "with --scan, the requirements of this `CLASS` only (default all classes)")
	c.MarkFlagsMutuallyExclusive("scan", "root")
	c.MarkFlagsMutuallyExclusive("scan", "check")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if scan != "" {
			return scanTests(c.OutOrStdout(), scan, class)
		}
		if class != "" {
			return &codedError{exitUsage, errors.New("--class needs --scan")}
		}
		root, err := rootOf(root)
		if err != nil {
			return err
		}
		result, err := specification.Check(os.DirFS(root))
		if err != nil {
			return err
		}
		out := c.OutOrStdout()
		for _, problem := range result.Problems {
			fmt.Fprintln(out, problem)
		}
		findings := len(result.Problems)
		if check {
			for _, name := range result.Stale {
				fmt.Fprintf(out, "%s: it is stale: run go tool mage spec\n", name)
			}
			findings += len(result.Stale)
		} else {
			if err := result.Write(root); err != nil {
				return err
			}
			for _, name := range result.Stale {
				fmt.Fprintln(c.ErrOrStderr(), "wrote", name)
			}
		}
		fmt.Fprintf(out, "%d requirements, %d cases, %d findings\n", len(result.Requirements), result.Cases, findings)
		if findings > 0 {
			return errFindings
		}
		return nil
	}
	return c
}

// scanTests prints the requirements that no file in a directory names.
func scanTests(out io.Writer, dir, class string) error {
	if info, err := os.Stat(dir); err != nil {
		return err
	} else if !info.IsDir() {
		return &codedError{exitUsage, fmt.Errorf("--scan %s: it is not a directory", dir)}
	}
	scanned, err := specification.Scan(os.DirFS(dir), class)
	if err != nil {
		return &codedError{exitUsage, err}
	}
	for _, problem := range scanned.Unknown {
		fmt.Fprintln(out, problem)
	}
	for _, id := range scanned.Missing {
		text, _ := suite.Requirement(id)
		fmt.Fprintf(out, "%-11s %s\n", id, text)
	}
	fmt.Fprintf(out, "%d files: %d requirements named, %d not named, %d ids unknown\n", scanned.Files, scanned.Named, len(scanned.Missing), len(scanned.Unknown))
	if len(scanned.Missing)+len(scanned.Unknown) > 0 {
		return errFindings
	}
	return nil
}

func recordCommand() *cobra.Command {
	var root string
	c := &cobra.Command{
		Use:   "record REPORT.json",
		Short: "Record the requirements that the implementations of a run satisfy",
		Long: `Record the requirements that the implementations of a run satisfy, in
` + specification.ResultsFile + `, from which spec/coverage.md is generated. The record
contains nothing that differs between runs. Use the report of a full run: other
cases are recorded as not run.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return errors.New("record takes one report")
			}
			return nil
		},
	}
	c.Flags().StringVar(&root, "root", "", "`DIR` of the tree (default the one around the working directory)")
	c.RunE = func(c *cobra.Command, args []string) error {
		root, err := rootOf(root)
		if err != nil {
			return err
		}
		file, err := os.Open(args[0])
		if err != nil {
			return err
		}
		defer func() { _ = file.Close() }() // it was read only
		run, err := report.Read(file)
		if err != nil {
			return fmt.Errorf("%s: %w", args[0], err)
		}
		text, err := specification.Reduce(run).JSON()
		if err != nil {
			return err
		}
		name := filepath.Join(root, filepath.FromSlash(specification.ResultsFile))
		if err := os.WriteFile(name, text, 0o644); err != nil {
			return err
		}
		fmt.Fprintf(c.ErrOrStderr(), "wrote %s; now run go tool mage spec\n", specification.ResultsFile)
		return nil
	}
	return c
}

// rootOf returns the root of the tree: the given directory, or the nearest directory
// above the working directory that has a specification.
func rootOf(given string) (string, error) {
	if given != "" {
		return given, nil
	}
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for up := dir; ; up = filepath.Dir(up) {
		if _, err := os.Stat(filepath.Join(up, "spec", "wire.md")); err == nil {
			return up, nil
		}
		if filepath.Dir(up) == up {
			return "", &codedError{exitUsage, fmt.Errorf("there is no spec/wire.md in %s or above: name the tree with --root", dir)}
		}
	}
}
