package site

import (
	"errors"
	"fmt"
	"html"
	"regexp"
	"slices"
	"strings"
)

// errDiagram reports a diagram of a form that is not known.
var errDiagram = errors.New("a diagram of an unknown form: the site draws sequenceDiagram, flowchart LR, classDiagram and stateDiagram-v2")

// diagram returns the HTML of a diagram in the language of Mermaid. It supports the part of
// the language that the specification uses.
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

// svg returns the drawing. On a narrow page, it shrinks to 80 percent. Its box scrolls if
// that is not enough.
func (d *drawing) svg(label string) string {
	return fmt.Sprintf(`<figure class="diagram"><svg viewBox="0 0 %.0f %.0f" width="%.0f" style="min-width:%.0fpx" role="img" aria-label="%s">%s</svg></figure>`,
		d.w, d.h, d.w, 0.8*d.w, html.EscapeString(label), d.String())
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
