package payloadschema

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"github.com/remote-events/remote-events/go/pyjson"
)

// assertions checks the keywords that concern the value itself.
func (e *evaluator) assertions(s *jsonschema.Schema, i uint32, n *node) bool {
	if len(s.Types) > 0 && !e.hasType(s.Types, n) {
		return e.fail("type", "expected "+strings.Join(s.Types, " or ")+", but got "+typeOf(n.kind()))
	}
	if len(s.Constant) > 0 && !e.equals(i, s.Constant[0]) {
		return e.fail("const", "it differs from the required value")
	}
	if len(s.Enum) > 0 && !slices.ContainsFunc(s.Enum, func(v any) bool { return e.equals(i, v) }) {
		return e.fail("enum", "it is not one of the permitted values")
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
			if e.silent > 0 {
				return false
			}
			missing = append(missing, quote(name))
		}
	}
	return len(missing) == 0 || e.fail(keyword, "missing properties: "+strings.Join(missing, ", "))
}

// quote returns a text of the schema in single quotes.
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
			return e.fail("pattern", "it does not match the pattern "+quote(s.Pattern.String()))
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

// typeOf returns the JSON Schema type of a kind of values.
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
