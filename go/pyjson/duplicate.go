package pyjson

import "slices"

// DropDuplicates returns the text without the members that a later member of
// the same name replaces, at any depth, as Python reads it. If there are none, it returns
// the text itself. The text must be valid: scan it first.
func DropDuplicates(text []byte) []byte {
	d := duplicates{}
	s := Scanner{Src: text, Observer: &d}
	if _, err := s.Value(s.Space(0)); err != nil || len(d.replaced) == 0 {
		return text
	}
	slices.SortFunc(d.replaced, func(a, b span) int { return a.start - b.start })
	kept, pos := make([]byte, 0, len(text)), 0
	for _, r := range d.replaced {
		if r.start < pos { // within a member that is already cut out
			continue
		}
		kept = append(kept, text[pos:r.start]...)
		pos = r.end
	}
	return append(kept, text[pos:]...)
}

type span struct{ start, end int }

// duplicates is an observer that collects the replaced members.
type duplicates struct {
	open     []*object // nil for an array
	replaced []span
}

// object contains the position of each member of an open object. A replaced member
// extends from its name to the next member's name. There always is a next member, so
// that cutting out the range keeps the commas correct.
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
