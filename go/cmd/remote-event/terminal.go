package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// fileOf returns the file to which a stream leads.
func fileOf(stream any) (*os.File, bool) {
	if s, ok := stream.(*screen); ok {
		stream = s.to
	}
	file, ok := stream.(*os.File)
	return file, ok
}

// isTerminal tells whether a person sees or types there.
func isTerminal(stream any) bool {
	file, ok := fileOf(stream)
	return ok && term.IsTerminal(int(file.Fd()))
}

// terminalWidth is the number of columns to fill: those of the terminal, from
// 60 to 100, and 80 where there is none.
func terminalWidth(stream any) int {
	if file, ok := fileOf(stream); ok {
		if width, _, err := term.GetSize(int(file.Fd())); err == nil && width > 0 {
			return min(max(width, 60), 100)
		}
	}
	return 80
}

// colours marks text for a terminal, or leaves it as it is.
type colours bool

// coloursOf says whether a stream is to be colourful: on a terminal, unless
// NO_COLOR is set (https://no-color.org) or the terminal is dumb.
func (a *app) coloursOf(stream io.Writer) colours {
	return colours(isTerminal(stream) && a.getenv("NO_COLOR") == "" && a.getenv("TERM") != "dumb")
}

func (c colours) paint(code, text string) string {
	if !c {
		return text
	}
	return paintMark + "[" + code + "m" + text + paintMark + "[0m"
}

func (c colours) bold(text string) string   { return c.paint("1", text) }
func (c colours) dim(text string) string    { return c.paint("2", text) }
func (c colours) red(text string) string    { return c.paint("31", text) }
func (c colours) green(text string) string  { return c.paint("32", text) }
func (c colours) yellow(text string) string { return c.paint("33", text) }
func (c colours) cyan(text string) string   { return c.paint("36", text) }

// wrap breaks text at spaces into lines of a width, counted in runes that are
// seen. A word that is longer than a line has one of its own.
func wrap(text string, width int) []string {
	seen := func(text string) int {
		n := utf8.RuneCountInString(text)
		for part := range strings.SplitSeq(text, paintMark) {
			if code := paintCode.FindString(paintMark + part); code != "" {
				n -= len(code)
			}
		}
		return n
	}
	var lines []string
	line := ""
	for word := range strings.SplitSeq(text, " ") {
		switch {
		case line == "":
			line = word
		case seen(line)+1+seen(word) <= width:
			line += " " + word
		default:
			lines = append(lines, line)
			line = word
		}
	}
	return append(lines, line)
}

// The formats of -o.
const (
	formatText   = "text"
	formatJSON   = "json"
	formatNDJSON = "ndjson"
)

// choice is the value of a flag that takes one of a few words.
type choice struct {
	value   string
	allowed []string
}

func (c *choice) String() string { return c.value }
func (c *choice) Type() string   { return strings.Join(c.allowed, "|") }

func (c *choice) Set(value string) error {
	if !slices.Contains(c.allowed, value) {
		return fmt.Errorf("it is one of %s", strings.Join(c.allowed, ", "))
	}
	c.value = value
	return nil
}

// outputFlag adds the flag -o to a command; the first format is the default.
func outputFlag(command *cobra.Command, formats ...string) *choice {
	c := &choice{value: formats[0], allowed: formats}
	command.Flags().VarP(c, "output", "o", "format of standard output")
	_ = command.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp))
	return c
}

// print writes to standard output.
func (a *app) print(text string) error {
	if _, err := io.WriteString(a.stdout, text); err != nil {
		return &outputError{err}
	}
	return nil
}
