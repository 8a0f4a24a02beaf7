package payloadschema

import (
	"slices"

	"github.com/remote-events/remote-events/go/pyjson"
)

// seen is the set of evaluated members or elements of one value, for
// unevaluatedProperties and unevaluatedItems. A nil seen ignores all calls.
type seen struct {
	bits []uint64
	all  bool
}

func (s *seen) mark(i uint32) {
	if s != nil {
		s.bits[i/64] |= 1 << (i % 64)
	}
}

func (s *seen) markAll() {
	if s != nil {
		s.all = true
	}
}

func (s *seen) has(i uint32) bool { return s.all || s.bits[i/64]>>(i%64)&1 != 0 }

// newSeen returns an empty set for a value, or nil for a scalar.
func (e *evaluator) newSeen(n *node) *seen {
	var size uint32
	switch n.kind() {
	case pyjson.Object:
		size = n.end - n.start
	case pyjson.Array:
		size = n.start
	default:
		return nil
	}
	e.spend(int(size / 64))
	var made *seen
	if last := len(e.free) - 1; last >= 0 {
		made, e.free = e.free[last], e.free[:last]
	} else {
		made = new(seen)
	}
	words := int(size/64) + 1
	made.all, made.bits = false, slices.Grow(made.bits[:0], words)[:words]
	clear(made.bits)
	return made
}

// addTo adds the set own to the set marks of the same value, unless marks is nil, and
// frees own.
func (e *evaluator) addTo(marks, own *seen, fits bool) {
	if own == nil {
		return
	}
	if fits && marks != nil { // a schema evaluates parts only if it fits
		marks.all = marks.all || own.all
		for w, bits := range own.bits {
			marks.bits[w] |= bits
		}
	}
	e.free = append(e.free, own)
}
