package remoteevent

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"sync"
	"unicode/utf8"

	"github.com/remote-events/remote-events/go/internal/payload"
	"github.com/remote-events/remote-events/go/wire"
)

var (
	chains sync.Map // reflect.Type → chain

	eventType = reflect.TypeFor[Event]()
)

// chain is what is known of an event type: its signals, or what is wrong.
type chain struct {
	signals []string
	err     error
}

// chainOf returns the signals of an event type, or of a pointer to one.
func chainOf(t reflect.Type) ([]string, error) {
	if known, ok := chains.Load(t); ok {
		c := known.(chain) //nolint:forcetypeassert // the map holds nothing else
		return c.signals, c.err
	}
	c := deriveChain(t)
	chains.Store(t, c)
	return c.signals, c.err
}

func deriveChain(t reflect.Type) chain {
	if t.Kind() == reflect.Pointer && t.Elem().Kind() == reflect.Pointer || t.Kind() == reflect.Interface {
		return chain{err: &TypeError{Type: t, Problem: "an event is a type of its own or a pointer to one"}}
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	signals, err := lineage(t)
	if err == nil {
		if fault := payload.Check(t); fault != nil {
			err = &TypeError{Type: t, Problem: fault.Error()}
		}
	}
	if err != nil {
		return chain{err: err}
	}
	return chain{signals: append(signals, wire.SignalRemoteEvent, wire.SignalEvent)}
}

// lineage returns the names of an event type and its ancestors, each once where
// it first occurs.
func lineage(t reflect.Type) ([]string, error) {
	name, err := nameOf(t)
	if err != nil {
		return nil, err
	}
	names := []string{name}
	if t.Kind() != reflect.Struct {
		return names, nil
	}
	for field := range t.Fields() {
		if !field.Anonymous {
			continue
		}
		fault := func(problem string) error { return &TypeError{Type: t, Field: field.Name, Problem: problem} }
		if !isEvent(field.Type) {
			if hidden := eventWithin(field.Type, nil); hidden != nil {
				return nil, fault(fmt.Sprintf("it embeds the event %s and is none itself, so that the chain would end there", hidden))
			}
			continue
		}
		switch {
		case field.Type.Kind() != reflect.Struct:
			return nil, fault("the embedded event is not a struct by value, so that its fields would not be the child's")
		case field.Tag.Get("json") != "":
			return nil, fault("the embedded event has a json tag, so that its fields would not be the child's")
		}
		inherited, err := lineage(field.Type)
		if err != nil {
			return nil, err
		}
		if slices.Contains(inherited, name) {
			return nil, fault(fmt.Sprintf("%s has no EventName of its own: it has %q from the embedded event", t, name))
		}
		for _, ancestor := range inherited {
			if !slices.Contains(names, ancestor) {
				names = append(names, ancestor)
			}
		}
	}
	return names, checkMarshalers(t)
}

// eventWithin returns an event that a type, which is none, embeds at any depth:
// one of two whose methods EventName compete, or one with a field of that name
// before it. A type that was passed before may embed itself by a pointer.
func eventWithin(t reflect.Type, passed []reflect.Type) reflect.Type {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || slices.Contains(passed, t) {
		return nil
	}
	passed = append(passed, t)
	for field := range t.Fields() {
		if !field.Anonymous {
			continue
		}
		if isEvent(field.Type) {
			return field.Type
		}
		if hidden := eventWithin(field.Type, passed); hidden != nil {
			return hidden
		}
	}
	return nil
}

func isEvent(t reflect.Type) bool {
	return t.Implements(eventType) || reflect.PointerTo(t).Implements(eventType)
}

// nameOf asks a zero value of the type for its name.
func nameOf(t reflect.Type) (name string, err error) {
	fault := func(problem string) error { return &TypeError{Type: t, Problem: problem} }
	defer func() {
		if recover() != nil {
			err = fault("EventName panics for the zero value; it must return a constant")
		}
	}()
	event, ok := reflect.TypeAssert[Event](reflect.New(t))
	if !ok {
		return "", fault("it has no method EventName")
	}
	name = event.EventName()
	switch {
	case !utf8.ValidString(name):
		return "", fault("its name is not valid UTF-8")
	case wire.Reserved(name):
		return "", fault(fmt.Sprintf("its name %q is reserved: an original receiver would take it for a command of its kernel", name))
	case name == wire.SignalRemoteEvent || name == wire.SignalEvent:
		return "", fault(fmt.Sprintf("its name %q is that of the base of all events", name))
	}
	return name, nil
}

// checkMarshalers refuses a struct whose JSON is written or read by a method of
// something that it embeds.
func checkMarshalers(t reflect.Type) error {
	for _, m := range []struct {
		name   string
		method reflect.Type
		before reflect.Type // which encoding/json calls instead where there is one
	}{
		{"MarshalJSON", reflect.TypeFor[json.Marshaler](), nil},
		{"MarshalText", reflect.TypeFor[encoding.TextMarshaler](), reflect.TypeFor[json.Marshaler]()},
		{"UnmarshalJSON", reflect.TypeFor[json.Unmarshaler](), nil},
		{"UnmarshalText", reflect.TypeFor[encoding.TextUnmarshaler](), reflect.TypeFor[json.Unmarshaler]()},
	} {
		if !reflect.PointerTo(t).Implements(m.method) || declares(t, m.name) {
			continue
		}
		if m.before != nil && reflect.PointerTo(t).Implements(m.before) {
			continue
		}
		for field := range t.Fields() {
			if field.Anonymous && (field.Type.Implements(m.method) || reflect.PointerTo(field.Type).Implements(m.method)) {
				return &TypeError{Type: t, Field: field.Name, Problem: m.name + " comes from the embedded field and would leave out what the child adds; give the child its own"}
			}
		}
	}
	return nil
}

// declares reports whether a type has a method of its own, rather than one of
// an embedded field's, which the compiler wraps in code without a source line.
func declares(t reflect.Type, name string) bool {
	for _, receiver := range []reflect.Type{t, reflect.PointerTo(t)} {
		method, ok := receiver.MethodByName(name)
		if !ok {
			continue
		}
		pc := method.Func.Pointer()
		if file, _ := runtime.FuncForPC(pc).FileLine(pc); file != "<autogenerated>" {
			return true
		}
	}
	return false
}
