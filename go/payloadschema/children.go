package payloadschema

import (
	"strconv"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// members applies schemas to the members of an object, in the order of their names.
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
				return e.unexpected(s.UnevaluatedProperties)
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
		failed := "" // the first failed pattern, so that the result does not vary
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
		return additional || e.fail("additionalProperties", "the schema does not permit this member")
	case *jsonschema.Schema:
		return e.child(additional, value, sc, step{name: name}, "additionalProperties") || e.unexpected(additional)
	}
	return true
}

// unexpected describes the failure of a member whose only schema is false. It returns false.
func (e *evaluator) unexpected(s *jsonschema.Schema) bool {
	if e.silent == 0 && s.Always != nil {
		e.problem = "a member that the schema does not have"
	}
	return false
}

// elements applies schemas to the elements of an array, in their order.
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
			return e.fail("additionalItems", "it has more elements than the schema permits")
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
	e.silent++
	for at := range n.start {
		if e.apply(s.Contains, element, sc, nil, 0) {
			matched++
			if s.ContainsEval {
				marks.mark(at)
			}
		}
		element = e.node(element).next()
	}
	e.silent--
	if s.MinContains != -1 && matched < s.MinContains {
		return e.fail("minContains", "it violates minContains")
	}
	if s.MaxContains != -1 && matched > s.MaxContains {
		return e.fail("maxContains", "it violates maxContains")
	}
	return true
}
