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
	var b strings.Builder
	b.WriteString("payload does not fit " + e.Type.String())
	if e.Path != "" {
		b.WriteString(" at " + e.Path)
	}
	b.WriteString(": " + e.Problem)
	return b.String()
}

// As finds the error of an unmarshaler for [errors.As].
func (e *Error) As(target any) bool { return e.Err != nil && errors.As(e.Err, target) }

// Is finds the error of an unmarshaler for [errors.Is].
func (e *Error) Is(target error) bool { return e.Err != nil && errors.Is(e.Err, target) }

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
