package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// family returns a command with subcommands.
func family(command *cobra.Command, members ...*cobra.Command) *cobra.Command {
	command.AddCommand(members...)
	command.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		hint := cmd.CommandPath() + " --help lists its commands"
		if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
			hint = "did you mean " + cmd.CommandPath() + " " + strings.Join(near, " or ") + "?"
		}
		return withHint(fmt.Errorf("%s: unknown command %q", pathOf(cmd), args[0]), hint)
	}
	command.SuggestionsMinimumDistance = 2
	command.RunE = missingCommand
	return command
}

// missingCommand runs a command without one of its subcommands: it prints the help to
// standard error, and returns a usage error.
func missingCommand(cmd *cobra.Command, _ []string) error {
	cmd.SetOut(cmd.ErrOrStderr())
	if err := cmd.Help(); err != nil {
		return err
	}
	return &exitError{code: exitUsage}
}

// atLeastOne requires the name of a queue.
func atLeastOne(command *cobra.Command, args []string) error {
	if len(args) == 0 {
		return withHint(fmt.Errorf("%s: name a queue", pathOf(command)), command.UseLine())
	}
	return nil
}
