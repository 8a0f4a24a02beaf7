package remoteevent

import (
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/remote-events/remote-events/go/internal/payload"
	"github.com/remote-events/remote-events/go/wire"
)

// Event is a remote event. Its exported fields are its payload, in the layout of
// encoding/json. Its name is the key of the Redis list for its messages.
//
// EventName must return the same name for every value of the type. The package calls it
// when it first sees the type, for the zero value and for other values, and for each sent
// event. A different name is a *[TypeError]. Any Unicode string is a name, except strings
// that begin with "kernel.", and the base signals "event" and "remote_event".
//
// A struct that embeds events by value is their child. Its signal chain consists of
// its own name, the names of the embedded events in the order of the fields, each
// followed by its own parents, without repetitions, then remote_event and event.
// A listener to any of them receives the event. [Handle], [Decode] and [Sender.Send]
// reject a type with a *[TypeError] when they first see it, if it would lose data
// silently:
//
//   - It has no EventName of its own, but a parent's.
//   - It embeds a pointer or an interface that is an event, or an event with a json tag.
//     The fields of such an event would not be members of the payload.
//   - It embeds a struct that is not an event but embeds one.
//   - Two fields have the same JSON name, so that encoding/json would write neither.
//   - Its MarshalJSON or UnmarshalJSON is a parent's, which would ignore the fields of the
//     child.
//   - It has a field that JSON cannot represent, such as a channel.
//   - It has fields, but none is exported, so that the payload would be {}.
//
// A nil slice or map is sent as null, as encoding/json writes it, or omitted with the tag
// option omitempty. A float without a fraction is sent as an integer: an
// original receives 8.0 as the int 8, which is the same number. Floats from 2⁵³ (float32:
// 2²⁴) are sent with an exponent, and an original receives a float (SEND-8). In received payloads, a
// number with a decimal point does not fit an integer field, not even
// Python's 8.0: declare a float (TYPE-6).
// In a field of type any, and in a map[string]any, a number is a float64. However,
// an integer beyond ±(2⁵³−1) and a number beyond a float64's range become a
// [encoding/json.Number], which keeps their digits when the event is forwarded
// (TYPE-13). A [time.Time] accepts only times with an offset: for the times of Python's
// isoformat(), declare a [PythonTime].
//
// It implements CHAIN-1 to CHAIN-4.
type Event interface {
	EventName() string
}

// NewEnvelope returns the envelope of an event, with its payload, its signals
// and an empty map of attributes. Use it to send an event with attributes: set them and
// pass the envelope to [Sender.Forward]. It returns a *[TypeError] for an unusable type,
// and an error that names the violated requirement for an invalid payload.
func NewEnvelope(event Event) (wire.Envelope, error) {
	info, err := infoFor(event)
	if err != nil {
		return wire.Envelope{}, err
	}
	text, _, err := appendPayload(nil, info.signals[0], event)
	if err != nil {
		return wire.Envelope{}, err
	}
	return wire.Envelope{EventName: info.signals[0], Payload: text, Metadata: wire.Metadata{
		Signals: slices.Clone(info.signals), Attributes: map[string]string{},
	}}, nil
}

// infoFor returns the properties of the type of an event to send.
func infoFor(event Event) (*typeInfo, error) {
	value := reflect.ValueOf(event)
	if !value.IsValid() || value.Kind() == reflect.Pointer && value.IsNil() {
		return nil, &TypeError{Type: reflect.TypeOf(event), Problem: "the event is nil"}
	}
	info := infoOf(value.Type())
	if info.err != nil {
		return nil, info.err
	}
	if name, ok := nameFrom(event); !ok || name != info.signals[0] {
		return nil, &TypeError{Type: value.Type(), Problem: fmt.Sprintf("EventName depends on the value; it must return a constant (it returns %q for the zero value)", info.signals[0])}
	}
	return info, nil
}

// rejectPayload returns the error of an event whose value cannot be encoded, with the
// violated requirement and the place.
func rejectPayload(name string, err error) error {
	finding := wire.Finding{Severity: wire.SeverityMalformed, Requirement: wire.ReqSyntax, Message: err.Error()}
	switch {
	case errors.Is(err, payload.ErrNotUTF8):
		finding.Requirement = wire.ReqUTF8
	case errors.Is(err, payload.ErrNotFinite):
		finding.Requirement = wire.ReqFinite
	case errors.Is(err, payload.ErrTooDeep):
		finding.Requirement = wire.ReqDepth
	}
	return &quotingError{&RejectedError{EventName: name, Findings: []wire.Finding{finding}}, err}
}

// Decode decodes the payload of an envelope into an event of type E. It does not compare
// the envelope's event name. It ignores members that E does not have. A field whose member
// is missing or null keeps its zero value: use [WithPayloadSchemas] to require members. It
// returns an error that names the field for a value that does not fit.
func Decode[E Event](env wire.Envelope) (E, error) {
	return decode[E](env.EventName, env.Payload)
}

func decode[E Event](name string, body []byte) (E, error) {
	var event E
	if _, err := chainOf(reflect.TypeFor[E]()); err != nil {
		return event, err
	}
	target := any(&event)
	if t := reflect.TypeFor[E](); t.Kind() == reflect.Pointer {
		value := reflect.New(t.Elem())
		event, _ = reflect.TypeAssert[E](value)
		target = value.Interface()
	}
	if err := payload.Decode(body, target); err != nil {
		var zero E
		return zero, fmt.Errorf("event %q: %w", name, err)
	}
	return event, nil
}
