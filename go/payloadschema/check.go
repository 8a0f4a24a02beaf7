package payloadschema

import (
	"errors"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// Error says where a payload does not fit the schema of its event, and never
// what stands there.
type Error struct {
	// EventName is the event's name.
	EventName string
	// Schema is what the catalogue calls the schema.
	Schema string
	// Pointer is the JSON Pointer (RFC 6901) of the place in the payload that is
	// at fault, empty for the whole payload. A member that is missing or one too
	// many has the pointer of its object.
	Pointer string
	// Keyword is the place in the schema that it violates, as a JSON Pointer
	// that follows references. It is empty where the place holds what JSON
	// Schema knows no value for.
	Keyword string
	// Problem is the fault in words.
	Problem string
}

func (e *Error) Error() string {
	place := "as a whole"
	if e.Pointer != "" {
		place = "at " + brief(e.Pointer)
	}
	text := "the payload does not fit the schema of " + brief(e.EventName) + " (" + e.Schema + ") " + place + ": " + e.Problem
	if e.Keyword != "" {
		text += " (" + e.Keyword + ")"
	}
	return text
}

// brief cuts short what a message may make as long as it likes.
func brief(text string) string {
	const most = 200
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

// Check returns nil where a payload, JSON in the dialect of Python, fits the
// schema of its event or the event has none, and an *[Error] where it does not.
// It implements SCHEMA-3 and SCHEMA-4.
func (c *Catalogue) Check(event string, payload []byte) error {
	e, ok := c.events[event]
	if !ok {
		return nil
	}
	value, pointer, problem := parse(payload)
	if problem != "" {
		return &Error{EventName: event, Schema: e.name, Pointer: pointer, Problem: problem}
	}
	err := e.schema.Validate(value)
	if err == nil {
		return nil
	}
	fault, ok := errors.AsType[*jsonschema.ValidationError](err)
	if !ok { // a $dynamicRef that leads back to itself, which shows only now
		return &Error{EventName: event, Schema: e.name, Problem: "the schema refers to itself without an end"}
	}
	leaf := gravest(fault)
	return &Error{
		EventName: event, Schema: e.name,
		Pointer: unescape(leaf.InstanceLocation), Keyword: unescape(leaf.KeywordLocation), Problem: problemOf(leaf),
	}
}

// gravest picks one fault of those that a validator found: the first in the
// order of the pointers, so that it is the same every time, and where several
// alternatives all failed, the choice between them rather than one of its
// branches.
func gravest(fault *jsonschema.ValidationError) *jsonschema.ValidationError {
	for len(fault.Causes) > 0 {
		switch path.Base(fault.KeywordLocation) {
		case "anyOf", "oneOf", "contains", "minContains":
			return fault
		}
		fault = slices.MinFunc(fault.Causes, func(a, b *jsonschema.ValidationError) int {
			if d := strings.Compare(a.InstanceLocation, b.InstanceLocation); d != 0 {
				return d
			}
			return strings.Compare(a.KeywordLocation, b.KeywordLocation)
		})
	}
	return fault
}

// problemOf puts a fault into words. The validator's own are taken only where
// they come from the schema alone: others quote the payload.
func problemOf(fault *jsonschema.ValidationError) string {
	switch keyword := path.Base(fault.KeywordLocation); keyword {
	case "type", "required", "enum", "const", "pattern":
		return fault.Message
	case "additionalProperties", "unevaluatedProperties":
		return "a member that the schema does not have"
	case "anyOf":
		return "none of the alternatives fits"
	case "oneOf":
		return "not exactly one of the alternatives fits"
	default:
		if fault.Message == "not allowed" {
			return "nothing may stand here"
		}
		return "it violates " + keyword
	}
}

// unescape makes a JSON Pointer of one in the form of a URL's fragment.
func unescape(pointer string) string {
	if text, err := url.PathUnescape(pointer); err == nil {
		return text
	}
	return pointer
}
