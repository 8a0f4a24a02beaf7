package payloadschema

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ErrUnfinished says that a check was given up: it would take more time or memory
// than a check may (SCHEMA-6).
var ErrUnfinished = errors.New("the check was not finished")

// Error says where a payload does not fit the schema of its event. Its text has
// neither the value there nor a member's name that the schema does not have.
type Error struct {
	// EventName is the event's name.
	EventName string
	// Schema is what the catalogue calls the schema.
	Schema string
	// Pointer is the JSON Pointer (RFC 6901) of the place in the payload that is
	// at fault, empty for the whole payload. A member that is missing or one too
	// many has the pointer of its object. It is not for logs: its names may be of
	// the payload alone.
	Pointer string
	// Place is Pointer with * instead of each name that the schema does not have,
	// as the error's text has it.
	Place string
	// Keyword is the place in the schema that it violates, as a JSON Pointer
	// that follows references. It is empty where the place holds what JSON
	// Schema knows no value for, and where the check was not finished.
	Keyword string
	// Problem is the fault in words.
	Problem string
	// Err is ErrUnfinished where the check was not finished, else nil.
	Err error
}

func (e *Error) Error() string {
	if e == nil {
		return "no fault"
	}
	place := "as a whole"
	if e.Place != "" {
		place = "at " + brief(e.Place)
	}
	text := "the payload does not fit the schema of " + brief(e.EventName) + " (" + e.Schema + ") " + place + ": " + brief(e.Problem)
	if e.Keyword != "" {
		text += " (" + brief(e.Keyword) + ")"
	}
	return text
}

func (e *Error) Unwrap() error {
	if e == nil {
		return nil
	}
	return e.Err
}

// Redacted returns the text of the error, which may be logged and stored as it is:
// see remoteevent.PayloadSchemas.
func (e *Error) Redacted() string { return e.Error() }

// brief cuts short what a message or a schema may make as long as it likes.
func brief(text string) string {
	const most = 200
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

// Check returns nil where a payload, JSON in the dialect of Python, fits the
// schema of its event or the event has none, and an *[Error] where it does not.
// The first fault ends the check. A check that takes too much, or panics, is an
// *[Error] with [ErrUnfinished] in its chain. Check keeps nothing of the payload.
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
			// What it panicked with may quote the payload: only its type is told.
			fault = &Error{Problem: fmt.Sprintf("the check panicked with a %T", value), Err: ErrUnfinished}
		}
	}()
	document, place, problem := parse(payload)
	if problem != "" {
		return &Error{Pointer: pointer(place, false), Place: pointer(place, true), Problem: problem}
	}
	check := evaluator{document: document, anchors: e.anchors, budget: budgetAtLeast + budgetPerValue*int(document.count)}
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

// pointer writes a way, whose innermost step comes first, as a JSON Pointer, with *
// instead of the names that only the payload has, if they are to be hidden.
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

// escape writes a member's name as a part of a JSON Pointer.
func escape(name string) string {
	return escapes.Replace(strings.ToValidUTF8(name, "\uFFFD"))
}

var escapes = strings.NewReplacer("~", "~0", "/", "~1")
