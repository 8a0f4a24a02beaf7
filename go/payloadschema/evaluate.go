package payloadschema

import (
	"encoding/binary"
	"encoding/json"
	"hash/maphash"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"github.com/remote-events/remote-events/go/pyjson"
)

// The compiler of jsonschema makes the schemas; the checks are made here. Its own
// validator writes down the place of each value before it looks at it, and every
// failure that it finds, so that neither time nor memory has a bound: a message of
// 1 MB that nests 9,900 levels deep took 5 GB. Here a place is written down once
// something does not fit, which ends the check.

// What a check may take. Each schema that is applied to a value is a unit, and so is
// each member, element, comparison and some bytes of text.
const (
	budgetAtLeast  = 4 << 20
	budgetPerValue = 64
	maxNesting     = 1 << 16 // of the schemas that are under way
	maxInPlace     = 1000    // of the schemas that are applied to one value
)

// A check that cannot be finished panics with one of these, which Check recovers.
type unfinished string

const (
	spent   unfinished = "the check takes too long: the schema asks more of this payload than a check may take"
	endless unfinished = "the schema refers to itself without an end"
)

// step is one step of the way to a value: a member or an element.
type step struct {
	name    []byte
	known   bool // the schema itself has the name
	index   int
	element bool
}

// evaluator checks one document.
type evaluator struct {
	*document

	anchors map[*jsonschema.Schema][]*jsonschema.Schema
	budget  int
	nesting int
	quiet   int // how many alternatives are tried, where a failure is no fault yet

	// What does not fit, and the way there, from the innermost step on.
	problem  string
	keywords []string
	place    []step

	free []*seen // to be used again
}

// scope is the dynamic scope: the schemas on the way that $dynamicRef and
// $recursiveRef look for, innermost first, each once.
type scope struct {
	schema *jsonschema.Schema
	outer  *scope
}

// seen notes which members or elements of one value are evaluated, for
// unevaluatedProperties and unevaluatedItems. A nil seen notes nothing.
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

func (e *evaluator) spend(units int) {
	if e.budget -= units; e.budget < 0 {
		panic(spent)
	}
}

// newSeen makes a seen for a value, or nil for one without parts.
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

// addTo notes in another seen of the same value what was evaluated, if there is one,
// and gives this one back.
func (e *evaluator) addTo(marks, own *seen, fits bool) {
	if own == nil {
		return
	}
	if fits && marks != nil { // what a schema evaluates counts only where it fits
		marks.all = marks.all || own.all
		for w, bits := range own.bits {
			marks.bits[w] |= bits
		}
	}
	e.free = append(e.free, own)
}

// fail notes what does not fit, unless an alternative may yet.
func (e *evaluator) fail(keyword, problem string) bool {
	if e.quiet == 0 {
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
	if e.quiet == 0 {
		e.place = append(e.place, at)
		e.keywords = appendReversed(e.keywords, keyword)
	}
	return false
}

// inPlace applies a further schema to the same value.
func (e *evaluator) inPlace(s *jsonschema.Schema, i uint32, sc *scope, marks *seen, depth int, keyword ...string) bool {
	var own *seen
	if marks != nil {
		own = e.newSeen(e.node(i))
	}
	fits := e.apply(s, i, sc, own, depth+1)
	e.addTo(marks, own, fits)
	if !fits && e.quiet == 0 {
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

// tried applies a schema whose failure is no fault.
func (e *evaluator) tried(s *jsonschema.Schema, i uint32, sc *scope, marks *seen, depth int) bool {
	e.quiet++
	fits := e.inPlace(s, i, sc, marks, depth)
	e.quiet--
	return fits
}

// apply reports whether a value fits a schema. depth counts the schemas that are
// applied to this value already.
func (e *evaluator) apply(s *jsonschema.Schema, i uint32, sc *scope, marks *seen, depth int) bool {
	e.spend(1)
	if depth > maxInPlace {
		panic(endless)
	}
	if e.nesting++; e.nesting > maxNesting {
		panic(spent)
	}
	defer func() { e.nesting-- }()
	if s.Always != nil {
		return *s.Always || e.fail("", "nothing may stand here")
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

// assertions checks what a schema asks of the value itself.
func (e *evaluator) assertions(s *jsonschema.Schema, i uint32, n *node) bool {
	if len(s.Types) > 0 && !e.hasType(s.Types, n) {
		return e.fail("type", "expected "+strings.Join(s.Types, " or ")+", but got "+typeOf(n.kind()))
	}
	if len(s.Constant) > 0 && !e.equals(i, s.Constant[0]) {
		return e.fail("const", "it is not the value that the schema demands")
	}
	if len(s.Enum) > 0 && !slices.ContainsFunc(s.Enum, func(v any) bool { return e.equals(i, v) }) {
		return e.fail("enum", "it is none of the values that the schema permits")
	}
	switch n.kind() {
	case pyjson.Object:
		count := int(n.end - n.start)
		if s.MinProperties != -1 && count < s.MinProperties {
			return e.fail("minProperties", "it violates minProperties")
		}
		if s.MaxProperties != -1 && count > s.MaxProperties {
			return e.fail("maxProperties", "it violates maxProperties")
		}
		return e.hasAll(n, s.Required, "required")
	case pyjson.Array:
		count := int(n.start)
		if s.MinItems != -1 && count < s.MinItems {
			return e.fail("minItems", "it violates minItems")
		}
		if s.MaxItems != -1 && count > s.MaxItems {
			return e.fail("maxItems", "it violates maxItems")
		}
		if s.UniqueItems && !e.unique(i, n) {
			return e.fail("uniqueItems", "it violates uniqueItems")
		}
	case pyjson.String:
		return e.text(s, e.bytes(n))
	case pyjson.Number:
		return e.number(s, e.bytes(n))
	default:
	}
	return true
}

// hasAll checks that an object has all the names.
func (e *evaluator) hasAll(n *node, names []string, keyword string) bool {
	e.spend(len(names))
	var missing []string
	for _, name := range names {
		if !e.has(n, name) {
			if e.quiet > 0 {
				return false
			}
			missing = append(missing, quote(name))
		}
	}
	return len(missing) == 0 || e.fail(keyword, "missing properties: "+strings.Join(missing, ", "))
}

// quote puts a text of the schema between single quotes.
func quote(text string) string {
	text = strconv.Quote(text)
	text = strings.ReplaceAll(text[1:len(text)-1], `\"`, `"`)
	return "'" + strings.ReplaceAll(text, "'", `\'`) + "'"
}

func (e *evaluator) text(s *jsonschema.Schema, text []byte) bool {
	if s.MinLength != -1 || s.MaxLength != -1 {
		e.spend(len(text) / 64)
		length := utf8.RuneCount(text)
		if s.MinLength != -1 && length < s.MinLength {
			return e.fail("minLength", "it violates minLength")
		}
		if s.MaxLength != -1 && length > s.MaxLength {
			return e.fail("maxLength", "it violates maxLength")
		}
	}
	if s.Pattern != nil {
		e.spend(len(text))
		if !s.Pattern.Match(text) {
			return e.fail("pattern", "does not match pattern "+quote(s.Pattern.String()))
		}
	}
	return true
}

func (e *evaluator) number(s *jsonschema.Schema, number []byte) bool {
	if s.Minimum != nil || s.Maximum != nil || s.ExclusiveMinimum != nil || s.ExclusiveMaximum != nil || s.MultipleOf != nil {
		e.spend(len(number))
	}
	switch {
	case s.Minimum != nil && compare(number, s.Minimum) < 0:
		return e.fail("minimum", "it violates minimum")
	case s.ExclusiveMinimum != nil && compare(number, s.ExclusiveMinimum) <= 0:
		return e.fail("exclusiveMinimum", "it violates exclusiveMinimum")
	case s.Maximum != nil && compare(number, s.Maximum) > 0:
		return e.fail("maximum", "it violates maximum")
	case s.ExclusiveMaximum != nil && compare(number, s.ExclusiveMaximum) >= 0:
		return e.fail("exclusiveMaximum", "it violates exclusiveMaximum")
	case s.MultipleOf != nil && !isMultiple(number, s.MultipleOf):
		return e.fail("multipleOf", "it violates multipleOf")
	}
	return true
}

// references follows the references of a schema.
func (e *evaluator) references(s *jsonschema.Schema, i uint32, sc *scope, marks *seen, depth int) bool {
	if s.Ref != nil && !e.inPlace(s.Ref, i, sc, marks, depth, "$ref") {
		return false
	}
	if target := s.RecursiveRef; target != nil {
		if target.RecursiveAnchor {
			for at := sc; at != nil; at = at.outer {
				if at.schema.RecursiveAnchor {
					target = at.schema // the outermost counts
				}
			}
		}
		if !e.inPlace(target, i, sc, marks, depth, "$recursiveRef") {
			return false
		}
	}
	if target := s.DynamicRef; target != nil {
		if target.DynamicAnchor != "" && target.DynamicAnchor == dynamicRefAnchor(s) {
			for at := sc; at != nil; at = at.outer {
				e.spend(1)
				for _, anchor := range e.anchors[at.schema] {
					if anchor.DynamicAnchor == s.DynamicRef.DynamicAnchor {
						target = anchor // the outermost counts
					}
				}
			}
		}
		return e.inPlace(target, i, sc, marks, depth, "$dynamicRef")
	}
	return true
}

// combinations checks what a schema makes of other schemas for the same value.
func (e *evaluator) combinations(s *jsonschema.Schema, i uint32, sc *scope, marks *seen, depth int) bool {
	for at, part := range s.AllOf {
		if !e.inPlace(part, i, sc, marks, depth, "allOf", strconv.Itoa(at)) {
			return false
		}
	}
	if len(s.AnyOf) > 0 {
		fits := false
		for _, part := range s.AnyOf {
			// One is enough, unless what the others evaluate counts as well.
			if fits = e.tried(part, i, sc, marks, depth) || fits; fits && marks == nil {
				break
			}
		}
		if !fits {
			return e.fail("anyOf", "none of the alternatives fits")
		}
	}
	if len(s.OneOf) > 0 {
		fit := 0
		for _, part := range s.OneOf {
			if e.tried(part, i, sc, marks, depth) {
				if fit++; fit > 1 {
					break
				}
			}
		}
		if fit != 1 {
			return e.fail("oneOf", "not exactly one of the alternatives fits")
		}
	}
	if s.Not != nil && e.tried(s.Not, i, sc, nil, depth) {
		return e.fail("not", "it violates not")
	}
	if s.If != nil {
		branch, keyword := s.Else, "else"
		if e.tried(s.If, i, sc, marks, depth) {
			branch, keyword = s.Then, "then"
		}
		if branch != nil && !e.inPlace(branch, i, sc, marks, depth, keyword) {
			return false
		}
	}
	return true
}

// dependents checks what depends on the members that an object has.
func (e *evaluator) dependents(s *jsonschema.Schema, i uint32, n *node, sc *scope, marks *seen, depth int) bool {
	if len(s.Dependencies)+len(s.DependentRequired)+len(s.DependentSchemas) == 0 {
		return true
	}
	for _, name := range slices.Sorted(maps.Keys(s.Dependencies)) {
		if !e.has(n, name) {
			continue
		}
		switch needs := s.Dependencies[name].(type) {
		case *jsonschema.Schema:
			if !e.inPlace(needs, i, sc, marks, depth, "dependencies", escape(name)) {
				return false
			}
		case []string:
			if !e.hasAll(n, needs, "dependencies/"+escape(name)) {
				return false
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.DependentRequired)) {
		if e.has(n, name) && !e.hasAll(n, s.DependentRequired[name], "dependentRequired/"+escape(name)) {
			return false
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.DependentSchemas)) {
		if e.has(n, name) && !e.inPlace(s.DependentSchemas[name], i, sc, marks, depth, "dependentSchemas", escape(name)) {
			return false
		}
	}
	return true
}

// members checks the members of an object, in the order of their names.
func (e *evaluator) members(s *jsonschema.Schema, n *node, sc *scope, marks *seen) bool {
	if len(s.Properties) > 0 || s.PropertyNames != nil || len(s.PatternProperties) > 0 || s.AdditionalProperties != nil {
		for place := n.start; place < n.end; place++ {
			if !e.oneMember(s, n, place, sc, marks) {
				return false
			}
		}
	}
	if s.AdditionalProperties != nil {
		marks.markAll()
	}
	if s.UnevaluatedProperties != nil {
		for place := n.start; place < n.end; place++ {
			if !marks.has(place-n.start) && !e.child(s.UnevaluatedProperties, e.member(place), sc, step{name: e.name(place)}, "unevaluatedProperties") {
				return e.surplus(s.UnevaluatedProperties)
			}
		}
		marks.markAll()
	}
	return true
}

func (e *evaluator) oneMember(s *jsonschema.Schema, n *node, place uint32, sc *scope, marks *seen) bool {
	e.spend(1)
	name, value, evaluated := e.name(place), e.member(place), false
	if s.PropertyNames != nil && !e.child(s.PropertyNames, e.order[place], sc, step{name: name}, "propertyNames") {
		return false
	}
	if property, ok := s.Properties[string(name)]; ok {
		evaluated = true
		if !e.child(property, value, sc, step{name: name, known: true}, "properties", escape(string(name))) {
			return false
		}
	}
	if len(s.PatternProperties) > 0 {
		e.spend(len(name) * len(s.PatternProperties))
		failed := "" // of several the first, so that it is the same every time
		for pattern, property := range s.PatternProperties {
			if !pattern.Match(name) {
				continue
			}
			evaluated = true
			if text := pattern.String(); failed == "" || text < failed {
				if !e.child(property, value, sc, step{name: name}, "patternProperties", escape(text)) {
					failed = text
				}
			}
		}
		if failed != "" {
			return false
		}
	}
	if evaluated {
		marks.mark(place - n.start)
		return true
	}
	switch additional := s.AdditionalProperties.(type) {
	case bool:
		return additional || e.fail("additionalProperties", "a member that the schema does not have")
	case *jsonschema.Schema:
		return e.child(additional, value, sc, step{name: name}, "additionalProperties") || e.surplus(additional)
	}
	return true
}

// surplus words the failure of a member that the schema false is all there is for.
func (e *evaluator) surplus(s *jsonschema.Schema) bool {
	if e.quiet == 0 && s.Always != nil {
		e.problem = "a member that the schema does not have"
	}
	return false
}

// elements checks the elements of an array, in their order.
func (e *evaluator) elements(s *jsonschema.Schema, i uint32, n *node, sc *scope, marks *seen) bool {
	every, _ := s.Items.(*jsonschema.Schema)
	first, tuple := s.Items.([]*jsonschema.Schema)
	rest, restKeyword := s.Items2020, "items"
	keyword := "prefixItems"
	if tuple {
		keyword, restKeyword = "items", "additionalItems"
		rest, _ = s.AdditionalItems.(*jsonschema.Schema)
	} else {
		first = s.PrefixItems
	}
	if every != nil {
		rest = every
	}
	if len(first) > 0 || rest != nil {
		element := i + 1
		for at := range n.start {
			switch {
			case int(at) < len(first):
				marks.mark(at)
				if !e.child(first[at], element, sc, step{index: int(at), element: true}, keyword, strconv.Itoa(int(at))) {
					return false
				}
			case rest != nil:
				marks.mark(at)
				if !e.child(rest, element, sc, step{index: int(at), element: true}, restKeyword) {
					return false
				}
			}
			element = e.node(element).next()
		}
	}
	if permitted, ok := s.AdditionalItems.(bool); ok && tuple {
		if !permitted && int(n.start) > len(first) {
			return e.fail("additionalItems", "it has more elements than the schema")
		}
		if permitted {
			marks.markAll()
		}
	}
	if !e.contains(s, i, n, sc, marks) {
		return false
	}
	if s.UnevaluatedItems != nil {
		element := i + 1
		for at := range n.start {
			if !marks.has(at) && !e.child(s.UnevaluatedItems, element, sc, step{index: int(at), element: true}, "unevaluatedItems") {
				return false
			}
			element = e.node(element).next()
		}
		marks.markAll()
	}
	return true
}

func (e *evaluator) contains(s *jsonschema.Schema, i uint32, n *node, sc *scope, marks *seen) bool {
	if s.Contains == nil {
		return true
	}
	matched, element := 0, i+1
	e.quiet++
	for at := range n.start {
		if e.apply(s.Contains, element, sc, nil, 0) {
			matched++
			if s.ContainsEval {
				marks.mark(at)
			}
		}
		element = e.node(element).next()
	}
	e.quiet--
	if s.MinContains != -1 && matched < s.MinContains {
		return e.fail("minContains", "it violates minContains")
	}
	if s.MaxContains != -1 && matched > s.MaxContains {
		return e.fail("maxContains", "it violates maxContains")
	}
	return true
}

func (e *evaluator) hasType(types []string, n *node) bool {
	is := typeOf(n.kind())
	for _, t := range types {
		if t == is {
			return true
		}
		if t == "integer" && n.kind() == pyjson.Number {
			e.spend(int(n.end-n.start) / 16)
			if isInteger(e.bytes(n)) {
				return true
			}
		}
	}
	return false
}

// typeOf names a kind of value as JSON Schema does.
func typeOf(kind pyjson.Kind) string {
	switch kind {
	case pyjson.Object:
		return "object"
	case pyjson.Array:
		return "array"
	case pyjson.String:
		return "string"
	case pyjson.True, pyjson.False:
		return "boolean"
	case pyjson.Null:
		return "null"
	default:
		return "number"
	}
}

// equals compares a value with one of a schema.
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

// unique reports whether no two elements of an array are equal. Elements with the
// same hash are compared.
func (e *evaluator) unique(i uint32, n *node) bool {
	e.spend(2 * int(n.start))
	type hashed struct{ hash, node uint32 }
	elements := make([]hashed, n.start)
	seed, element := maphash.MakeSeed(), i+1
	var h maphash.Hash
	for at := range elements {
		h.SetSeed(seed)
		e.hash(&h, element)
		elements[at] = hashed{uint32(h.Sum64()), element} //nolint:gosec // as much of it as there is room for
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

// hash writes what equal values have in common.
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
