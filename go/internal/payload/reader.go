package payload

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"sync"
	"unsafe"
)

// A reader decodes the value at pos of the payload into the zero value at p, and returns
// the position after it. Each reader is compiled for one type and must be used for this
// type only: it accesses memory through p by the type's layout. Only builder connects
// readers with types.
type reader func(d *decoder, pos int, p unsafe.Pointer) (end int, err error)

var (
	readers sync.Map // reflect.Type → reader

	marshalerType       = reflect.TypeFor[json.Marshaler]()
	textMarshalerType   = reflect.TypeFor[encoding.TextMarshaler]()
	unmarshalerType     = reflect.TypeFor[json.Unmarshaler]()
	textUnmarshalerType = reflect.TypeFor[encoding.TextUnmarshaler]()
	rawMessageType      = reflect.TypeFor[json.RawMessage]()
	numberType          = reflect.TypeFor[json.Number]()
	anyType             = reflect.TypeFor[any]()
)

// readerOf returns the reader of a type. It compiles and caches it on first use.
func readerOf(t reflect.Type) (reader, error) {
	if r, ok := readers.Load(t); ok {
		return r.(reader), nil //nolint:forcetypeassert // the map contains only readers
	}
	b := builder{}
	r, err := b.reader(t)
	if err != nil {
		return nil, err
	}
	for t, made := range b {
		readers.Store(t, *made)
	}
	return r, nil
}

// builder compiles the readers of a type and of its parts. It contains a pointer for each
// unfinished type, so that a type may contain itself.
type builder map[reflect.Type]*reader

func (b builder) reader(t reflect.Type) (reader, error) {
	if made, ok := b[t]; ok {
		if *made != nil {
			return *made, nil
		}
		return func(d *decoder, pos int, p unsafe.Pointer) (int, error) { return (*made)(d, pos, p) }, nil
	}
	made := new(reader)
	b[t] = made
	r, err := b.build(t)
	*made = r
	return r, err
}

func (b builder) build(t reflect.Type) (reader, error) {
	switch {
	case t == rawMessageType:
		return readRaw, nil
	case t == numberType:
		return readNumber, nil
	case t.Kind() != reflect.Pointer && t.Kind() != reflect.Interface && reflect.PointerTo(t).Implements(unmarshalerType):
		return unmarshalerOf(t), nil
	case t.Kind() != reflect.Pointer && t.Kind() != reflect.Interface && reflect.PointerTo(t).Implements(textUnmarshalerType):
		return textReaderOf(t), nil
	}
	if read := scalarReader(t.Kind()); read != nil {
		return read, nil
	}
	switch t.Kind() {
	case reflect.Interface:
		if t.NumMethod() > 0 {
			return nil, fmt.Errorf("a payload cannot be decoded into the interface %s", t)
		}
		return readAny, nil
	case reflect.Pointer:
		return b.pointer(t)
	case reflect.Struct:
		return b.structure(t)
	case reflect.Map:
		return b.mapping(t)
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 && !reflect.PointerTo(t.Elem()).Implements(unmarshalerType) && !reflect.PointerTo(t.Elem()).Implements(textUnmarshalerType) {
			return readBytes, nil
		}
		return b.slice(t)
	case reflect.Array:
		return b.array(t)
	default:
		return nil, fmt.Errorf("a payload cannot be decoded into the type %s", t)
	}
}

func (b builder) pointer(t reflect.Type) (reader, error) {
	elem, err := b.reader(t.Elem())
	if err != nil {
		return nil, err
	}
	pointee := t.Elem()
	return func(d *decoder, pos int, p unsafe.Pointer) (int, error) {
		if d.at(pos) == 'n' {
			return d.Value(pos)
		}
		made := reflect.New(pointee).UnsafePointer()
		*(*unsafe.Pointer)(p) = made
		return elem(d, pos, made)
	}, nil
}
