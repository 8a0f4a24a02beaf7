package report

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// WriteText writes the report for a terminal: the unexpected results first, then sender ×
// receiver.
func (r *Report) WriteText(out io.Writer) error {
	var b strings.Builder
	for _, s := range r.Stale {
		fmt.Fprintf(&b, "✗ %s: %s no longer occurs with %s: remove it from the known deviations\n\n", Visible(s.Pattern), Visible(s.Observed), Visible(s.Implementation))
	}
	for _, c := range r.Complaints() {
		fmt.Fprintf(&b, "✗ %s: %s\n\n", Visible(c.Implementation), indented(c.Why, "    "))
	}
	if advice := r.advice(); advice != "" {
		b.WriteString(advice)
	}
	if len(r.Cases) == 1 {
		r.writeEach(&b)
	} else {
		r.writeFindings(&b)
	}
	if m := r.Pairs(); len(m.Rows) > 0 {
		b.WriteString(m.text())
		b.WriteByte('\n')
	}
	r.writeFamilies(&b)
	fmt.Fprintf(&b, "%s %s", count(len(r.Cases)), plural(len(r.Cases), "case"))
	if r.SuiteVersion != "" {
		fmt.Fprintf(&b, " of suite %s", Visible(r.SuiteVersion))
	}
	fmt.Fprintf(&b, " in %s: %s", took(r.Seconds), r.Tally())
	if n := len(r.Stale); n > 0 {
		fmt.Fprintf(&b, ", %s stale", count(n))
	}
	b.WriteString("\n")
	for _, c := range r.claims() {
		fmt.Fprintf(&b, "%s %s\n", Visible(c.Implementation), c.Text)
		for _, line := range c.NotTested {
			fmt.Fprintf(&b, "    %s\n", line)
		}
	}
	for _, l := range r.Skipped {
		fmt.Fprintf(&b, "%s skipped: %s\n", count(len(l.Cases)), Visible(l.Why))
	}
	for _, pin := range r.pins() {
		fmt.Fprintln(&b, pin)
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// advice describes how to try an adapter by hand, if the user's adapters do not start.
func (r *Report) advice() string {
	for i := range r.Implementations {
		one := &r.Implementations[i]
		if command, ok := strings.CutPrefix(one.Flag, "--impl "); ok && one.Problem != "" {
			command = strings.TrimPrefix(strings.Trim(command, "'"), one.Name+"=")
			return "Try the adapter by hand; it must answer with one line of JSON that has its name and its classes:\n" +
				`    echo '{"op":"hello","protocol":1}' | REDIS_URL=redis://localhost:6379/0 ` + Visible(command) + "\n\n"
		}
	}
	return ""
}

// writeEach writes every result of a run of one case.
func (r *Report) writeEach(b *strings.Builder) {
	for i := range r.Results {
		result := &r.Results[i]
		fmt.Fprintf(b, "%s %s  %s\n", result.Outcome.Mark(), Visible(result.Case), Visible(r.who(result)))
		for _, line := range r.lines(result) {
			fmt.Fprintf(b, "    %s\n", line)
		}
		if d := result.Deviation; d != nil {
			fmt.Fprintf(b, "    known      %s (%s)\n", Visible(d.Why), Visible(string(d.Kind)))
		}
		b.WriteByte('\n')
	}
}

func (r *Report) writeFindings(b *strings.Builder) {
	findings := r.findings()
	const most = 20
	for _, f := range findings[:min(len(findings), most)] {
		fmt.Fprintf(b, "%s %s  %s\n", f.Outcome().Mark(), Visible(f.Case().ID), Visible(f.About()))
		var who []string
		for _, seen := range f.Who {
			who = append(who, Visible(f.Name(seen)))
		}
		if n := len(f.Rest) + f.More; n > 0 {
			who = append(who, "and "+count(n)+" more")
		}
		fmt.Fprintf(b, "    seen with  %s\n", strings.Join(who, "\n               "))
		if again := r.again(f.Result); again != "" {
			fmt.Fprintf(b, "    again      %s\n", Visible(again))
		}
		for _, line := range r.lines(f.first()) {
			fmt.Fprintf(b, "    %s\n", line)
		}
		b.WriteByte('\n')
	}
	if n := len(findings) - most; n > 0 {
		fmt.Fprintf(b, "… and %s more unexpected results: --report FILE writes all\n\n", count(n))
	}
}

func (r *Report) writeFamilies(b *strings.Builder) {
	families := r.families()
	if len(families) == 0 {
		return
	}
	width := len("family")
	for _, f := range families {
		width = max(width, utf8.RuneCountInString(Visible(f.Name)))
	}
	fmt.Fprintf(b, "%-*s  %6s  %6s  %6s  %7s  %5s  %11s  %6s\n", width, "family", "cases", "failed", "errors", "unclear", "known", "unsupported", "passed")
	for _, f := range families {
		fmt.Fprintf(b, "%-*s  %6s  %6s  %6s  %7s  %5s  %11s  %6s\n", width, Visible(f.Name), count(len(f.Cases)), blank(f.Tally.Failed), blank(f.Tally.Errored), blank(f.Tally.Inconclusive), blank(f.Tally.Deviates), blank(f.Tally.Unsupported), blank(f.Tally.Passed))
	}
	b.WriteByte('\n')
}

// blank returns the count as text, or "" for 0.
func blank(n int) string {
	if n == 0 {
		return ""
	}
	return count(n)
}

// indented returns a text with all lines but the first indented.
func indented(s, by string) string { return strings.ReplaceAll(VisibleLines(s), "\n", "\n"+by) }

// lines returns the lines about a result, with expected and observed aligned.
func (r *Report) lines(result *Result) []string {
	lines := []string{"expected   " + Visible(result.Expected), "observed   " + Visible(result.Observed)}
	for _, problem := range result.Problems {
		lines = append(lines, strings.Split("problem    "+indented(problem, "           "), "\n")...)
	}
	if result.FirstTry != "" {
		lines = append(lines, "first try  "+Visible(result.FirstTry))
	}
	if c := r.casesByID()[result.Case]; c != nil && len(c.Requirements) > 0 && result.Outcome != Passed {
		lines = append(lines, "checks     "+Visible(strings.Join(c.Requirements, ", ")))
	}
	if len(result.Message) > 0 {
		lines = append(lines, fmt.Sprintf("message    %s (%s bytes)", short(string(result.Message)), count(max(result.MessageBytes, len(result.Message)))))
	}
	for _, s := range result.Trace {
		lines = append(lines, fmt.Sprintf("%8.4f s  %s  %s  %s", s.Seconds, Visible(s.Who), Visible(s.What), short(s.Data)))
	}
	return lines
}

// short returns the beginning of a long text. The report has more of it.
func short(s string) string {
	end := 600
	if len(s) <= end {
		return Visible(s)
	}
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return Visible(s[:end]) + " …"
}

// sides returns the names of the sender and of the receiver, if they exist.
func (r *Result) sides() string {
	switch {
	case r.Request == evaluate:
		return r.Receiver + " evaluates"
	case r.Sender == "":
		return r.receivers()
	case r.Receiver == "":
		return r.Sender
	}
	return r.Sender + " → " + r.receivers()
}

// receivers returns the name of the receiver, and whether it delivers at least once.
func (r *Result) receivers() string {
	if r.Reliable {
		return r.Receiver + " (reliable)"
	}
	return r.Receiver
}

// text returns the matrix in columns of text. If their names are long, the columns have
// numbers.
func (m Matrix) text() string {
	names := m.columnNames()
	numbered := slices.ContainsFunc(names, func(name string) bool { return utf8.RuneCountInString(name) > 12 })
	var b strings.Builder
	if numbered {
		for i := range names {
			fmt.Fprintf(&b, "%3d  %s\n", i+1, Visible(m.Columns[i].String()))
			names[i] = strconv.Itoa(i + 1)
		}
		b.WriteByte('\n')
	}
	table := [][]string{append([]string{"sender ↓  receiver →"}, names...)}
	for y, row := range m.Rows {
		line := []string{Visible(row.String())}
		for x := range m.Columns {
			line = append(line, m.Cells[y][x].mark())
		}
		table = append(table, line)
	}
	widths := make([]int, len(names)+1)
	for _, line := range table {
		for i, cell := range line {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, line := range table {
		for i, cell := range line {
			padding := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if i == 0 {
				b.WriteString(cell + padding)
			} else {
				b.WriteString("  " + padding + cell)
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// columnNames returns short unambiguous names: the name of an implementation that is unique,
// or otherwise the parts that distinguish it.
func (m Matrix) columnNames() []string {
	var names []string
	for _, heading := range headings(m.Columns) {
		for _, p := range heading.Columns {
			switch {
			case p.ID == "":
				names = append(names, "harness")
			case len(heading.Columns) == 1 && len(p.Members) == 1:
				names = append(names, Visible(p.Group))
			default:
				names = append(names, Visible(p.Label))
			}
		}
	}
	return names
}

// mark returns a short cell: the worst outcome and its number of results.
func (t Tally) mark() string {
	o, n := t.Worst()
	if o == "" {
		return ""
	}
	return o.Mark() + " " + count(n)
}

// pins returns lines with the versions of the participants. Participants with the same
// dependencies, and variants, share a line.
func (r *Report) pins() []string {
	var order []string
	versions := map[string][]string{}
	for i := range r.Implementations {
		one := &r.Implementations[i]
		if one.VariantOf != "" {
			continue
		}
		var on []string
		for _, name := range slices.Sorted(maps.Keys(one.Details)) {
			on = append(on, Visible(name)+" "+Visible(one.Details[name]))
		}
		key := Visible(one.Name) + "\x00" + strings.Join(on, ", ")
		if versions[key] == nil {
			order = append(order, key)
		}
		if !slices.Contains(versions[key], Visible(one.Version)) {
			versions[key] = append(versions[key], Visible(one.Version))
		}
	}
	var pins []string
	for _, key := range order {
		name, on, _ := strings.Cut(key, "\x00")
		pin := strings.TrimSpace(name + " " + strings.Join(versions[key], ", "))
		if on != "" {
			pin += " with " + on
		}
		pins = append(pins, pin)
	}
	for _, party := range r.implementations(func(string) bool { return true }) {
		if party.Variants {
			pins = append(pins, Visible(party.String()+": "+r.bases(party)))
		}
	}
	for _, s := range r.Servers {
		pin := Visible(s.Name) + " " + Visible(s.Version) + " (" + Visible(s.Provider)
		if s.Image != "" {
			pin += " " + Visible(s.Image)
		}
		pins = append(pins, pin+")")
	}
	return pins
}

// bases returns the versions of the dependencies of variants.
func (r *Report) bases(variants Party) string {
	versions := map[string][]string{}
	for i := range r.Implementations {
		if !slices.Contains(variants.Members, r.Implementations[i].ID) {
			continue
		}
		for name, version := range r.Implementations[i].Details {
			if !slices.Contains(versions[name], version) {
				versions[name] = append(versions[name], version)
			}
		}
	}
	var on []string
	for _, name := range slices.Sorted(maps.Keys(versions)) {
		on = append(on, name+" "+strings.Join(versions[name], " and "))
	}
	return strings.Join(on, ", ")
}
