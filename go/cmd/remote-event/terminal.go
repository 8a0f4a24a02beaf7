package main

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"
)

// fileOf returns the file of a stream.
func fileOf(stream any) (*os.File, bool) {
	if s, ok := stream.(*screen); ok {
		stream = s.to
	}
	file, ok := stream.(*os.File)
	return file, ok
}

// isTerminal reports whether a stream is a terminal.
func isTerminal(stream any) bool {
	file, ok := fileOf(stream)
	return ok && term.IsTerminal(int(file.Fd()))
}

// lineWidth returns the number of columns of a terminal. It returns 0 for another stream,
// whose lines have any length.
func lineWidth(stream any) int {
	file, ok := fileOf(stream)
	if !ok {
		return 0
	}
	width, _, err := term.GetSize(int(file.Fd()))
	if err != nil || width <= 0 {
		return 0
	}
	if s, ok := stream.(*screen); ok && s.ascii {
		width -= 2 // "..." is longer than the mark that it replaces
	}
	return width
}

// terminalWidth returns the number of usable columns: the width of the terminal, from
// 60 to 100, or 80 without a terminal.
func terminalWidth(stream any) int {
	if file, ok := fileOf(stream); ok {
		if width, _, err := term.GetSize(int(file.Fd())); err == nil && width > 0 {
			return min(max(width, 60), 100)
		}
	}
	return 80
}

// announceChange prints, on a terminal, the change that a command makes without a question.
func (a *app) announceChange(what string, t *target) {
	if isTerminal(a.stderr) {
		fmt.Fprintf(a.stderr, "%s at %s\n", a.coloursOf(a.stderr).yellow(what), t.place())
	}
}

// countOf formats a number of things: "1 queue", "2 queues".
func countOf(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return strconv.Itoa(n) + " " + thing + "s"
}

// colours reports whether to colour text. Its methods return text with or without colours.
type colours bool

// coloursOf enables colours on a terminal, unless
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

// wrap breaks text at spaces into lines of a width, counted in visible runes. A longer
// word gets its own line.
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
