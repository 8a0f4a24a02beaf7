package site

import (
	"cmp"
	"errors"
	"fmt"
	"html"
	"math"
	"regexp"
	"slices"
	"strings"
)

// errDiagram reports a diagram of a form that is not known.
var errDiagram = errors.New("a diagram of an unknown form: the site draws sequenceDiagram, flowchart LR, classDiagram and stateDiagram-v2")

// diagram returns the HTML of a diagram in the language of Mermaid, of which it knows what
// the specification uses.
func diagram(text string) (string, error) {
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	if len(lines) == 0 {
		return "", errDiagram
	}
	switch kind := lines[0]; kind {
	case "sequenceDiagram":
		return sequence(lines[1:])
	case "flowchart LR", "classDiagram":
		return flow(lines[1:])
	case "stateDiagram-v2":
		return states(lines[1:])
	}
	return "", errDiagram
}

// The measures of drawings, in pixels.
const (
	letter = 6.9 // the width of a letter, which suffices for text of the size 13
	row    = 18.0
	pad    = 11.0
	bend   = 28.0 // the part of an edge that is bent
	lid    = 5.0  // of a store
)

func width(text string) float64 { return float64(len([]rune(text))) * letter }

// widest returns the width of the longest line.
func widest(lines []string) float64 {
	var w float64
	for _, line := range lines {
		w = max(w, width(line))
	}
	return w
}

// markers are the heads of edges.
const markers = `<svg class="markers" width="0" height="0" aria-hidden="true"><defs><marker id="arrow" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" orient="auto-start-reverse"><path d="M0 1 9 5 0 9" class="head"/></marker>` +
	`<marker id="parent" viewBox="0 0 12 12" refX="11" refY="6" markerWidth="12" markerHeight="12" orient="auto-start-reverse"><path d="M1 1 11 6 1 11Z" class="hollow"/></marker></defs></svg>`

// drawing is an SVG.
type drawing struct {
	strings.Builder

	w, h float64
}

func (d *drawing) text(x, y float64, class, text string) {
	fmt.Fprintf(d, `<text x="%.1f" y="%.1f" class="%s">%s</text>`, x, y, class, html.EscapeString(text))
}

// lines draws lines of text around y.
func (d *drawing) lines(x, y float64, class string, lines []string) {
	for i, line := range lines {
		d.text(x, y+(float64(i)-float64(len(lines)-1)/2)*row+4.5, class, line)
	}
}

// svg returns the drawing. It shrinks a little where the page is narrow; then its box scrolls.
func (d *drawing) svg(label string) string {
	return fmt.Sprintf(`<figure class="diagram"><svg viewBox="0 0 %.0f %.0f" width="%.0f" style="min-width:%.0fpx" role="img" aria-label="%s">%s</svg></figure>`,
		d.w, d.h, d.w, 0.8*d.w, html.EscapeString(label), d.String())
}

var (
	participant = regexp.MustCompile(`^participant (\w+)(?: as (.+))?$`)
	message     = regexp.MustCompile(`^(\w+)(-->>|->>)(\w+): (.+)$`)
	noteOver    = regexp.MustCompile(`^Note over (\w+): (.+)$`)
)

// sequenceStep is a message, or a note over a participant.
type sequenceStep struct {
	from, to     int
	dashed, note bool
	lines        []string
}

func (s sequenceStep) width() float64  { return widest(s.lines) }
func (s sequenceStep) height() float64 { return float64(len(s.lines)) * row }

// sequence draws a sequence diagram.
func sequence(lines []string) (string, error) {
	const maxName, maxText = 16, 24
	var ids []string
	var names [][]string
	var steps []sequenceStep
	at := func(id string) int { return slices.Index(ids, id) }
	for _, line := range lines {
		if found := participant.FindStringSubmatch(line); found != nil {
			ids, names = append(ids, found[1]), append(names, wrap(cmp.Or(found[2], found[1]), maxName))
		} else if found := message.FindStringSubmatch(line); found != nil {
			steps = append(steps, sequenceStep{at(found[1]), at(found[3]), found[2] == "-->>", false, wrap(found[4], maxText)})
		} else if found := noteOver.FindStringSubmatch(line); found != nil {
			steps = append(steps, sequenceStep{at(found[1]), at(found[1]), false, true, wrap(found[2], maxText)})
		} else {
			return "", fmt.Errorf("%w: %s", errDiagram, line)
		}
	}
	if slices.ContainsFunc(steps, func(s sequenceStep) bool { return s.from < 0 || s.to < 0 }) {
		return "", fmt.Errorf("%w: a participant is not declared", errDiagram)
	}
	x := sequenceColumns(names, steps)
	head := pad
	for _, name := range names {
		head = max(head, float64(len(name))*row+pad)
	}
	arrows := new(drawing)
	y := head + pad
	for _, s := range steps {
		y = arrows.step(s, x, y)
	}
	d := &drawing{w: x[len(ids)], h: y + pad}
	var all []string
	for i, name := range names {
		w := widest(name) + 2*pad
		fmt.Fprintf(d, `<path d="M%.1f %.1fV%.1f" class="life"/><rect x="%.1f" y="1" width="%.1f" height="%.1f" rx="5" class="box"/>`, x[i], head, y+pad, x[i]-w/2, w, head)
		d.lines(x[i], head/2+1, "middle", name)
		all = append(all, strings.Join(name, " "))
	}
	d.WriteString(arrows.String())
	return d.svg("Sequence: " + strings.Join(all, ", ")), nil
}

// sequenceColumns returns the positions of the participants, and the right edge. Columns
// are as wide as their names, and as the texts between them.
func sequenceColumns(names [][]string, steps []sequenceStep) []float64 {
	x := make([]float64, len(names)+1)
	x[0] = widest(names[0])/2 + pad + 1
	for i := range names {
		gap := widest(names[i])/2 + pad + 2
		if i+1 < len(names) {
			gap += widest(names[i+1])/2 + 2*pad
		}
		for _, s := range steps {
			switch {
			case s.note:
			case s.from == i && s.to == i:
				gap = max(gap, s.width()+4*pad)
			case min(s.from, s.to) == i && max(s.from, s.to) == i+1:
				gap = max(gap, s.width()+3*pad)
			}
		}
		x[i+1] = x[i] + gap
	}
	return x
}

// step draws a step below y, and returns its lower edge.
func (d *drawing) step(s sequenceStep, x []float64, y float64) float64 {
	switch {
	case s.note:
		w, h := s.width()+2*pad, s.height()+pad
		left := max(1, x[s.from]-w/2)
		fmt.Fprintf(d, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="3" class="note"/>`, left, y, w, h)
		d.lines(left+w/2, y+h/2, "middle", s.lines)
		return y + h + pad
	case s.from == s.to:
		h := max(row, s.height())
		d.lines(x[s.from]+3*pad, y+h/2, "", s.lines)
		fmt.Fprintf(d, `<path d="M%.1f %.1fh%.1fv%.1fh-%.1f" class="edge" marker-end="url(#arrow)"/>`, x[s.from], y+h/2-row/2, 2*pad, row, 2*pad-1)
		return y + h + pad
	}
	class := "edge"
	if s.dashed {
		class += " dashed"
	}
	h := s.height()
	d.lines((x[s.from]+x[s.to])/2, y+h/2, "middle", s.lines)
	fmt.Fprintf(d, `<path d="M%.1f %.1fH%.1f" class="%s" marker-end="url(#arrow)"/>`, x[s.from], y+h+3, x[s.to]-math.Copysign(1, x[s.to]-x[s.from]), class)
	return y + h + pad
}

var (
	flowNode = regexp.MustCompile(`^(\w+)(?:\[\((.+?)\)\]|\[(.+?)\]|\{(.+?)\})?`)
	flowEdge = regexp.MustCompile(`^\s*-->(?:\|(.+?)\|)?\s*`)
	inherits = regexp.MustCompile(`^(\w+) <\|-- (\w+)$`)
)

// node is a node of a flow chart.
type node struct {
	id       string
	lines    []string
	shape    string // "box", "round" or "store"
	parent   int    // -1 for a root
	label    string // of the edge from the parent
	children []int
	depth    int
	y        float64
}

// height is that of the node's shape.
func (n *node) height() float64 {
	h := float64(len(n.lines))*row + pad
	if n.shape == "store" {
		h += 2 * lid
	}
	return h
}

// flow draws a flow chart, or a class diagram, that is a forest, from left to right.
func flow(lines []string) (string, error) {
	var nodes []*node
	marker := "marker-end=\"url(#arrow)\""
	find := func(id, label, shape string) int {
		i := slices.IndexFunc(nodes, func(n *node) bool { return n.id == id })
		if i < 0 {
			i = len(nodes)
			nodes = append(nodes, &node{id: id, lines: []string{id}, shape: "box", parent: -1})
		}
		if label != "" {
			nodes[i].lines, nodes[i].shape = wrap(label, 24), shape
		}
		return i
	}
	connect := func(from, to int, label string) error {
		if from == to || nodes[to].parent >= 0 {
			return fmt.Errorf("%w: %s has two parents", errDiagram, nodes[to].id)
		}
		nodes[to].parent, nodes[to].label = from, label
		nodes[from].children = append(nodes[from].children, to)
		return nil
	}
	for _, line := range lines {
		if found := inherits.FindStringSubmatch(line); found != nil {
			marker = "marker-start=\"url(#parent)\""
			if err := connect(find(found[1], "", ""), find(found[2], "", ""), ""); err != nil {
				return "", err
			}
			continue
		}
		previous, label := -1, ""
		for rest := line; rest != ""; {
			found := flowNode.FindStringSubmatch(rest)
			if found == nil {
				return "", fmt.Errorf("%w: %s", errDiagram, line)
			}
			rest = rest[len(found[0]):]
			current := find(found[1], found[2]+found[3]+found[4], map[bool]string{true: "store"}[found[2] != ""]+map[bool]string{true: "box"}[found[3] != ""]+map[bool]string{true: "round"}[found[4] != ""])
			if previous >= 0 {
				if err := connect(previous, current, label); err != nil {
					return "", err
				}
			}
			previous = current
			edge := flowEdge.FindStringSubmatch(rest)
			if edge == nil {
				if strings.TrimSpace(rest) != "" {
					return "", fmt.Errorf("%w: %s", errDiagram, line)
				}
				break
			}
			label, rest = edge[1], rest[len(edge[0]):]
		}
	}
	return arrange(nodes).draw(nodes, marker), nil
}

// wrap breaks a label into lines of about a width.
func wrap(label string, most int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(label) {
		if line != "" && len(line)+1+len(word) > most {
			lines, line = append(lines, line), word
			continue
		}
		line = strings.TrimSpace(line + " " + word)
	}
	return append(lines, line)
}

// tall returns the height of a node with everything below it.
func tall(nodes []*node, i int) float64 {
	below := -pad
	for _, child := range nodes[i].children {
		below += pad + tall(nodes, child)
	}
	return max(nodes[i].height(), below)
}

// columns are the left edges and the widths of the columns of a flow chart.
type columns struct{ x, w []float64 }

// arrange places nodes: each in the column of its depth, and in the middle of its children.
func arrange(nodes []*node) columns {
	var c columns
	var place func(i, depth int, top float64) float64
	place = func(i, depth int, top float64) float64 {
		n := nodes[i]
		n.depth = depth
		for len(c.w) <= depth {
			c.w, c.x = append(c.w, 0), append(c.x, 0)
		}
		c.w[depth] = max(c.w[depth], widest(n.lines)+2*pad)
		below := -pad
		for _, child := range n.children {
			below += pad + tall(nodes, child)
		}
		height := tall(nodes, i)
		n.y = top + height/2
		next := top + (height-below)/2
		for _, child := range n.children {
			next += pad + place(child, depth+1, next)
		}
		if len(n.children) > 0 {
			n.y = (nodes[n.children[0]].y + nodes[n.children[len(n.children)-1]].y) / 2
		}
		return height
	}
	next := 2.0
	for i, n := range nodes {
		if n.parent < 0 {
			next += pad + place(i, 0, next)
		}
	}
	gaps := make([]float64, len(c.w)+1)
	for _, n := range nodes {
		gaps[n.depth] = max(gaps[n.depth], 3*pad)
		if n.label != "" {
			gaps[n.depth] = max(gaps[n.depth], width(n.label)+bend+2*pad)
		}
	}
	x := 2.0
	for i := range c.w {
		if i > 0 {
			x += gaps[i]
		}
		c.x[i] = x
		x += c.w[i]
	}
	return c
}

func (c columns) draw(nodes []*node, marker string) string {
	d := new(drawing)
	var names []string
	for _, n := range nodes {
		names = append(names, strings.Join(n.lines, " "))
		x, w, h := c.x[n.depth], c.w[n.depth], n.height()
		d.w, d.h = max(d.w, x+w+2), max(d.h, n.y+h/2+3)
		switch n.shape {
		case "store":
			fmt.Fprintf(d, `<path d="M%.1f %.1fv%.1fa%.1f %.1f 0 0 0 %.1f 0v-%.1fa%.1f %.1f 0 0 0 -%.1f 0a%.1f %.1f 0 0 0 %.1f 0" class="box"/>`,
				x, n.y-h/2+lid, h-2*lid, w/2, lid, w, h-2*lid, w/2, lid, w, w/2, lid, w)
		default:
			radius := 5.0
			if n.shape == "round" {
				radius = h / 2
			}
			fmt.Fprintf(d, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="%.1f" class="box"/>`, x, n.y-h/2, w, h, radius)
		}
		middle := n.y
		if n.shape == "store" {
			middle += lid
		}
		d.lines(x+w/2, middle, "middle", n.lines)
		if n.parent < 0 {
			continue
		}
		p := nodes[n.parent]
		from, to := c.x[p.depth]+c.w[p.depth], x
		bent := from + min(bend, (to-from)/2)
		fmt.Fprintf(d, `<path d="M%.1f %.1fC%.1f %.1f %.1f %.1f %.1f %.1fH%.1f" class="edge" %s/>`, from+1, p.y, (from+bent)/2, p.y, (from+bent)/2, n.y, bent, n.y, to-1, marker)
		d.text((bent+to)/2-2, n.y-5, "middle label", n.label)
	}
	return d.svg("Chart: " + strings.Join(names, ", "))
}

var transition = regexp.MustCompile(`^(\S+) --> (\S+): (.+)$`)

// states returns a table of the transitions of a state diagram.
func states(lines []string) (string, error) {
	var b strings.Builder
	b.WriteString("<div class=\"scroll\"><table class=\"states\"><thead><tr><th>from</th><th>by</th><th>to</th></tr></thead><tbody>\n")
	state := func(name string, otherwise string) string {
		if name == "[*]" {
			return "<i>" + otherwise + "</i>"
		}
		return "<b>" + html.EscapeString(name) + "</b>"
	}
	type step struct{ from, by, to string }
	var steps []step
	order := map[string]int{}
	for _, line := range lines {
		found := transition.FindStringSubmatch(line)
		if found == nil {
			return "", fmt.Errorf("%w: %s", errDiagram, line)
		}
		steps = append(steps, step{found[1], found[3], found[2]})
		if _, ok := order[found[1]]; !ok {
			order[found[1]] = len(order)
		}
	}
	slices.SortStableFunc(steps, func(a, b step) int { return order[a.from] - order[b.from] })
	for i, s := range steps {
		from := ""
		if i == 0 || steps[i-1].from != s.from {
			rows := 1
			for i+rows < len(steps) && steps[i+rows].from == s.from {
				rows++
			}
			from = fmt.Sprintf("<th scope=\"rowgroup\" rowspan=\"%d\">%s</th>", rows, state(s.from, "outside"))
		}
		fmt.Fprintf(&b, "<tr>%s<td>%s</td><td>→ %s</td></tr>\n", from, html.EscapeString(s.by), state(s.to, "gone"))
	}
	return b.String() + "</tbody></table></div>", nil
}
