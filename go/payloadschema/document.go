package payloadschema

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"github.com/remote-events/remote-events/go/pyjson"
)

// The limits of numbers. JSON Schema cannot represent other values, or cannot compare
// them in reasonable time. Senders do not write them (JSON-6, JSON-7).
const (
	maxDigits   = 4300
	maxExponent = 400
)

// maxDepth is the maximum depth of a payload that receivers accept (LIMIT-4).
const maxDepth = 10_000

// document is a parsed payload with decoded strings. It uses twelve bytes a value and
// four a member, and copies only strings with escapes.
type document struct {
	text  []byte
	extra []byte   // decoded strings; their addresses continue the addresses of the text
	nodes [][]node // in the order of the text, in chunks of equal length
	count uint32   // of nodes
	order []uint32 // the names of each object's members, sorted, without replaced members
	unfit bool     // the payload contains a value outside JSON Schema's data model
}

// node is a value, or the name of a member, which precedes its value.
type node struct {
	// start and end are the range of a scalar (a string without its quotes). For an
	// object, they are its range in order. For an array, start is the number of elements.
	start, end uint32
	// link is the index of the node after the value, with the kind in the highest bits.
	link uint32
}

const (
	kindShift = 29
	linkMask  = 1<<kindShift - 1
	chunk     = 1 << 10 // nodes in a chunk
)

func (n *node) kind() pyjson.Kind { return pyjson.Kind(n.link>>kindShift) + 1 }
func (n *node) next() uint32      { return n.link & linkMask }

func (d *document) node(i uint32) *node { return &d.nodes[i/chunk][i%chunk] }

// bytes returns a scalar from the text, or a decoded string.
func (d *document) bytes(n *node) []byte {
	if length := uint32(len(d.text)); n.start >= length { //nolint:gosec // parse limits the length
		return d.extra[n.start-length : n.end-length]
	}
	return d.text[n.start:n.end]
}

// name returns the name of a member, by its index in order.
func (d *document) name(place uint32) []byte { return d.bytes(d.node(d.order[place])) }

// member returns the value of a member, by its index in order.
func (d *document) member(place uint32) uint32 { return d.order[place] + 1 }

// has reports whether an object has a member with the name.
func (d *document) has(object *node, name string) bool {
	low, high := object.start, object.end
	for low < high {
		middle := low + (high-low)/2
		switch c := strings.Compare(string(d.name(middle)), name); {
		case c == 0:
			return true
		case c < 0:
			low = middle + 1
		default:
			high = middle
		}
	}
	return false
}

// parse parses a payload. If it contains a value outside JSON Schema's data model, parse
// returns the path and the problem.
func parse(payload []byte) (*document, []step, string) {
	if len(payload) > linkMask {
		return nil, nil, "it is longer than 512 MiB"
	}
	p := parser{Scanner: pyjson.Scanner{Src: payload, MaxDepth: maxDepth}, document: &document{text: payload}}
	end, err := p.value(p.Space(0))
	if err == nil {
		err = p.End(end)
	}
	if err != nil {
		return nil, nil, "it is not JSON: " + err.Error()
	}
	if p.document.unfit { // perhaps in a replaced member
		if place, problem := p.document.findUnfit(0); problem != "" {
			return nil, place, problem
		}
	}
	return p.document, nil, ""
}

type parser struct {
	pyjson.Scanner

	document *document
	names    []uint32 // stack of the names of unfinished objects
}

func (p *parser) add(kind pyjson.Kind, start, end int) uint32 {
	d := p.document
	if d.count%chunk == 0 {
		d.nodes = append(d.nodes, make([]node, chunk))
	}
	i := d.count
	d.count++
	*d.node(i) = node{uint32(start), uint32(end), uint32(kind-1)<<kindShift | d.count} //nolint:gosec // parse limits the length
	return i
}

// value parses the value at pos.
func (p *parser) value(pos int) (end int, err error) {
	kind, err := p.Peek(pos)
	if err != nil {
		return 0, err
	}
	switch kind {
	case pyjson.Object:
		return p.object(pos)
	case pyjson.Array:
		return p.array(pos)
	case pyjson.String:
		raw, escaped, end, err := p.String(pos)
		if err == nil {
			p.string(raw, escaped, pos+1)
		}
		return end, err
	default:
	}
	if end, err = p.Value(pos); err != nil {
		return 0, err
	}
	if kind == pyjson.NonFinite || kind == pyjson.Number && !bounded(p.Src[pos:end]) {
		p.document.unfit = true
	}
	p.add(kind, pos, end)
	return end, nil
}

// string adds a string. Its content, without quotes, begins at pos.
func (p *parser) string(raw []byte, escaped bool, pos int) uint32 {
	d := p.document
	if !escaped {
		return p.add(pyjson.String, pos, pos+len(raw))
	}
	text, ok := pyjson.Unquote(raw)
	d.unfit = d.unfit || !ok
	from := len(d.text) + len(d.extra)
	d.extra = append(d.extra, text...)
	return p.add(pyjson.String, from, from+len(text))
}

func (p *parser) object(pos int) (int, error) {
	object := p.add(pyjson.Object, 0, 0)
	first := len(p.names)
	pos, more, err := p.Begin(pyjson.Object, pos)
	for more && err == nil {
		var raw []byte
		at := pos + 1
		if raw, pos, err = p.Name(pos); err != nil {
			return 0, err
		}
		p.names = append(p.names, p.string(raw, bytes.IndexByte(raw, '\\') >= 0, at))
		if pos, err = p.value(pos); err == nil {
			pos, more, err = p.Next(pyjson.Object, pos)
		}
	}
	if err != nil {
		return 0, err
	}
	d, names := p.document, p.names[first:]
	p.names = p.names[:first]
	slices.SortFunc(names, func(a, b uint32) int {
		if c := bytes.Compare(d.bytes(d.node(a)), d.bytes(d.node(b))); c != 0 {
			return c
		}
		return int(a) - int(b)
	})
	start := len(d.order)
	for i, name := range names {
		// The last of several members with one name counts (JSON-11).
		if i+1 == len(names) || !bytes.Equal(d.bytes(d.node(name)), d.bytes(d.node(names[i+1]))) {
			d.order = append(d.order, name)
		}
	}
	*d.node(object) = node{uint32(start), uint32(len(d.order)), uint32(pyjson.Object-1)<<kindShift | d.count} //nolint:gosec // fewer than the bytes
	return pos, nil
}

func (p *parser) array(pos int) (int, error) {
	array := p.add(pyjson.Array, 0, 0)
	pos, more, err := p.Begin(pyjson.Array, pos)
	n := uint32(0)
	for ; more && err == nil; n++ {
		if pos, err = p.value(pos); err == nil {
			pos, more, err = p.Next(pyjson.Array, pos)
		}
	}
	if err != nil {
		return 0, err
	}
	d := p.document
	*d.node(array) = node{n, 0, uint32(pyjson.Array-1)<<kindShift | d.count}
	return pos, nil
}

// bounded reports whether a number can be compared in reasonable time.
func bounded(number []byte) bool {
	mantissa, exponent := number, 0
	if i := bytes.IndexAny(number, "eE"); i >= 0 {
		var err error
		if exponent, err = strconv.Atoi(string(number[i+1:])); err != nil {
			return false
		}
		mantissa = number[:i]
	}
	digits := len(mantissa) - bytes.Count(mantissa, []byte("-")) - bytes.Count(mantissa, []byte("."))
	return digits <= maxDigits && -maxExponent <= exponent && exponent <= maxExponent
}

// findUnfit returns the path to the first value outside JSON Schema's data model, in the
// order of the names, from the innermost step on.
func (d *document) findUnfit(i uint32) (place []step, problem string) {
	n := d.node(i)
	switch n.kind() {
	case pyjson.Object:
		for at := n.start; at < n.end; at++ {
			name := d.name(at)
			if place, problem = d.findUnfit(d.member(at)); problem == "" && isWTF8(name) {
				problem = "a name contains a lone surrogate"
			}
			if problem != "" {
				return append(place, step{name: name}), problem
			}
		}
	case pyjson.Array:
		element := i + 1
		for index := range n.start {
			if place, problem = d.findUnfit(element); problem != "" {
				return append(place, step{index: int(index), element: true}), problem
			}
			element = d.node(element).next()
		}
	case pyjson.String:
		if isWTF8(d.bytes(n)) {
			return nil, "a string contains a lone surrogate"
		}
	case pyjson.Number:
		if !bounded(d.bytes(n)) {
			return nil, "a number has more than 4,300 digits, or an exponent beyond ±400"
		}
	case pyjson.NonFinite:
		return nil, "a number is not finite"
	default:
	}
	return nil, ""
}

// isWTF8 reports whether a decoded string contains a surrogate, in the form of
// [pyjson.Unquote].
func isWTF8(text []byte) bool {
	for i := 0; i+2 < len(text); i++ {
		if text[i] == 0xED && text[i+1] >= 0xA0 && text[i+1] <= 0xBF {
			return true
		}
	}
	return false
}
