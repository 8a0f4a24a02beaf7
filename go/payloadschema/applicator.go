package payloadschema

import (
	"maps"
	"slices"
	"strconv"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// references applies the references of a schema.
func (e *evaluator) references(s *jsonschema.Schema, i uint32, sc *scope, marks *seen, depth int) bool {
	if s.Ref != nil && !e.inPlace(s.Ref, i, sc, marks, depth, "$ref") {
		return false
	}
	if target := s.RecursiveRef; target != nil {
		if target.RecursiveAnchor {
			for at := sc; at != nil; at = at.outer {
				if at.schema.RecursiveAnchor {
					target = at.schema // the outermost schema counts
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
						target = anchor // the outermost anchor counts
					}
				}
			}
		}
		return e.inPlace(target, i, sc, marks, depth, "$dynamicRef")
	}
	return true
}

// combinations applies the schemas of allOf, anyOf, oneOf, not and if.
func (e *evaluator) combinations(s *jsonschema.Schema, i uint32, sc *scope, marks *seen, depth int) bool {
	for at, part := range s.AllOf {
		if !e.inPlace(part, i, sc, marks, depth, "allOf", strconv.Itoa(at)) {
			return false
		}
	}
	if len(s.AnyOf) > 0 {
		fits := false
		for _, part := range s.AnyOf {
			// One match is sufficient, unless the caller needs all evaluated parts.
			if fits = e.matches(part, i, sc, marks, depth) || fits; fits && marks == nil {
				break
			}
		}
		if !fits {
			return e.fail("anyOf", "no alternative fits")
		}
	}
	if len(s.OneOf) > 0 {
		fit := 0
		for _, part := range s.OneOf {
			if e.matches(part, i, sc, marks, depth) {
				if fit++; fit > 1 {
					break
				}
			}
		}
		if fit != 1 {
			return e.fail("oneOf", "not exactly one of the alternatives fits")
		}
	}
	if s.Not != nil && e.matches(s.Not, i, sc, nil, depth) {
		return e.fail("not", "it violates not")
	}
	if s.If != nil {
		branch, keyword := s.Else, "else"
		if e.matches(s.If, i, sc, marks, depth) {
			branch, keyword = s.Then, "then"
		}
		if branch != nil && !e.inPlace(branch, i, sc, marks, depth, keyword) {
			return false
		}
	}
	return true
}

// dependents applies the keywords that depend on the members of an object.
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
