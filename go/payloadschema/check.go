package payloadschema

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ErrUnfinished reports that a check was stopped because it would exceed the maximum
// time or memory of a check (SCHEMA-6).
var ErrUnfinished = errors.New("the check was not finished")

// Error explains why a payload does not fit the schema of its event. Its text quotes
// neither values nor names that only the payload has.
type Error struct {
	// EventName is the event's name.
	EventName string
	// Schema is the reference of the schema in the catalogue.
	Schema string
	// Pointer is the JSON Pointer (RFC 6901) of the rejected value, empty for the whole
	// payload. For a missing or superfluous member it points to the object. Do not log
	// it: it may contain names from the payload.
	Pointer string
	// Place is Pointer with * in place of each name that the schema does not contain.
	// The text of the error contains Place.
	Place string
	// Keyword is the location in the schema of the violated keyword, as a JSON Pointer
	// that follows references. It is empty if the value is of no JSON Schema type, and if
	// the check was not finished.
	Keyword string
	// Problem describes the violation.
	Problem string
	// Err is ErrUnfinished if the check was not finished, else nil.
	Err error
}

func (e *Error) Error() string {
	if e == nil {
		return "no schema error"
	}
	place := "as a whole"
	if e.Place != "" {
		place = "at " + truncated(e.Place)
	}
	text := "the payload does not fit the schema of " + truncated(e.EventName) + " (" + e.Schema + ") " + place + ": " + truncated(e.Problem)
	if e.Keyword != "" {
		text += " (" + truncated(e.Keyword) + ")"
	}
	return text
}

func (e *Error) Unwrap() error {
	if e == nil {
		return nil
	}
	return e.Err
}

// Redacted returns the text of the error, which is safe to log and store:
// see remoteevent.PayloadSchemas.
func (e *Error) Redacted() string { return e.Error() }

// truncated limits the length of a text from a message or a schema.
func truncated(text string) string {
	const limit = 200
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit], "") + "…"
}

// Check validates a payload, in Python's dialect of JSON, against the schema of its
// event. It returns nil if the payload fits or the event has no schema, else an *[Error]
// with the first violation. If the check exceeds its limits or panics, the *[Error] wraps
// [ErrUnfinished]. Check does not keep the payload. It is safe for concurrent use.
//
// It implements SCHEMA-3 to SCHEMA-7.
func (c *Catalogue) Check(event string, payload []byte) error {
	if c == nil {
		return nil
	}
	entry, ok := c.events[event]
	if !ok {
		return nil
	}
	fault := entry.check(payload)
	if fault == nil {
		return nil
	}
	fault.EventName, fault.Schema = event, entry.name
	return fault
}

func (e *entry) check(payload []byte) (fault *Error) {
	defer func() {
		switch value := recover().(type) {
		case nil:
		case unfinished:
			fault = &Error{Problem: string(value), Err: ErrUnfinished}
		default:
			// The panic's value may quote the payload: report only its type.
			fault = &Error{Problem: fmt.Sprintf("the check panicked with a %T", value), Err: ErrUnfinished}
		}
	}()
	document, place, problem := parse(payload)
	if problem != "" {
		return &Error{Pointer: pointer(place, false), Place: pointer(place, true), Problem: problem}
	}
	check := evaluator{document: document, anchors: e.anchors, budget: minBudget + budgetPerValue*int(document.count)}
	if check.apply(e.schema, 0, nil, nil, 0) {
		return nil
	}
	var keyword strings.Builder
	for _, part := range slices.Backward(check.keywords) {
		keyword.WriteString("/" + part)
	}
	return &Error{
		Pointer: pointer(check.place, false), Place: pointer(check.place, true),
		Keyword: keyword.String(), Problem: check.problem,
	}
}

// pointer returns a path, whose innermost step is first, as a JSON Pointer. With hide, *
// replaces the names that only the payload has.
func pointer(place []step, hide bool) string {
	var b strings.Builder
	for _, s := range slices.Backward(place) {
		b.WriteByte('/')
		switch {
		case s.element:
			b.WriteString(strconv.Itoa(s.index))
		case hide && !s.known:
			b.WriteByte('*')
		default:
			b.WriteString(escape(string(s.name)))
		}
	}
	return b.String()
}

// escape escapes a member's name for a JSON Pointer.
func escape(name string) string {
	return escapes.Replace(strings.ToValidUTF8(name, "\uFFFD"))
}

var escapes = strings.NewReplacer("~", "~0", "/", "~1")
