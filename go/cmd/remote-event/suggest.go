package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/remote-events/remote-events/go/internal/similar"
)

// usageFault converts an error of cobra to a usage error with a hint.
func usageFault(command *cobra.Command, err error) error {
	if exitCode(err) != exitUsage {
		err = &exitError{code: exitUsage, err: err}
	}
	if _, hinted := errors.AsType[*hintError](err); hinted {
		return err
	}
	// cobra appends its suggestions to the text.
	text, suggestions, found := strings.Cut(err.Error(), "\n\nDid you mean this?\n")
	if near := strings.Fields(suggestions); found && len(near) > 0 {
		for i, name := range near {
			near[i] = command.CommandPath() + " " + name
		}
		return withHint(&exitError{exitUsage, errors.New(text)}, "did you mean "+strings.Join(near, " or ")+"?")
	}
	return withHint(err, "see "+command.CommandPath()+" --help")
}

// pathOf returns the path of a command without the program's name.
func pathOf(command *cobra.Command) string {
	_, path, _ := strings.Cut(command.CommandPath(), " ")
	return path
}

// flagError adds a hint to the error of an invalid flag: the most similar flag, if there
// is one.
func flagError(command *cobra.Command, err error) error {
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok {
		if near := nearestFlag(command, unknown.GetSpecifiedName()); near != "" {
			return withHint(err, "did you mean --"+near+"?")
		}
	}
	return withHint(err, command.CommandPath()+" --help lists the flags")
}

// nearestFlag returns the name of the most similar flag, or "" if none is similar.
func nearestFlag(command *cobra.Command, name string) string {
	var flags []string
	command.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			flags = append(flags, f.Name)
		}
	})
	return nearest(name, flags)
}

// unknownWord returns the error of a flag whose value is not one of its words.
func unknownWord(flag, value string, words []string) error {
	err := usageError(fmt.Sprintf("--%s: there is no %s %s", flag, flag, quoted(value)))
	if near := nearest(value, words); near != "" {
		return withHint(err, "did you mean "+near+"?")
	}
	return withHint(err, "the "+flag+"s are "+strings.Join(words, ", "))
}

// nearest returns the most similar word, or "" if none is similar.
func nearest(name string, words []string) string {
	return similar.Nearest(name, words, max(2, len(name)/3))
}

// noSuchArgument rejects arguments for a command that takes none.
func noSuchArgument(command *cobra.Command, args []string) error {
	if len(args) > 0 {
		return withHint(fmt.Errorf("%s takes no argument, but got %q", pathOf(command), args[0]),
			"see "+command.CommandPath()+" --help")
	}
	return nil
}
