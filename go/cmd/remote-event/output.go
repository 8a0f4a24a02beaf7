package main

import (
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// The formats of -o. Every command that prints data has these, and the help of the root
// command documents them.
const (
	formatText   = "text"   // for people
	formatJSON   = "json"   // one JSON document; a list is an array
	formatNDJSON = "ndjson" // one record a line
)

// output writes the output of a command, in the format of its flag -o.
type output struct {
	app    *app
	format string
	// allowed are the formats of the command.
	allowed []string
	// list reports that the command prints any number of records, and not exactly one.
	list bool

	begun bool // the array is begun
}

// outputFlag adds the flag -o to a command that prints one record, and returns the writer.
// more are formats that only this command has.
func (a *app) outputFlag(command *cobra.Command, more ...string) *output {
	o := &output{app: a, format: formatText, allowed: append([]string{formatText, formatJSON, formatNDJSON}, more...)}
	command.Flags().VarP(o, "output", "o", "format of standard output")
	_ = command.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(o.allowed, cobra.ShellCompDirectiveNoFileComp))
	a.outputs[command] = o
	return o
}

// outputListFlag is outputFlag for a command that prints a list of records.
func (a *app) outputListFlag(command *cobra.Command, more ...string) *output {
	o := a.outputFlag(command, more...)
	o.list = true
	return o
}

// use makes a format the default of the command.
func (o *output) use(command *cobra.Command, format string) {
	o.format = format
	command.Flags().Lookup("output").DefValue = format
}

// String, Type and Set implement pflag.Value.
func (o *output) String() string { return o.format }
func (o *output) Type() string   { return strings.Join(o.allowed, "|") }

func (o *output) Set(format string) error {
	if slices.Contains(o.allowed, format) {
		o.format = format
		return nil
	}
	text := "it must be one of " + strings.Join(o.allowed, ", ")
	if near := nearest(format, o.allowed); near != "" {
		text += "; did you mean " + near + "?"
	}
	return errors.New(text)
}

// isText reports whether people read the output.
func (o *output) isText() bool { return o.format == formatText }

// write prints a record: as JSON, or as the text that the function returns, which may be
// "".
func (o *output) write(record any, text func() string) error {
	if o.isText() {
		return o.app.print(text())
	}
	line, err := json.Marshal(record)
	if failed, ok := errors.AsType[*json.MarshalerError](err); ok {
		return &recordError{failed.Unwrap()}
	}
	if err != nil {
		return err
	}
	return o.line(string(line))
}

// recordError is the error of a record that JSON cannot hold.
type recordError struct{ err error }

func (e *recordError) Error() string { return e.err.Error() }
func (e *recordError) Unwrap() error { return e.err }

// line prints a record that is JSON already.
func (o *output) line(record string) error {
	if !o.list || o.format != formatJSON {
		return o.app.print(record + "\n")
	}
	separator := "[\n"
	if o.begun {
		separator = ",\n"
	}
	o.begun = true
	return o.app.print(separator + record)
}

// end completes the array of a list, and returns the outcome of the command. An array is
// complete whatever the outcome. Without a record, it is empty if the command looked, and
// found nothing.
func (o *output) end(outcome error) error {
	if o.format != formatJSON || !o.list || isOutputError(outcome) {
		return outcome
	}
	text := "\n]\n"
	if !o.begun {
		if code := exitCode(outcome); code != exitDone && code != exitNothing {
			return outcome
		}
		text = "[]\n"
	}
	if err := o.app.print(text); err != nil && outcome == nil {
		return err
	}
	return outcome
}

// print writes to standard output.
func (a *app) print(text string) error {
	if _, err := io.WriteString(a.stdout, text); err != nil {
		return &outputError{err}
	}
	return nil
}
