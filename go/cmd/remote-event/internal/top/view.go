package top

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/remote-events/remote-events/go/cmd/remote-event/internal/printable"
	"github.com/remote-events/remote-events/go/queueadmin"
)

// View implements tea.Model. No line is longer than the terminal, and there are as many as
// it has at most.
func (m *model) View() string {
	head := []string{m.title(), m.state()}
	foot := m.foot()
	room := max(1, m.height-len(head)-len(foot))
	var body []string
	switch m.screen {
	case screenQueues:
		body = m.table(room)
	case screenHelp:
		body = help()
	case screenQueue:
		body = m.queue()
	case screenPeek:
		body = m.list("next messages of "+printable.Name(m.selected), len(m.messages), room, func(i int) string { return messageLine(&m.messages[i]) })
	case screenDead, screenConfirm:
		body = m.list("dead letters of "+printable.Name(m.selected)+", the latest first", len(m.letters), room, func(i int) string { return letterLine(&m.letters[i]) })
	case screenLetter:
		body = m.letter()
	}
	lines := slices.Concat(head, body[:min(len(body), room)])
	for len(lines) < m.height-len(foot) {
		lines = append(lines, "")
	}
	lines = slices.Concat(lines, foot)
	for i, line := range lines {
		lines[i] = m.fit(line)
	}
	return strings.Join(lines[:min(len(lines), max(1, m.height))], "\n")
}

// The colours of lines. They begin a line, so that a text from Redis cannot contain one: it
// is escaped.
const (
	plain    = ""
	bold     = "\x1b[1m"
	inverse  = "\x1b[7m"
	red      = "\x1b[31m"
	yellow   = "\x1b[33m"
	dim      = "\x1b[2m"
	endColor = "\x1b[0m"
)

// fit makes a line, which may begin with a colour, as long as the terminal permits.
func (m *model) fit(line string) string {
	colour := plain
	for _, c := range []string{bold, inverse, red, yellow, dim} {
		if rest, ok := strings.CutPrefix(line, c); ok {
			colour, line = c, rest
		}
	}
	tail := "…"
	if m.ASCII {
		line, tail = ascii(line), "~"
	}
	line = ansi.Truncate(line, m.width, tail)
	if colour == plain || !m.Colour {
		return line
	}
	return colour + line + endColor
}

// ascii escapes all other characters.
func ascii(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r < 0x80:
			b.WriteRune(r)
		case r > 0xFFFF:
			fmt.Fprintf(&b, `\U%08x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

func (m *model) title() string {
	text := "remote-event top  " + printable.Line(m.Redis)
	if m.paused {
		return bold + "PAUSED  " + text
	}
	return bold + text
}

// state describes Redis.
func (m *model) state() string {
	switch {
	case m.err != nil && m.observed.IsZero():
		return red + "Redis is away: " + printable.Line(m.err.Error())
	case m.err != nil:
		return red + fmt.Sprintf("Redis is away; this is the state of %s ago: %s", printable.Duration(time.Since(m.observed)), printable.Line(m.err.Error()))
	case m.observed.IsZero():
		return dim + "reading…"
	}
	var parts []string
	total, dead := int64(0), int64(0)
	for _, q := range m.snapshot.Queues {
		total, dead = total+waiting(&q), dead+q.Stats.Dead
	}
	parts = append(parts, fmt.Sprintf("%d queues, %d waiting, %d dead", len(m.snapshot.Queues), total, dead))
	for _, s := range m.snapshot.Servers {
		switch {
		case s.Err != nil:
			parts = append(parts, "a server does not report: "+printable.Line(s.Err.Error()))
			continue
		case s.Version == "":
			continue
		}
		text := printable.Line(s.Version + " " + s.Role)
		if s.UsedMemory != nil {
			text += ", memory " + printable.Size(*s.UsedMemory)
		}
		if s.Waiting != nil && *s.Waiting > 0 {
			text += fmt.Sprintf(", %d consumers of unknown queues", *s.Waiting)
		}
		parts = append(parts, text)
	}
	return dim + strings.Join(parts, "; ")
}

// foot returns the last lines: a question, a failure or a notice, and the keys.
func (m *model) foot() []string {
	keys := "? help  q back"
	switch {
	case m.filtering:
		return []string{bold + "filter: " + printable.Line(m.filter) + "_   enter keep, esc clear"}
	case m.screen == screenConfirm:
		return m.question("Requeue the dead letter "+printable.Line(m.asked), "of "+printable.Name(m.selected)+" at "+printable.Line(m.Redis)+"?")
	case m.screen == screenQueues:
		keys = fmt.Sprintf("? help  q quit  s sort: %s  / filter", orders[m.sort].name)
		if m.filter != "" {
			keys += ": " + printable.Line(m.filter)
		}
	case m.screen == screenDead || m.screen == screenLetter:
		keys += "  r requeue"
	}
	if m.failure != nil {
		return []string{red + printable.Line(m.failure.Error()), dim + keys}
	}
	if m.notice != "" {
		return []string{yellow + printable.Line(m.notice), dim + keys}
	}
	return []string{dim + keys}
}

// question returns the question on as many lines as necessary, so that all names are readable.
func (m *model) question(texts ...string) (lines []string) {
	for _, text := range texts {
		if m.ASCII {
			text = ascii(text)
		}
		for _, part := range split(text, max(10, m.width)) {
			lines = append(lines, yellow+part)
		}
	}
	return append(lines, yellow+"y yes, any other key no")
}

// column is a column of the table. Columns are dropped from the end of priority until the
// others fit.
type column struct {
	title    string
	width    int
	priority int
	value    func(q *queueadmin.QueueInfo) string
}

var columns = []column{
	{"queued", 7, 0, func(q *queueadmin.QueueInfo) string { return count(waiting(q)) }},
	{"change/s", 8, 6, func(q *queueadmin.QueueInfo) string {
		if q.Change == nil {
			return "?"
		}
		return fmt.Sprintf("%+.1f", q.Change.Queued)
	}},
	{"in/s", 7, 9, func(q *queueadmin.QueueInfo) string {
		return rate(q, func(c *queueadmin.Change) *float64 { return c.In })
	}},
	{"out/s", 7, 8, func(q *queueadmin.QueueInfo) string {
		return rate(q, func(c *queueadmin.Change) *float64 { return c.Out })
	}},
	{"age", 7, 2, func(q *queueadmin.QueueInfo) string {
		switch {
		case waiting(q) == 0:
			return "-"
		case age(q) < 0:
			return "?"
		}
		return printable.Duration(age(q))
	}},
	{"leased", 6, 3, func(q *queueadmin.QueueInfo) string { return count(q.Stats.Leased) }},
	{"retry", 6, 4, func(q *queueadmin.QueueInfo) string { return count(q.Stats.Retrying) }},
	{"dead", 6, 1, func(q *queueadmin.QueueInfo) string { return count(q.Stats.Dead) }},
	{"recv", 5, 5, func(q *queueadmin.QueueInfo) string {
		if !q.ReceiversKnown {
			return "?"
		}
		return strconv.Itoa(len(q.Receivers))
	}},
	{"memory", 7, 7, func(q *queueadmin.QueueInfo) string {
		if q.Bytes == nil {
			return "?"
		}
		return printable.Size(*q.Bytes)
	}},
}

func count(n int64) string { return strconv.FormatInt(n, 10) }

func rate(q *queueadmin.QueueInfo, of func(*queueadmin.Change) *float64) string {
	if q.Change == nil || of(q.Change) == nil {
		return "?"
	}
	return fmt.Sprintf("%.1f", *of(q.Change))
}

// table shows the queues around the selected one.
func (m *model) table(room int) []string {
	const nameWidth = 12
	left := m.width - 2 - nameWidth
	var cells []column
	for priority := range columns {
		i := slices.IndexFunc(columns, func(c column) bool { return c.priority == priority })
		if left -= columns[i].width + 1; left < 0 {
			break
		}
		cells = append(cells, columns[i])
	}
	slices.SortFunc(cells, func(a, b column) int { return index(a) - index(b) })
	var title strings.Builder
	for _, c := range cells {
		fmt.Fprintf(&title, "%*s ", c.width, c.title)
	}
	lines := []string{bold + "  " + title.String() + "queue"}
	queues := m.queues()
	selected := max(0, m.index(queues))
	for i := first(selected, len(queues), room-1); i < len(queues) && len(lines) < room; i++ {
		q := &queues[i]
		var b strings.Builder
		for _, c := range cells {
			value := c.value(q)
			if q.Err != nil {
				value = "!"
			}
			fmt.Fprintf(&b, "%*s ", c.width, value)
		}
		name := printable.Name(q.Queue)
		if q.Err != nil {
			name += ": " + printable.Line(q.Err.Error())
		}
		mark, colour := "  ", plain
		switch {
		case i == selected:
			mark, colour = "> ", inverse
		case q.Err != nil:
			colour = red
		case q.Stats.Dead > 0:
			colour = yellow
		}
		lines = append(lines, colour+mark+b.String()+name)
	}
	if len(queues) == 0 && !m.observed.IsZero() {
		lines = append(lines, dim+"  no queue")
	}
	return lines
}

func index(c column) int {
	return slices.IndexFunc(columns, func(o column) bool { return o.title == c.title })
}

// first returns the first row to show, so that the selected one is visible.
func first(selected, n, room int) int {
	return max(0, min(selected-room/2, n-room))
}

// list shows rows around the selected one.
func (m *model) list(title string, n, room int, row func(i int) string) []string {
	lines := []string{bold + title}
	switch {
	case m.loading && n == 0:
		lines = append(lines, dim+"  reading…")
	case n == 0 && m.failure == nil:
		lines = append(lines, dim+"  none")
	}
	for i := first(m.row, n, room-1); i < n && len(lines) < room; i++ {
		if i == m.row {
			lines = append(lines, inverse+"> "+row(i))
		} else {
			lines = append(lines, "  "+row(i))
		}
	}
	return lines
}

func messageLine(m *queueadmin.Message) string {
	raw := m.Raw
	const most = 1000 // more does not fit
	return fmt.Sprintf("%-8s %6s  %s", m.State, printable.Size(int64(len(raw))), printable.JSON(raw[:min(len(raw), most)]))
}

func letterLine(d *queueadmin.DeadLetterSummary) string {
	return fmt.Sprintf("%s  %-9s %s", d.Died.UTC().Format(time.DateTime), printable.Line(string(d.Code)), printable.Line(d.Error))
}

// letter shows a dead letter.
func (m *model) letter() []string {
	if m.row >= len(m.letters) {
		return nil
	}
	d := &m.letters[m.row]
	lines := []string{
		bold + "dead letter of " + printable.Name(m.selected),
		"  id          " + printable.Line(d.ID),
		"  died        " + d.Died.UTC().Format(time.RFC3339),
		"  first seen  " + d.FirstSeen.UTC().Format(time.RFC3339),
		fmt.Sprintf("  attempts    %d", d.Attempts),
		"  bytes       " + printable.Size(d.Bytes),
		"  reason      " + printable.Line(string(d.Code)),
	}
	for i, text := range append([]string{d.Error}, d.Causes...) {
		label := "  error       "
		if i > 0 {
			label = "  cause       "
		}
		for _, part := range split(printable.Line(text), max(10, m.width-len(label))) {
			lines = append(lines, label+part)
			label = strings.Repeat(" ", len(label))
		}
	}
	return lines
}

// split splits a text into parts of a width.
func split(text string, width int) []string {
	return strings.Split(ansi.Hardwrap(text, width, true), "\n")
}

// queue shows the selected queue.
func (m *model) queue() []string {
	i := slices.IndexFunc(m.snapshot.Queues, func(q queueadmin.QueueInfo) bool { return q.Queue == m.selected })
	if i < 0 {
		return []string{"  the queue is gone"}
	}
	q := &m.snapshot.Queues[i]
	lines := []string{bold + printable.Name(q.Queue)}
	if q.Err != nil {
		return append(lines, red+"  "+printable.Line(q.Err.Error()))
	}
	row := func(label, format string, args ...any) {
		lines = append(lines, fmt.Sprintf("  %-10s ", label)+fmt.Sprintf(format, args...))
	}
	row("queued", "%d", q.Stats.Queued)
	row("staged", "%d", q.Stats.Staged)
	row("leased", "%d", q.Stats.Leased)
	row("retrying", "%d", q.Stats.Retrying)
	row("dead", "%d", q.Stats.Dead)
	for _, code := range slices.Sorted(maps.Keys(q.DeadByCode)) {
		row("", "%d %s", q.DeadByCode[code], printable.Line(string(code)))
	}
	if !q.Next.Sent.IsZero() {
		row("next", "sent %s ago", printable.Duration(age(q)))
	}
	if !q.Next.Since.IsZero() {
		row("", "the same for %s", printable.Duration(q.At.Sub(q.Next.Since)))
	}
	for _, l := range q.Leases[:min(len(q.Leases), 5)] {
		row("lease", "%d messages, for %s, expires in %s", l.Claimed, printable.Duration(q.At.Sub(l.Since)), printable.Duration(l.Expires.Sub(q.At)))
	}
	if !q.RetryDue.IsZero() {
		row("retry", "due in %s", printable.Duration(q.RetryDue.Sub(q.At)))
	}
	switch {
	case !q.ReceiversKnown:
		row("receivers", "unknown (permission client|list)")
	case len(q.Receivers) == 0:
		row("receivers", "none that names the queue")
	}
	for _, r := range q.Receivers {
		state := "works"
		if r.Waiting {
			state = "waits"
		}
		row("receiver", "%s %s %s", printable.Line(r.Addr), state, printable.Line(r.Name))
	}
	return lines
}

func help() []string {
	return []string{
		bold + "keys",
		"  up down k j   select",
		"  pgup pgdown   a page",
		"  g G           first, last",
		"  enter         details",
		"  p             next messages; takes none",
		"  d             dead letters",
		"  r             requeue a dead letter (asks)",
		"  s             sort",
		"  /             filter by name",
		"  space         pause this view only",
		"  esc q         back; q quits",
		"",
		dim + "  ? in a column: unknown",
		dim + "  recv: receivers that name the queue;",
		dim + "  originals name none",
	}
}
