package payloadschema_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"github.com/remote-events/remote-events/go/payloadschema"
)

// generator makes schemas and values that have something to do with each other.
type generator struct{ *rand.Rand }

func (g generator) pick(from ...string) string { return from[g.IntN(len(from))] }

func (g generator) name() string { return g.pick("a", "b", "c", "dd", "") }

func (g generator) value(depth int) string {
	kinds := 8
	if depth == 0 {
		kinds = 6
	}
	switch g.IntN(kinds) {
	case 0:
		return g.pick("null", "true", "false")
	case 1, 2:
		return g.pick("0", "1", "1.0", "-2", "2.5", "3", "10", "1e1", "0.1", "7", "-0")
	case 3, 4, 5:
		return g.pick(`"a"`, `"b"`, `"abc"`, `""`, `"dd"`, `"\u00e9"`)
	case 6:
		var members []string
		for range g.IntN(4) {
			members = append(members, fmt.Sprintf("%q: %s", g.name(), g.value(depth-1)))
		}
		return "{" + strings.Join(members, ", ") + "}"
	default:
		var elements []string
		for range g.IntN(4) {
			elements = append(elements, g.value(depth-1))
		}
		return "[" + strings.Join(elements, ", ") + "]"
	}
}

func (g generator) schemas(depth int) string {
	var all []string
	for range 1 + g.IntN(3) {
		all = append(all, g.schema(depth))
	}
	return "[" + strings.Join(all, ", ") + "]"
}

func (g generator) named(depth int, name func() string) string {
	seen := map[string]bool{}
	var members []string
	for range 1 + g.IntN(3) {
		if n := name(); !seen[n] {
			seen[n] = true
			members = append(members, fmt.Sprintf("%q: %s", n, g.schema(depth)))
		}
	}
	return "{" + strings.Join(members, ", ") + "}"
}

// schema makes a schema of the draft 2020-12, which the others take as well: they
// ignore what they do not know.
func (g generator) schema(depth int) string {
	if g.IntN(12) == 0 {
		return g.pick("true", "false", "{}")
	}
	keywords := map[string]string{}
	for range 1 + g.IntN(3) {
		n := 22
		if depth == 0 {
			n = 13
		}
		switch g.IntN(n) {
		case 0, 1:
			keywords["type"] = g.pick(`"object"`, `"array"`, `"string"`, `"number"`, `"integer"`, `"null"`, `"boolean"`, `["object", "string"]`, `["integer", "array"]`)
		case 2:
			keywords[g.pick("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")] = g.pick("0", "1", "2.5", "-1", "10")
		case 3:
			keywords["multipleOf"] = g.pick("1", "2", "0.1", "2.5")
		case 4:
			keywords[g.pick("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties")] = g.pick("0", "1", "2")
		case 5:
			keywords["pattern"] = g.pick(`"^a"`, `"b"`, `"^$"`)
		case 6:
			keywords["const"] = g.value(1)
		case 7:
			keywords["enum"] = "[" + g.value(1) + ", " + g.value(1) + "]"
		case 8:
			keywords["required"] = g.pick(`["a"]`, `["a", "b"]`, `[]`)
		case 9:
			keywords["uniqueItems"] = g.pick("true", "false")
		case 10, 11:
			keywords["$ref"] = g.pick(`"#/$defs/x"`, `"#/$defs/y"`, `"#"`)
		case 12:
			keywords[g.pick("dependentRequired", "dependencies")] = g.pick(`{"a": ["b"]}`, `{"b": []}`)
		case 13, 14:
			keywords[g.pick("properties", "dependentSchemas", "properties")] = g.named(depth-1, g.name)
		case 15:
			keywords["patternProperties"] = g.named(depth-1, func() string { return g.pick("^a", "b", "d", ".") })
		case 16:
			keywords[g.pick("additionalProperties", "propertyNames", "unevaluatedProperties", "unevaluatedProperties")] = g.schema(depth - 1)
		case 17:
			keywords[g.pick("items", "unevaluatedItems", "additionalItems", "unevaluatedItems")] = g.schema(depth - 1)
		case 18:
			keywords["prefixItems"] = g.schemas(depth - 1)
		case 19:
			keywords["contains"] = g.schema(depth - 1)
			if g.IntN(2) == 0 {
				keywords[g.pick("minContains", "maxContains")] = g.pick("0", "1", "2")
			}
		case 20:
			keywords[g.pick("allOf", "anyOf", "oneOf")] = g.schemas(depth - 1)
		case 21:
			keywords[g.pick("not", "if", "then", "else", "if")] = g.schema(depth - 1)
		}
	}
	var members []string
	for _, name := range []string{
		"type", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "minItems", "maxItems",
		"minProperties", "maxProperties", "pattern", "const", "enum", "required", "uniqueItems", "$ref", "dependentRequired", "dependencies",
		"properties", "dependentSchemas", "patternProperties", "additionalProperties", "propertyNames", "unevaluatedProperties", "items",
		"unevaluatedItems", "additionalItems", "prefixItems", "contains", "minContains", "maxContains", "allOf", "anyOf", "oneOf", "not", "if", "then", "else",
	} {
		if text, ok := keywords[name]; ok {
			members = append(members, fmt.Sprintf("%q: %s", name, text))
		}
	}
	return "{" + strings.Join(members, ", ") + "}"
}

func (g generator) root() string {
	body := strings.TrimPrefix(g.schema(3), "{")
	if body == "true" || body == "false" {
		return body
	}
	head := fmt.Sprintf(`{"$schema": %q, "$defs": {"x": %s, "y": %s}`, g.pick(
		"https://json-schema.org/draft/2020-12/schema", "https://json-schema.org/draft/2020-12/schema", "https://json-schema.org/draft/2019-09/schema", "http://json-schema.org/draft-07/schema#",
	), g.schema(2), g.schema(1))
	if body != "}" {
		head += ", "
	}
	return head + body
}

// TestAgainstValidator holds the checks against the validator of the library whose
// compiler made the schemas: both take the same payloads.
func TestAgainstValidator(t *testing.T) {
	t.Parallel()
	fits, unfit := 0, 0
	for seed := range uint64(1200) {
		g := generator{rand.New(rand.NewPCG(seed, 7))}
		text := g.root()
		validator := jsonschema.NewCompiler()
		validator.Draft = jsonschema.Draft2020
		if err := validator.AddResource("e.json", strings.NewReader(text)); err != nil {
			t.Fatal(err)
		}
		schema, err := validator.Compile("e.json")
		if err != nil {
			continue // it refers to itself
		}
		catalogue := one(t, text)
		for range 12 {
			value := g.value(3)
			decoder := json.NewDecoder(strings.NewReader(value))
			decoder.UseNumber()
			var instance any
			if err := decoder.Decode(&instance); err != nil {
				t.Fatal(err)
			}
			theirs := schema.Validate(instance)
			if _, ok := errors.AsType[*jsonschema.ValidationError](theirs); theirs != nil && !ok {
				continue
			}
			ours := catalogue.Check("e", []byte(value))
			if (ours == nil) != (theirs == nil) {
				t.Fatalf("seed %d: %s\n%s\nthe validator says %v, and Check %v", seed, text, value, theirs, ours)
			}
			if fault, ok := errors.AsType[*payloadschema.Error](ours); ok && (fault.Problem == "" || fault.Err != nil) {
				t.Fatalf("seed %d: %#v", seed, fault)
			}
			if ours == nil {
				fits++
			} else {
				unfit++
			}
		}
	}
	if fits < 1000 || unfit < 1000 {
		t.Errorf("%d payloads fit and %d do not: the cases are one-sided", fits, unfit)
	}
}
