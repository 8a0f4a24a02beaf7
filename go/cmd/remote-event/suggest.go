package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// flagError explains a flag that could not be understood, with the nearest one
// that exists.
func flagError(command *cobra.Command, err error) error {
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok {
		if near := nearestFlag(command, unknown.GetSpecifiedName()); near != "" {
			return withHint(err, "did you mean --"+near+"?")
		}
	}
	return withHint(err, command.CommandPath()+" --help lists the flags")
}

// nearestFlag returns the name of the flag that is the fewest edits away, or ""
// where none is near.
func nearestFlag(command *cobra.Command, name string) string {
	near, least := "", 1+max(2, len(name)/3)
	command.Flags().VisitAll(func(f *pflag.Flag) {
		if d := editDistance(name, f.Name); d < least && !f.Hidden {
			near, least = f.Name, d
		}
	})
	return near
}

// editDistance is Levenshtein's: the insertions, deletions and substitutions of
// bytes that make one string of another.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}

// noSuchArgument refuses arguments of a verb that takes none.
func noSuchArgument(command *cobra.Command, args []string) error {
	if len(args) > 0 {
		return withHint(fmt.Errorf("%s takes no argument, and was given %q", command.CommandPath(), args[0]),
			command.CommandPath()+" --help shows how it is used")
	}
	return nil
}
