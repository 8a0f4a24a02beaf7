package payloadschema

import (
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"github.com/remote-events/remote-events/go/pyjson"
)

// The compiler of jsonschema compiles the schemas; evaluator checks payloads. The
// validator of jsonschema records the path of every value and every failure, so that
// neither its time nor its memory is bounded: a message of 1 MB with 9,900 levels took
// 5 GB. The evaluator stops at the first failure and records only its path.

// The limits of a check. Each schema that is applied to a value costs a unit of the
// budget, and so does each member, each element, each comparison and some bytes of text.
const (
	minBudget      = 4 << 20
	budgetPerValue = 64
	maxNesting     = 1 << 16 // of all active schemas
	maxInPlace     = 1000    // of schemas for one value
)

// A check that cannot be finished panics with one of these values, which Check recovers.
type unfinished string

const (
	exhausted unfinished = "the check takes too long: it exceeds the maximum number of steps for this payload"
	endless   unfinished = "the schema refers to itself endlessly"
)

// step is one step of the path to a value: a member or an element.
type step struct {
	name    []byte
	known   bool // the schema contains the name
	index   int
	element bool
}

// evaluator checks one document. It is used once.
type evaluator struct {
	*document

	anchors map[*jsonschema.Schema][]*jsonschema.Schema
	budget  int
	nesting int
	silent  int // nesting of alternatives, whose failures are not recorded

	// The failure, and the path to it, from the innermost step on.
	problem  string
	keywords []string
	place    []step

	free []*seen // for reuse
}

// scope is the dynamic scope: the active schemas that $dynamicRef and
// $recursiveRef search, innermost first, without repetitions.
type scope struct {
	schema *jsonschema.Schema
	outer  *scope
}

func (e *evaluator) spend(units int) {
	if e.budget -= units; e.budget < 0 {
		panic(exhausted)
	}
}

// fail records a failure, unless an alternative is being tried. It returns false.
func (e *evaluator) fail(keyword, problem string) bool {
	if e.silent == 0 {
		e.problem, e.keywords, e.place = problem, e.keywords[:0], e.place[:0]
		if keyword != "" {
			e.keywords = append(e.keywords, keyword)
		}
	}
	return false
}

// child applies a schema to a member or an element.
func (e *evaluator) child(s *jsonschema.Schema, i uint32, sc *scope, at step, keyword ...string) bool {
	if e.apply(s, i, sc, nil, 0) {
		return true
	}
	if e.silent == 0 {
		e.place = append(e.place, at)
		e.keywords = appendReversed(e.keywords, keyword)
	}
	return false
}

// inPlace applies another schema to the same value.
func (e *evaluator) inPlace(s *jsonschema.Schema, i uint32, sc *scope, marks *seen, depth int, keyword ...string) bool {
	var own *seen
	if marks != nil {
		own = e.newSeen(e.node(i))
	}
	fits := e.apply(s, i, sc, own, depth+1)
	e.addTo(marks, own, fits)
	if !fits && e.silent == 0 {
		e.keywords = appendReversed(e.keywords, keyword)
	}
	return fits
}

func appendReversed(to, steps []string) []string {
	for _, s := range slices.Backward(steps) {
		to = append(to, s)
	}
	return to
}

// matches applies a schema without recording its failure.
func (e *evaluator) matches(s *jsonschema.Schema, i uint32, sc *scope, marks *seen, depth int) bool {
	e.silent++
	fits := e.inPlace(s, i, sc, marks, depth)
	e.silent--
	return fits
}

// apply reports whether a value fits a schema. depth is the number of active schemas for
// this value.
func (e *evaluator) apply(s *jsonschema.Schema, i uint32, sc *scope, marks *seen, depth int) bool {
	e.spend(1)
	if depth > maxInPlace {
		panic(endless)
	}
	if e.nesting++; e.nesting > maxNesting {
		panic(exhausted)
	}
	defer func() { e.nesting-- }()
	if s.Always != nil {
		return *s.Always || e.fail("", "no value is permitted here")
	}
	if len(e.anchors[s]) > 0 || s.RecursiveAnchor {
		sc = sc.with(s)
	}
	n := e.node(i)
	outer := marks
	if s.UnevaluatedProperties != nil && n.kind() == pyjson.Object || s.UnevaluatedItems != nil && n.kind() == pyjson.Array {
		marks = e.newSeen(n)
	}
	fits := e.assertions(s, i, n) && e.references(s, i, sc, marks, depth) && e.combinations(s, i, sc, marks, depth)
	switch n.kind() {
	case pyjson.Object:
		fits = fits && e.dependents(s, i, n, sc, marks, depth) && e.members(s, n, sc, marks)
	case pyjson.Array:
		fits = fits && e.elements(s, i, n, sc, marks)
	default:
	}
	if marks != outer {
		e.addTo(outer, marks, fits)
	}
	return fits
}

func (sc *scope) with(s *jsonschema.Schema) *scope {
	for at := sc; at != nil; at = at.outer {
		if at.schema == s {
			return sc
		}
	}
	return &scope{s, sc}
}
