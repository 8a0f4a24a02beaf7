package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/remote-events/remote-events/compat/internal/engine"
	"github.com/remote-events/remote-events/compat/internal/mutant"
	"github.com/remote-events/remote-events/compat/internal/suite"
)

func mutantsCommand() *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:   "mutants [NAME]…",
		Short: "Test the cases with adapters that have one mistake each",
		Long: `Test the cases with adapters that have one mistake each. A mutant violates one
requirement. It runs with the cases for that requirement, or with all, and one
of them must fail. The adapter without a mistake passes all cases. The exit code
is 5 if a mutant survives.`,
		Example: `  compat mutants
  compat mutants takes-bom pops-left
  compat run --no-originals --impl 'compat adapter --mutant pops-left'`,
	}
	formatFlag(c, &format)
	c.RunE = func(c *cobra.Command, args []string) (err error) {
		mutations, err := selectMutations(args)
		if err != nil {
			return err
		}
		cases, err := suite.Load()
		if err != nil {
			return err
		}
		self, err := os.Executable()
		if err != nil {
			return err
		}
		checker := mutant.Checker{
			Command: func(name string) []string { return []string{self, "adapter", "--mutant", name} },
			Cases:   cases,
		}
		for range runtime.NumCPU() {
			servers, stop, err := provide(c, []string{"local"})
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, stop()) }()
			checker.Servers = append(checker.Servers, servers...)
		}
		progress := newProgress(c.ErrOrStderr())
		defer progress.clear()
		checker.Progress = func(p engine.Progress) { progress.show(p) }
		results, err := checker.Check(c.Context(), mutations)
		progress.clear()
		if err != nil {
			return err
		}
		if format == "json" {
			encoder := json.NewEncoder(c.OutOrStdout())
			encoder.SetIndent("", "  ")
			err = encoder.Encode(results)
		} else {
			err = mutant.WriteTable(c.OutOrStdout(), results)
		}
		if err == nil && len(mutant.Survivors(results)) > 0 {
			err = errFindings
		}
		return err
	}
	return c
}

// selectMutations are the mutations with these names, or all.
func selectMutations(names []string) ([]mutant.Mutation, error) {
	if len(names) == 0 {
		return mutant.Mutations(), nil
	}
	var selected []mutant.Mutation
	for _, name := range names {
		m, ok := mutant.Find(name)
		if !ok || name == "" {
			return nil, noMutant(name)
		}
		selected = append(selected, m)
	}
	return selected, nil
}

func noMutant(name string) error {
	return &codedError{exitUsage, fmt.Errorf("no mutant is called %q; compat mutants lists them", name)}
}

func beMutant(c *cobra.Command, name, url string) error {
	m, ok := mutant.Find(name)
	if !ok {
		return noMutant(name)
	}
	return mutant.Run(c.Context(), m, url, c.InOrStdin(), c.OutOrStdout())
}
