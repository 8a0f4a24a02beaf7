package bench

import (
	"fmt"
	"io"
	"strings"
)

// markdown writes a table as Markdown.
func (t table) markdown(out io.Writer) error {
	var b strings.Builder
	for i, row := range t {
		b.WriteString("| " + strings.Join(row, " | ") + " |\n")
		if i == 0 {
			b.WriteString("|---|" + strings.Repeat("---:|", len(row)-1) + "\n")
		}
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// WriteMarkdown writes the report as Markdown. Its last lines are the goals.
func (r Report) WriteMarkdown(out io.Writer) error {
	if _, err := fmt.Fprintf(out, "# Benchmarks\n\n%s\n", r.setting()); err != nil {
		return err
	}
	for _, g := range r.groups() {
		if _, err := fmt.Fprintf(out, "\n## %s\n\n", g.title()); err != nil {
			return err
		}
		if err := g.table().markdown(out); err != nil {
			return err
		}
	}
	if _, err := fmt.Fprint(out, "\n## To reach\n\n"); err != nil {
		return err
	}
	return r.goals().markdown(out)
}
