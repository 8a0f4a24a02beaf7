package remoteevent

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"sync"

	"github.com/remote-events/remote-events/go/internal/payload"
)

// decoder returns decode[E] for a listener. It decodes many events into the same memory
// and copies each for its listener, if no method of the type can keep a pointer to that
// memory.
func decoder[E Event]() func(name string, body []byte) (E, error) {
	t := reflect.TypeFor[E]()
	if t.Kind() == reflect.Pointer || unmarshals(t) {
		return decode[E]
	}
	targets := sync.Pool{New: func() any { return new(E) }}
	return func(name string, body []byte) (event E, err error) {
		target, _ := targets.Get().(*E)
		if err := payload.Decode(body, target); err != nil {
			return event, fmt.Errorf("event %q: %w", name, err)
		}
		event = *target
		var zero E
		*target = zero // drop the strings and slices, which are the listener's
		targets.Put(target)
		return event, nil
	}
}

var (
	jsonUnmarshaler = reflect.TypeFor[json.Unmarshaler]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// unmarshals reports whether a method with a pointer to a value of the type, or into it,
// may be called for decoding.
func unmarshals(t reflect.Type) bool {
	if p := reflect.PointerTo(t); p.Implements(jsonUnmarshaler) || p.Implements(textUnmarshaler) {
		return true
	}
	if t.Kind() == reflect.Array {
		return unmarshals(t.Elem())
	}
	if t.Kind() == reflect.Struct {
		for field := range t.Fields() {
			if unmarshals(field.Type) {
				return true
			}
		}
	}
	return false
}
