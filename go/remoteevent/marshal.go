package remoteevent

import (
	"errors"
	"reflect"

	"github.com/remote-events/remote-events/go/internal/payload"
)

// Marshal returns the payload of a value as a [Sender] encodes an event: as encoding/json
// does, but without escapes for HTML, and with a decimal point or an exponent in every
// large float (SEND-8). It returns a *[RejectedError] if the value cannot be a payload,
// because it has a string that is not UTF-8, a number that is not finite, or too many
// levels. It may be called concurrently.
func Marshal(value any) ([]byte, error) {
	text, _, err := appendPayload(nil, "", value)
	return text, err
}

// Unmarshal decodes a payload into the value that target points to, as [Decode] decodes an
// event (TYPE-1 to TYPE-17). Use it if the type is not an [Event]. It overwrites the
// value. It returns a *[PayloadError] that names the place of a value that does not fit,
// and an error if target is not a pointer or its type cannot be decoded. It may be called
// concurrently with different targets.
func Unmarshal(text []byte, target any) error {
	if v := reflect.ValueOf(target); v.Kind() != reflect.Pointer || v.IsNil() {
		return errors.New("unmarshal a payload: the target is not a pointer to a value")
	}
	return payload.Decode(text, target)
}
