package payload

import (
	"errors"
	"fmt"
	"reflect"
	"sync"
)

// The reasons for which [Encode] rejects a value. [EncodeError] wraps one of them.
var (
	// ErrNotUTF8 rejects a string that is not valid UTF-8. encoding/json would silently
	// replace the invalid bytes.
	ErrNotUTF8 = errors.New("a string is not valid UTF-8")
	// ErrNotFinite rejects NaN and the infinities, which JSON cannot represent.
	ErrNotFinite = errors.New("a float is NaN or infinite")
	// ErrTooDeep rejects a value that is nested too deeply or refers to itself.
	ErrTooDeep = fmt.Errorf("the value nests deeper than %d levels, or refers to itself", maxLevels)
	// ErrUnsupported rejects a value of a type that JSON cannot represent, such as a
	// channel.
	ErrUnsupported = errors.New("JSON cannot represent the type")
	// ErrMarshaler reports an error of the type's own MarshalJSON or MarshalText.
	ErrMarshaler = errors.New("the type's own marshaler failed")
)

// EncodeError explains why a value cannot be encoded. Its text quotes nothing of the
// value.
type EncodeError struct {
	// Path is the JSON Pointer of the rejected part, with * in place of the keys of
	// maps.
	Path string
	// Type is the type of the part, or nil if it does not matter.
	Type reflect.Type
	// Reason is one of the errors of this package.
	Reason error
	// Err is the error of the type's marshaler, or nil. Its text may quote the value,
	// and so Error does not include it. [errors.As] and [errors.Is] find it.
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

// Is reports whether target is the reason, or an error in the tree of Err.
func (e *EncodeError) Is(target error) bool {
	return target == e.Reason || e.Err != nil && errors.Is(e.Err, target)
}

// As finds the errors of a marshaler.
func (e *EncodeError) As(target any) bool { return e.Err != nil && errors.As(e.Err, target) }

// Facts are the properties of a payload that the encoder knows.
type Facts struct {
	// Foreign is set if another package wrote a part, or if a part may violate a
	// requirement that the encoder does not check: scan the payload then. Otherwise the
	// payload is a JSON object that violates none
	// of WIRE-1, WIRE-5, JSON-1 to JSON-7, JSON-9 and LIMIT-1.
	Foreign bool
	// Unsafe is set if an integer is beyond ±(2^53-1), as JSON-8 warns.
	Unsafe bool
}

// Encode encodes a value as encoding/json does, but without the escapes for HTML, and
// with the floats of [Append].
func Encode(v any) ([]byte, error) {
	text, _, err := Append(nil, v)
	return text, err
}

// Append appends the encoding of v to dst, and returns facts about the payload. If
// it returns an error, that is an *[EncodeError], and text is not usable.
//
// A float64 beyond ±(2^53-1), and a float32 beyond ±(2^24-1), has an
// exponent (SEND-8). encoding/json writes it as an integer, which is another number
// for a reader that has integers of any size.
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

// writers is a pool of writers.
var writers = sync.Pool{New: func() any { return new(writer) }}
