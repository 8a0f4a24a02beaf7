package payload

import (
	"errors"
	"fmt"
	"reflect"
	"sync"
)

// Reasons for which [Encode] rejects a value; [EncodeError] wraps one of them.
var (
	// ErrNotUTF8 is a string that is not valid UTF-8, which encoding/json would
	// replace without a word.
	ErrNotUTF8 = errors.New("a string is not valid UTF-8")
	// ErrNotFinite is a float that JSON has no number for.
	ErrNotFinite = errors.New("a float is NaN or infinite")
	// ErrTooDeep is a value that nests too deeply, as one does that refers to
	// itself.
	ErrTooDeep = fmt.Errorf("the value nests deeper than %d levels, or refers to itself", maxLevels)
	// ErrUnsupported is a value of a type that JSON has no form for, such as a
	// channel.
	ErrUnsupported = errors.New("JSON has no form for the type")
	// ErrMarshaler is a failure of a type's own MarshalJSON or MarshalText.
	ErrMarshaler = errors.New("the type's own marshaler failed")
)

// EncodeError says why a value cannot be a payload. Its text quotes nothing of
// the value.
type EncodeError struct {
	// Path is the JSON Pointer of the part that is at fault, with * in the place
	// of the key of a map.
	Path string
	// Type is the part's type, where that matters.
	Type reflect.Type
	// Reason is one of the errors of this package.
	Reason error
	// Err is what a marshaler of the type returned, or nil. Its text may quote the
	// value, so that it is no part of this error's; [errors.As] and [errors.Is] find
	// it.
	Err error
}

func (e *EncodeError) Error() string {
	text := e.Reason.Error()
	if e.Type != nil {
		text += ": " + e.Type.String()
	}
	if e.Path != "" {
		text += ", at " + e.Path
	}
	return text
}

// Is reports whether target is the reason, or is found in Err.
func (e *EncodeError) Is(target error) bool {
	return target == e.Reason || e.Err != nil && errors.Is(e.Err, target)
}

// As finds the error of a marshaler.
func (e *EncodeError) As(target any) bool { return e.Err != nil && errors.As(e.Err, target) }

// Facts are what is known of a payload from how it was written.
type Facts struct {
	// Foreign is set where a part was not written by this package, or may break a
	// requirement that is not checked as it is written: the payload has to be
	// scanned. Where it is not set, the payload is a JSON object that breaks none
	// of WIRE-1, WIRE-5, JSON-1 to JSON-7, JSON-9 and LIMIT-1.
	Foreign bool
	// Unsafe is set where an integer lies beyond ±(2^53-1), which JSON-8 warns of.
	Unsafe bool
}

// Encode writes a value as encoding/json does, without the escapes for HTML,
// but for floats, which [Append] describes.
func Encode(v any) ([]byte, error) {
	text, _, err := Append(nil, v)
	return text, err
}

// Append appends what [Encode] writes, and tells what is known of it. Where err
// is not nil, it is an *[EncodeError], and what was appended has no meaning.
//
// A float64 beyond ±(2^53-1), and a float32 beyond ±(2^24-1), is written with an
// exponent (SEND-8): the integer that encoding/json writes is another number
// to a reader that has integers of any size.
func Append(dst []byte, v any) (text []byte, facts Facts, err error) {
	w, _ := writers.Get().(*writer)
	*w = writer{dst: dst}
	err = w.value(reflect.ValueOf(v))
	if len(w.dst) == len(dst) || w.dst[len(dst)] != '{' {
		w.Foreign = true
	}
	text, facts = w.dst, w.Facts
	w.dst = nil
	writers.Put(w)
	return text, facts, err
}

// writers are kept for the next value.
var writers = sync.Pool{New: func() any { return new(writer) }}
