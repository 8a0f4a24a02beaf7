package payloadschema

import "strings"

// Redacted returns the text of the error with * in the place of names that only
// the payload knows, so that it may be logged and stored (SEC-1).
func (e *Error) Redacted() string {
	redacted := *e
	redacted.Pointer = redactPointer(e.Pointer, e.Keyword)
	return redacted.Error()
}

// redactPointer returns a pointer into a payload that has * in the place of each
// name which is not one of the schema. It follows the place in the schema, whose
// keywords each lead to a member or an element, or stay where they are.
func redactPointer(pointer, keyword string) string {
	steps := strings.Split(pointer, "/")[1:]
	place := strings.Split(keyword, "/")
	shown := make([]string, 0, len(steps))
	for i := 0; i < len(place) && len(shown) < len(steps); i++ {
		step := steps[len(shown)]
		switch place[i] {
		case "properties":
			if i++; i < len(place) && place[i] == step {
				shown = append(shown, step)
			}
		case "patternProperties":
			i++
			shown = append(shown, "*")
		case "additionalProperties", "unevaluatedProperties":
			shown = append(shown, "*")
		case "items", "prefixItems", "additionalItems", "unevaluatedItems":
			shown = append(shown, step)
		case "dependentSchemas", "dependencies", "allOf", "anyOf", "oneOf":
			i++ // a name or a number of the schema
		}
	}
	for len(shown) < len(steps) {
		shown = append(shown, "*")
	}
	return strings.Join(append([]string{""}, shown...), "/")
}
