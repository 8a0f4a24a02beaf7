package payload

import (
	"errors"
	"reflect"
	"strconv"
	"strings"
)

// Error says why a payload does not fit a type. It quotes nothing of the
// payload but the names of members that the type has too.
type Error struct {
	// Type is the Go type that was to be filled.
	Type reflect.Type
	// Path is the JSON Pointer of the value that does not fit, with * in the
	// place of names that only the payload knows.
	Path string
	// Problem is why.
	Problem string
	// Err is what a type's own unmarshaler returned, or nil. Its text may quote
	// the payload, which is why it is no part of this error's, and why no Unwrap
	// leads to it: [errors.As] and [errors.Is] find it, and what puts the texts of
	// an error's causes into a log does not.
	Err error
}

func (e *Error) Error() string {
	if e == nil {
		return "no payload is at fault"
	}
	var b strings.Builder
	b.WriteString("payload does not fit ")
	if e.Type != nil {
		b.WriteString(e.Type.String())
	}
	if e.Path != "" {
		b.WriteString(" at " + e.Path)
	}
	b.WriteString(": " + e.Problem)
	return b.String()
}

// As finds the error of an unmarshaler for [errors.As].
func (e *Error) As(target any) (found bool) {
	defer ignorePanic(&found)
	return isFinite(e.Err) && errors.As(e.Err, target)
}

// Is finds the error of an unmarshaler for [errors.Is].
func (e *Error) Is(target error) (found bool) {
	defer ignorePanic(&found)
	return isFinite(e.Err) && errors.Is(e.Err, target)
}

// ignorePanic is deferred where methods of an unmarshaler's error are called: one
// that panics is not the error that was looked for.
func ignorePanic(found *bool) {
	if recover() != nil {
		*found = false
	}
}

// isFinite reports whether an error unwraps to something at all, and not for ever:
// [errors.As] would not end.
func isFinite(err error) bool {
	const most = 1000
	for open, seen := []error{err}, 0; len(open) > 0; seen++ {
		if seen == most {
			return false
		}
		last := open[len(open)-1]
		open = open[:len(open)-1]
		switch e := last.(type) { //nolint:errorlint // each cause has its turn
		case interface{ Unwrap() error }:
			open = append(open, e.Unwrap())
		case interface{ Unwrap() []error }:
			open = append(open, e.Unwrap()...)
		}
	}
	return err != nil
}

// duplicate tells that a member stands twice. The payload is then read anew
// without those that are replaced, which leaves only names that differ and are
// the same key to a map, such as 1 and 01: neither replaces the other.
func duplicate() error { return misfit("another member has the same key") }

func misfit(problem string) error { return &Error{Problem: problem} }

// within adds a step to the path of an error on its way out.
func within(name string, err error) error {
	if e, ok := errors.AsType[*Error](err); ok {
		e.Path = "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name) + e.Path
	}
	return err
}

func atIndex(i int, err error) error { return within(strconv.Itoa(i), err) }
