package site

import (
	"cmp"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
)

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
