package payload

import (
	"errors"
	"reflect"
	"strconv"
	"strings"
)

// Error explains why a payload does not fit a type. Of the payload, it quotes only the
// names of members that the type has too.
type Error struct {
	// Type is the target type.
	Type reflect.Type
	// Path is the JSON Pointer of the value that does not fit, with * in place of the
	// names that only the payload has.
	Path string
	// Problem explains why the value does not fit.
	Problem string
	// Err is the error of the type's own unmarshaler, or nil. Its text may quote
	// the payload. Error therefore does not include it, and Unwrap does not return it, so
	// that code which logs the causes of an error does not log the payload. [errors.As]
	// and [errors.Is] find it.
	Err error
}

func (e *Error) Error() string {
	if e == nil {
		return "no payload error"
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

// ignorePanic is deferred around the methods of an unmarshaler's error. An error that
// panics is no match.
func ignorePanic(found *bool) {
	if recover() != nil {
		*found = false
	}
}

// isFinite reports whether a chain of errors ends: [errors.As] would not return
// otherwise.
func isFinite(err error) bool {
	const most = 1000
	for open, seen := []error{err}, 0; len(open) > 0; seen++ {
		if seen == most {
			return false
		}
		last := open[len(open)-1]
		open = open[:len(open)-1]
		switch e := last.(type) { //nolint:errorlint // the loop visits each cause separately
		case interface{ Unwrap() error }:
			open = append(open, e.Unwrap())
		case interface{ Unwrap() []error }:
			open = append(open, e.Unwrap()...)
		}
	}
	return err != nil
}

// duplicate reports a repeated map key. Decode then drops replaced members and starts
// again. Names that differ but denote the same key, such as 1 and 01, remain an error:
// neither replaces the other.
func duplicate() error { return misfit("another member has the same key") }

func misfit(problem string) error { return &Error{Problem: problem} }

// within prepends a step to the path of an error.
func within(name string, err error) error {
	if e, ok := errors.AsType[*Error](err); ok {
		e.Path = "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name) + e.Path
	}
	return err
}

func atIndex(i int, err error) error { return within(strconv.Itoa(i), err) }
