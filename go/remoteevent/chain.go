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

	"github.com/remote-events/remote-events/go/internal/layout"
	"github.com/remote-events/remote-events/go/internal/payload"
	"github.com/remote-events/remote-events/go/wire"
)

var (
	eventTypes sync.Map // reflect.Type → *typeInfo

	eventType = reflect.TypeFor[Event]()
)

// typeInfo contains the properties of an event type: its signal chain and the part of a
// message that follows from it, or the fault of the type. It is computed when the type is
// first seen.
type typeInfo struct {
	signals []string
	key     any    // the name, as an argument of each command
	tail    []byte // the member signals, as in each message
	err     error
}

// infoOf returns the properties of an event type, or of a pointer to one.
func infoOf(t reflect.Type) *typeInfo {
	if known, ok := eventTypes.Load(t); ok {
		return known.(*typeInfo) //nolint:forcetypeassert // the map contains only *typeInfo
	}
	info := new(typeInfo)
	if info.signals, info.err = deriveChain(t); info.err == nil {
		info.key = info.signals[0]
		// If the chain is invalid, each event of the type is rejected.
		probe := wire.Envelope{EventName: info.signals[0], Payload: []byte("{}"), Metadata: wire.Metadata{Signals: info.signals}}
		if _, _, err := wire.Encode(probe, wire.Limits{}); err == nil {
			info.tail = layout.AppendSignals(nil, info.signals)
		}
	}
	known, _ := eventTypes.LoadOrStore(t, info)
	return known.(*typeInfo) //nolint:forcetypeassert // the map contains only *typeInfo
}

// chainOf returns the signal chain of an event type, or of a pointer to one.
func chainOf(t reflect.Type) ([]string, error) {
	info := infoOf(t)
	return info.signals, info.err
}

func deriveChain(t reflect.Type) ([]string, error) {
	if t.Kind() == reflect.Pointer && t.Elem().Kind() == reflect.Pointer || t.Kind() == reflect.Interface {
		return nil, &TypeError{Type: t, Problem: "an event must be a defined type or a pointer to one"}
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	signals, err := lineage(t)
	if err != nil {
		return nil, err
	}
	if err := checkFields(t); err != nil {
		return nil, err
	}
	if err := payload.Check(t); err != nil {
		return nil, &TypeError{Type: t, Problem: err.Error()}
	}
	return append(signals, wire.SignalRemoteEvent, wire.SignalEvent), nil
}

// lineage returns the names of an event type and its ancestors, without repetitions, in
// the order of their first occurrence.
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
				return nil, fault(fmt.Sprintf("it embeds the event %s but is not an event, so that the chain would end there", hidden))
			}
			continue
		}
		switch {
		case field.Type.Kind() != reflect.Struct:
			return nil, fault("the embedded event is not a struct by value, so that its fields would not be members of the child")
		case field.Tag.Get("json") != "":
			return nil, fault("the embedded event has a json tag, so that its fields would not be members of the child")
		}
		inherited, err := lineage(field.Type)
		if err != nil {
			return nil, err
		}
		if slices.Contains(inherited, name) {
			return nil, fault(fmt.Sprintf("%s has no EventName of its own; the embedded event's returns %q", t, name))
		}
		for _, ancestor := range inherited {
			if !slices.Contains(names, ancestor) {
				names = append(names, ancestor)
			}
		}
	}
	return names, checkMarshalers(t)
}

// eventWithin returns an event that a type, which is not an event, embeds at any depth. It
// is hidden by another embedded method or field EventName at the same depth. passed
// contains the types already visited, since a type may embed itself by a pointer.
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

// nameOf returns the event name of a type. It compares the names of the zero value and of
// other values.
func nameOf(t reflect.Type) (name string, err error) {
	fault := func(problem string) error { return &TypeError{Type: t, Problem: problem} }
	event, ok := reflect.TypeAssert[Event](reflect.New(t))
	if !ok {
		return "", fault("it has no method EventName")
	}
	if name, ok = nameFrom(event); !ok {
		return "", fault("EventName panics for the zero value; it must return a constant")
	}
	switch {
	case !utf8.ValidString(name):
		return "", fault("its name is not valid UTF-8")
	case wire.Reserved(name):
		return "", fault(fmt.Sprintf("its name %q is reserved: it would control the kernel of an original receiver", name))
	case name == wire.SignalRemoteEvent || name == wire.SignalEvent:
		return "", fault(fmt.Sprintf("its name %q is reserved: it is a base signal of all events", name))
	}
	altered := reflect.New(t)
	same := func(path string) bool {
		event, _ := reflect.TypeAssert[Event](altered)
		if another, ok := nameFrom(event); ok && another != name {
			err = &TypeError{Type: t, Field: path, Problem: fmt.Sprintf("EventName depends on the field; it must return a constant (it returns %q for the zero value)", name)}
		}
		return err == nil
	}
	alter(altered.Elem(), "", same)
	return name, err
}

// nameFrom calls EventName, which is user code. ok is false if it panics.
func nameFrom(event Event) (name string, ok bool) {
	defer func() { _ = recover() }()
	return event.EventName(), true
}

// alter changes the exported fields of a struct to other values, one after
// the other, and calls same with the path of each, until same returns false. It leaves
// fields of types on which a name hardly depends, such as maps.
func alter(v reflect.Value, path string, same func(path string) bool) bool {
	switch v.Kind() {
	case reflect.String:
		v.SetString("altered")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(1)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		v.SetUint(1)
	case reflect.Float32, reflect.Float64:
		v.SetFloat(1)
	case reflect.Pointer:
		if v.Type().Elem().Kind() == reflect.Struct {
			return true // the type may nest endlessly
		}
		v.Set(reflect.New(v.Type().Elem()))
		return same(path) && alter(v.Elem(), path, same)
	case reflect.Struct:
		for i := range v.NumField() {
			field := v.Type().Field(i)
			name := field.Name
			if path != "" {
				name = path + "." + name
			}
			if f := v.Field(i); f.CanSet() || field.Anonymous && f.Kind() == reflect.Struct {
				if !alter(f, name, same) {
					return false
				}
			}
		}
		return true
	default:
		return true
	}
	return same(path)
}

// checkFields rejects a struct that has fields but no exported one: its
// payload would be {}. (go vet finds an unexported field with a json tag.)
func checkFields(t reflect.Type) error {
	if t.Kind() != reflect.Struct || reflect.PointerTo(t).Implements(reflect.TypeFor[json.Marshaler]()) {
		return nil
	}
	hidden, exported := "", false
	for field := range t.Fields() {
		switch {
		case field.Anonymous || field.IsExported():
			exported = true
		case field.Name != "_" && hidden == "":
			hidden = field.Name
		}
	}
	if hidden != "" && !exported {
		return &TypeError{Type: t, Field: hidden, Problem: "no field is exported, so that each payload would be {}"}
	}
	return nil
}

// checkMarshalers rejects a struct whose JSON method is promoted from an embedded field.
func checkMarshalers(t reflect.Type) error {
	for _, m := range []struct {
		name   string
		method reflect.Type
		before reflect.Type // the interface that encoding/json prefers
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
				return &TypeError{Type: t, Field: field.Name, Problem: m.name + " is promoted from the embedded field and would ignore the other fields; define it on the child"}
			}
		}
	}
	return nil
}

// declares reports whether a type itself defines a method. A promoted method is in a
// generated wrapper without a source line.
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
