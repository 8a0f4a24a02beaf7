package site

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

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

// height returns the height of the node's shape.
func (n *node) height() float64 {
	h := float64(len(n.lines))*row + pad
	if n.shape == "store" {
		h += 2 * lid
	}
	return h
}

// flow draws a flow chart or a class diagram from left to right. Its graph must be a forest.
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
