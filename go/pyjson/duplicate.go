package pyjson

import "slices"

// DropDuplicates returns the text without the members that a later member of
// the same name replaces, at any depth, as Python reads it. It returns the text
// itself where there are none. The text must have been scanned without error.
func DropDuplicates(text []byte) []byte {
	d := duplicates{}
	s := Scanner{Src: text, Observer: &d}
	if _, err := s.Value(s.Space(0)); err != nil || len(d.replaced) == 0 {
		return text
	}
	slices.SortFunc(d.replaced, func(a, b span) int { return a.start - b.start })
	kept, pos := make([]byte, 0, len(text)), 0
	for _, r := range d.replaced {
		if r.start < pos { // within a member that is gone already
			continue
		}
		kept = append(kept, text[pos:r.start]...)
		pos = r.end
	}
	return append(kept, text[pos:]...)
}

type span struct{ start, end int }

// duplicates observes a scan and collects the members that are replaced.
type duplicates struct {
	open     []*object // nil for an array
	replaced []span
}

// object holds where each member of an open object begins. A replaced member
// reaches from its name to the name of the member behind it, which there always
// is, so that cutting it out leaves the commas right.
type object struct {
	starts []int
	last   map[string]int
}

func (d *duplicates) Open(kind Kind, _ int) {
	if kind == Object {
		d.open = append(d.open, &object{last: map[string]int{}})
	} else {
		d.open = append(d.open, nil)
	}
}

func (d *duplicates) Name(raw []byte, offset int) {
	o := d.open[len(d.open)-1]
	name, _ := Unquote(raw)
	o.starts = append(o.starts, offset)
	if i, found := o.last[name]; found {
		d.replaced = append(d.replaced, span{o.starts[i], o.starts[i+1]})
	}
	o.last[name] = len(o.starts) - 1
}

func (d *duplicates) Scalar(Kind, []byte, int) {}

func (d *duplicates) Close() { d.open = d.open[:len(d.open)-1] }
