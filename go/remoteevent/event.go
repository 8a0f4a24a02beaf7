package remoteevent

import (
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/remote-events/remote-events/go/internal/payload"
	"github.com/remote-events/remote-events/go/wire"
)

// Event is a remote event. Its exported fields are its payload, laid out by
// encoding/json; its name is the Redis list that carries it.
//
// EventName must return the same name for every value of the type. It is called
// for the zero value and for values with other fields when the type is first seen,
// and for each event that is sent; a name that differs is a *[TypeError]. Any Unicode string is a name, except those that begin
// with "kernel.", and "event" and "remote_event", which are the bases of all.
//
// A struct that embeds events by value is their child. Its chain of signals is
// its own name, those of the embedded events in the order of the fields, each
// followed by its own parents and each named once, then remote_event and event.
// A listener of any of them hears it. What would go wrong without a word is
// rejected when the type is first seen, by [Handle], [Decode] and [Sender.Send],
// with a *[TypeError]:
//
//   - an EventName that is the parent's, because the child has none of its own;
//   - an embedded pointer or interface that is an event, and an embedded event
//     with a json tag, neither of which lends its fields to the child;
//   - an event that is embedded in an embedded struct which is no event;
//   - two fields that compete for one JSON name, of which encoding/json would
//     write neither;
//   - a MarshalJSON or UnmarshalJSON that comes from the parent, which would
//     leave out what the child adds;
//   - a field of a type that no JSON can fill, such as a channel;
//   - a struct whose fields are all unexported, of which the payload would be {}.
//
// A nil slice or map is sent as null, as encoding/json writes it; the tag option
// omitempty leaves it out. A float without a fraction is sent as an integer: an
// original receives 8.0 as the int 8, which is the same number. From 2⁵³ on
// (float32: 2²⁴), where integers have digits that a float has not, it is sent with
// an exponent, and an original receives a float (SEND-8). In received payloads, a
// number written with a decimal point does not fit an integer field, not even
// Python's 8.0: declare a float (TYPE-6).
// In a field of type any, and in a map[string]any, a number is a float64, except
// that an integer beyond ±(2⁵³−1) and a number beyond a float64's range are a
// [encoding/json.Number], which keeps their digits when the event is sent on
// (TYPE-13). A [time.Time] takes only times with an offset: for those that Python
// writes with isoformat(), declare a [PythonTime].
//
// It implements CHAIN-1 to CHAIN-4.
type Event interface {
	EventName() string
}

// NewEnvelope makes the envelope of an event, with its payload and its signals
// and with an empty map of attributes, as [Sender.Send] does before it adds some. It is the
// way to attributes of one's own: set them and pass the envelope to
// [Sender.Forward].
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

// infoFor returns what is known of the type of an event that is to be sent.
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
		return nil, &TypeError{Type: value.Type(), Problem: fmt.Sprintf("EventName depends on the value, and must return a constant: it is %q for the zero value", info.signals[0])}
	}
	return info, nil
}

// rejectPayload returns the error of an event whose value cannot be a payload: the
// requirement that it violates, and the place.
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

// Decode fills an event of type E from the payload of an envelope, by whichever
// name it came. Members that E does not have are passed over; what does not fit
// is an error that names the field. In the zero value of E, null changes
// nothing.
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
