package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// WriteMarkdown writes the matrices, the unexpected results and the known deviations in
// GitHub's dialect of Markdown.
func (r *Report) WriteMarkdown(out io.Writer) error {
	var b strings.Builder
	unexpected := r.Unexpected()
	fmt.Fprintf(&b, "# Compatibility matrix\n\n")
	if unexpected > 0 {
		fmt.Fprintf(&b, "**✗ %s unexpected.** ", count(unexpected))
	} else {
		b.WriteString("**✓ Nothing unexpected.** ")
	}
	fmt.Fprintf(&b, "%s cases on %s implementations: %s. Run of %s by %s on %s",
		count(len(r.Cases)), count(len(r.Implementations)), r.Tally(), r.Started.UTC().Format("2 January 2006"),
		plain(r.Tool.Name+" "+r.Tool.Version), plain(r.Platform))
	if v := Versions(r.SuiteVersion, r.Specification); v != "" {
		fmt.Fprintf(&b, " (%s)", plain(v))
	}
	b.WriteString(".\n\n")
	for i, o := range outcomes {
		if i > 0 {
			b.WriteString(" · ")
		}
		fmt.Fprintf(&b, "%s %s: %s", o.Mark(), o.Label(1), o.Meaning())
	}
	b.WriteString(". A cell shows the worst outcome and the number of results with it.\n")
	r.markdownUnexpected(&b)
	if claims := r.claims(); len(claims) > 0 {
		b.WriteString("\n## Conformance\n\n")
		for _, c := range claims {
			fmt.Fprintf(&b, "- **%s** %s\n", plain(c.Implementation), plain(c.Text))
			for _, line := range c.NotTested {
				fmt.Fprintf(&b, "  - %s\n", plain(line))
			}
		}
	}
	b.WriteString("\n## Sender × receiver\n\nThe harness sends messages that a sender must not send, and receives if bytes are compared.\n\n")
	r.Pairs().markdown(&b, "sender ↓ receiver →")
	if m := r.ByRequirement(); len(m.Rows) > 0 {
		b.WriteString("\n## Requirement × implementation\n\nA pass of a pair counts for both sides. Any other outcome counts for a side only if that side, and not the other, passes the case with no partner.\n\n")
		m.markdown(&b, "requirement")
	}
	if known := r.knownDeviations(); len(known) > 0 {
		b.WriteString("\n## Known deviations\n\n")
		for _, k := range known {
			fmt.Fprintf(&b, "- %s (%s), %s, %s %s: %s", code(k.Observed), plain(string(k.Kind)), plain(k.Who), count(k.Seen), plural(k.Seen, "result"), plain(k.Why))
			if web(k.Link) != "" {
				fmt.Fprintf(&b, " (%s)", plain(k.Link))
			}
			cases := make([]string, len(k.Patterns))
			for i := range cases {
				cases[i] = code(k.Patterns[i])
			}
			fmt.Fprintf(&b, "\n\n  %s\n\n", strings.Join(cases, ", "))
		}
	}
	if len(r.Skipped) > 0 {
		b.WriteString("\n## Skipped\n\n")
		for _, l := range r.Skipped {
			fmt.Fprintf(&b, "- %s %s: %s\n", count(len(l.Cases)), plural(len(l.Cases), "case"), plain(l.Why))
		}
	}
	b.WriteString("\n## Versions\n\n")
	for _, pin := range r.pins() {
		fmt.Fprintf(&b, "- %s\n", plain(pin))
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func (r *Report) markdownUnexpected(b *strings.Builder) {
	findings := r.findings()
	if r.Unexpected() == 0 {
		return
	}
	b.WriteString("\n## Unexpected\n\n")
	for _, c := range r.Complaints() {
		fmt.Fprintf(b, "- ✗ %s: %s\n", plain(c.Implementation), plainLines(c.Why))
	}
	for _, s := range r.Stale {
		fmt.Fprintf(b, "- ✗ %s: %s no longer occurs with %s: remove it from the known deviations\n", code(s.Pattern), code(s.Observed), plain(s.Implementation))
	}
	const most = 100
	for _, f := range findings[:min(len(findings), most)] {
		fmt.Fprintf(b, "- %s %s, %s (%s): expected %s, observed %s\n", f.Outcome().Mark(), code(f.Case().ID), plain(f.About()),
			plain(strings.Join(f.Requirements(), ", ")), code(f.Expected()), code(f.Result.Observed))
		for _, problem := range f.Result.Problems {
			fmt.Fprintf(b, "  - %s\n", plainLines(problem))
		}
		var who []string
		for _, w := range f.Who {
			who = append(who, plain(f.Name(w)))
		}
		if n := len(f.Rest) + f.More; n > 0 {
			who = append(who, "and "+count(n)+" more")
		}
		fmt.Fprintf(b, "  - seen with %s\n", strings.Join(who, ", "))
		if again := r.again(f.Result); again != "" {
			fmt.Fprintf(b, "  - again: %s\n", code(again))
		}
	}
	if n := len(findings) - most; n > 0 {
		fmt.Fprintf(b, "- and %s more\n", count(n))
	}
}

func (m Matrix) markdown(b *strings.Builder, corner string) {
	fmt.Fprintf(b, "| %s |", corner)
	for _, name := range m.columnNames() {
		fmt.Fprintf(b, " %s |", plain(name))
	}
	b.WriteString("\n|---|" + strings.Repeat(":-:|", len(m.Columns)) + "\n")
	for y, row := range m.Rows {
		fmt.Fprintf(b, "| %s |", plain(row.String()))
		for x := range m.Columns {
			fmt.Fprintf(b, " %s |", m.Cells[y][x].mark())
		}
		b.WriteByte('\n')
	}
}

// plain escapes text for Markdown and HTML.
func plain(s string) string {
	var b strings.Builder
	for _, c := range Visible(s) {
		switch {
		case c == '<':
			b.WriteString("&lt;")
		case c == '&':
			b.WriteString("&amp;")
		case strings.ContainsRune("\\`*_[]|~#!", c):
			b.WriteByte('\\')
			b.WriteRune(c)
		default:
			b.WriteRune(c)
		}
	}
	return b.String()
}

// plainLines escapes a text of several lines.
func plainLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		lines[i] = plain(strings.TrimSpace(line))
	}
	return strings.Join(lines, "<br>")
}

// code returns a code span that is valid in a table. Its fence is longer than any run of
// backticks in the text.
func code(s string) string {
	s = strings.TrimSpace(Visible(s))
	if s == "" {
		return ""
	}
	fence := "`"
	for strings.Contains(s, fence) {
		fence += "`"
	}
	s = strings.ReplaceAll(s, "|", `\|`)
	if fence != "`" || slices.Contains([]byte{s[0], s[len(s)-1]}, '`') {
		s = " " + s + " "
	}
	return fence + s + fence
}
