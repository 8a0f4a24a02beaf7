package bench

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// number formats a figure with at least three significant digits, and with commas between
// thousands.
func number(value float64) string {
	decimals := 0
	switch {
	case value < 0:
		return "-" + number(-value)
	case value == math.Trunc(value): // a count
	case value < 10:
		decimals = 2
	case value < 100:
		decimals = 1
	}
	text := strconv.FormatFloat(value, 'f', decimals, 64)
	if decimals > 0 {
		return text
	}
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

func (s Spread) String() string {
	return fmt.Sprintf("%s (%s–%s)", number(s.Median), number(s.Min), number(s.Max))
}

// table is a list of rows of cells. The first row is the head.
type table [][]string

// write writes the table in aligned columns, the first one aligned to the left.
func (t table) write(out io.Writer) error {
	widths := make([]int, len(t[0]))
	for _, row := range t {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for _, row := range t {
		line := ""
		for i, cell := range row {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if i == 0 {
				line = cell + pad
			} else {
				line += "  " + pad + cell
			}
		}
		b.WriteString("  " + strings.TrimRight(line, " ") + "\n")
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// table returns the table of a group's figures.
func (g group) table() table {
	head := []string{"participant"}
	for _, metric := range g.metrics {
		head = append(head, columnOf(metric).title)
	}
	rows := table{head}
	for _, m := range g.members {
		row := []string{m.Participant}
		for i, metric := range g.metrics {
			cell := "–"
			if s, ok := m.Spread(metric); ok {
				cell = number(s.Median)
				if columnOf(metric).spread {
					cell = s.String()
				}
			} else if i == 0 && m.Problem != "" {
				cell = "failed"
				if m.Skipped {
					cell = "skipped"
				}
			}
			row = append(row, cell)
		}
		rows = append(rows, row)
	}
	return rows
}

func (g group) title() string {
	if g.size == "" {
		return g.workload.Title
	}
	return g.workload.Title + ", " + g.size
}

// goals returns the table of the goals.
func (r Report) goals() table {
	rows := table{{"figure", "before", "measured", "goal", ""}}
	for _, goal := range r.Goals {
		measured, state := "not measured", ""
		if goal.Value != nil {
			measured, state = goal.Value.String(), "not met"
			if goal.Met {
				state = "met"
			}
		}
		rows = append(rows, []string{goal.What, goal.Before, measured, goal.Goal, state})
	}
	return rows
}

// problems returns a line for each participant without figures.
func (r Report) problems() (lines []string) {
	for _, m := range r.Measurements {
		switch {
		case m.Problem == "":
		case m.Skipped:
			lines = append(lines, "skipped: "+m.Name()+": "+m.Problem)
		default:
			lines = append(lines, "FAILED: "+m.Name()+": "+m.Problem)
		}
	}
	return lines
}

// setting returns a line with the setting of the run.
func (r Report) setting() string {
	var peers []string
	for _, peer := range r.Peers {
		name := peer.Module[strings.LastIndex(strings.TrimSuffix(peer.Module, "/v9"), "/")+1:]
		peers = append(peers, strings.TrimSuffix(name, "/v9")+" "+peer.Version)
	}
	text := fmt.Sprintf("%s, %s, %s, %d CPUs for client and Redis; medians of %d rounds (min–max), seed %d, %.0f s; %s",
		r.Redis, r.Go, r.Platform, r.CPUs, r.Rounds, r.Seed, r.Seconds, strings.Join(peers, ", "))
	if r.Original != "" {
		text += ", " + r.Original
	}
	return text
}

// WriteText writes the report for a terminal. Its last lines are the goals.
func (r Report) WriteText(out io.Writer) error {
	if _, err := fmt.Fprintln(out, r.setting()); err != nil {
		return err
	}
	for _, g := range r.groups() {
		if _, err := fmt.Fprintf(out, "\n%s\n", g.title()); err != nil {
			return err
		}
		if err := g.table().write(out); err != nil {
			return err
		}
	}
	if lines := r.problems(); len(lines) > 0 {
		if _, err := fmt.Fprintf(out, "\n%s\n", strings.Join(lines, "\n")); err != nil {
			return err
		}
	}
	if _, err := fmt.Fprintln(out); err != nil {
		return err
	}
	return r.goals().write(out)
}
