package payloadschema

import (
	"encoding/binary"
	"encoding/json"
	"hash/maphash"
	"slices"

	"github.com/remote-events/remote-events/go/pyjson"
)

// equals compares a value of the document with a value of the schema.
func (e *evaluator) equals(i uint32, with any) bool {
	e.spend(1)
	n := e.node(i)
	switch with := with.(type) {
	case nil:
		return n.kind() == pyjson.Null
	case bool:
		return with && n.kind() == pyjson.True || !with && n.kind() == pyjson.False
	case string:
		e.spend(len(with) / 64)
		return n.kind() == pyjson.String && string(e.bytes(n)) == with
	case json.Number:
		e.spend(len(with) / 16)
		return n.kind() == pyjson.Number && equalNumbers(e.bytes(n), []byte(with))
	case []any:
		if n.kind() != pyjson.Array || int(n.start) != len(with) {
			return false
		}
		element := i + 1
		for _, v := range with {
			if !e.equals(element, v) {
				return false
			}
			element = e.node(element).next()
		}
		return true
	case map[string]any:
		if n.kind() != pyjson.Object || int(n.end-n.start) != len(with) {
			return false
		}
		for place := n.start; place < n.end; place++ {
			v, found := with[string(e.name(place))]
			if !found || !e.equals(e.member(place), v) {
				return false
			}
		}
		return true
	}
	return false
}

// same compares two values of the document.
func (e *evaluator) same(a, b uint32) bool {
	e.spend(1)
	x, y := e.node(a), e.node(b)
	if x.kind() != y.kind() {
		return false
	}
	switch x.kind() {
	case pyjson.String:
		e.spend(int(x.end-x.start) / 64)
		return string(e.bytes(x)) == string(e.bytes(y))
	case pyjson.Number:
		e.spend(int(x.end-x.start) / 16)
		return equalNumbers(e.bytes(x), e.bytes(y))
	case pyjson.Array:
		if x.start != y.start {
			return false
		}
		a, b = a+1, b+1
		for range x.start {
			if !e.same(a, b) {
				return false
			}
			a, b = e.node(a).next(), e.node(b).next()
		}
	case pyjson.Object:
		if x.end-x.start != y.end-y.start {
			return false
		}
		for place := range x.end - x.start {
			if string(e.name(x.start+place)) != string(e.name(y.start+place)) || !e.same(e.member(x.start+place), e.member(y.start+place)) {
				return false
			}
		}
	default:
	}
	return true
}

// unique reports whether no two elements of an array are equal. It compares only
// elements with the same hash.
func (e *evaluator) unique(i uint32, n *node) bool {
	e.spend(2 * int(n.start))
	type hashed struct{ hash, node uint32 }
	elements := make([]hashed, n.start)
	seed, element := maphash.MakeSeed(), i+1
	var h maphash.Hash
	for at := range elements {
		h.SetSeed(seed)
		e.hash(&h, element)
		elements[at] = hashed{uint32(h.Sum64()), element} //nolint:gosec // the low 32 bits suffice
		element = e.node(element).next()
	}
	slices.SortFunc(elements, func(a, b hashed) int { return int(a.hash) - int(b.hash) })
	for at, a := range elements {
		for _, b := range elements[at+1:] {
			if b.hash != a.hash {
				break
			}
			if e.same(a.node, b.node) {
				return false
			}
		}
	}
	return true
}

// hash writes data that equal values share.
func (e *evaluator) hash(h *maphash.Hash, i uint32) {
	n := e.node(i)
	e.spend(1 + int(max(n.start, n.end)-n.start)/64)
	_ = h.WriteByte(byte(n.kind()))
	switch n.kind() {
	case pyjson.String:
		_, _ = h.Write(e.bytes(n))
	case pyjson.Number:
		d := decimalOf(e.bytes(n))
		_, _ = h.Write(d.digits)
		_, _ = h.Write(binary.AppendVarint(nil, int64(d.exponent)))
	case pyjson.Array:
		element := i + 1
		for range n.start {
			e.hash(h, element)
			element = e.node(element).next()
		}
	case pyjson.Object:
		for place := n.start; place < n.end; place++ {
			_, _ = h.Write(e.name(place))
			e.hash(h, e.member(place))
		}
	default:
	}
}
