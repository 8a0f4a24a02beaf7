package payload

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"sync"

	"github.com/remote-events/remote-events/go/pyjson"
)

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

// readerOf returns the reader of a type, made when the type is first seen.
func readerOf(t reflect.Type) (reader, error) {
	if r, ok := readers.Load(t); ok {
		return r.(reader), nil //nolint:forcetypeassert // the map holds nothing else
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

// builder makes the readers of a type and of all that it consists of. A type
// may hold itself: what is under way is there already, by its address.
type builder map[reflect.Type]*reader

func (b builder) reader(t reflect.Type) (reader, error) {
	if made, ok := b[t]; ok {
		return func(d *decoder, pos int, v reflect.Value) (int, error) { return (*made)(d, pos, v) }, nil
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
	switch t.Kind() {
	case reflect.Bool:
		return readBool, nil
	case reflect.String:
		return readString, nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return readInt, nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return readUint, nil
	case reflect.Float32, reflect.Float64:
		return readFloat, nil
	case reflect.Interface:
		if t.NumMethod() > 0 {
			return nil, fmt.Errorf("no payload can fill the interface %s", t)
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
		return nil, fmt.Errorf("no payload can fill the type %s", t)
	}
}

func (b builder) pointer(t reflect.Type) (reader, error) {
	elem, err := b.reader(t.Elem())
	if err != nil {
		return nil, err
	}
	pointee := t.Elem()
	return func(d *decoder, pos int, v reflect.Value) (int, error) {
		if pos < len(d.Src) && d.Src[pos] == 'n' {
			return d.Value(pos)
		}
		v.Set(reflect.New(pointee))
		return elem(d, pos, v.Elem())
	}, nil
}

func (b builder) slice(t reflect.Type) (reader, error) {
	elem, err := b.reader(t.Elem())
	if err != nil {
		return nil, err
	}
	return func(d *decoder, pos int, v reflect.Value) (int, error) {
		pos, more, found, err := d.begin(pyjson.Array, pos)
		if err != nil || !found {
			return pos, err
		}
		capacity := 0
		if more {
			capacity = 4
		}
		v.Set(reflect.MakeSlice(t, 0, capacity))
		for i := 0; more; i++ {
			if i == v.Cap() {
				v.Grow(1) // which leaves zeros, as MakeSlice does
			}
			v.SetLen(i + 1)
			if pos, err = elem(d, pos, v.Index(i)); err != nil {
				return 0, atIndex(i, err)
			}
			if pos, more, err = d.Next(pyjson.Array, pos); err != nil {
				return 0, err
			}
		}
		return pos, nil
	}, nil
}

func (b builder) array(t reflect.Type) (reader, error) {
	elem, err := b.reader(t.Elem())
	if err != nil {
		return nil, err
	}
	length := t.Len()
	return func(d *decoder, pos int, v reflect.Value) (int, error) {
		pos, more, found, err := d.begin(pyjson.Array, pos)
		if err != nil || !found {
			return pos, err
		}
		for i := 0; more; i++ {
			if i == length {
				return 0, misfit(fmt.Sprintf("it has more than %d elements", i))
			}
			if pos, err = elem(d, pos, v.Index(i)); err != nil {
				return 0, atIndex(i, err)
			}
			if pos, more, err = d.Next(pyjson.Array, pos); err != nil {
				return 0, err
			}
		}
		return pos, nil
	}, nil
}

func (b builder) mapping(t reflect.Type) (reader, error) {
	if t.Key().Kind() == reflect.String && !reflect.PointerTo(t.Key()).Implements(textUnmarshalerType) &&
		t.Elem() == anyType && reflect.TypeFor[map[string]any]().ConvertibleTo(t) {
		return readObject, nil
	}
	elem, err := b.reader(t.Elem())
	if err != nil {
		return nil, err
	}
	key, err := keyReader(t.Key())
	if err != nil {
		return nil, err
	}
	return func(d *decoder, pos int, v reflect.Value) (int, error) {
		pos, more, found, err := d.begin(pyjson.Object, pos)
		if err != nil || !found {
			return pos, err
		}
		v.Set(reflect.MakeMap(t))
		k, e := reflect.New(t.Key()).Elem(), reflect.New(t.Elem()).Elem()
		for n := 1; more; n++ {
			raw, at, err := d.Name(pos)
			if err != nil {
				return 0, err
			}
			name, err := d.nameOf(raw)
			if err != nil {
				return 0, within("*", err)
			}
			k.SetZero()
			if err := key(name, k); err != nil {
				return 0, within("*", err)
			}
			e.SetZero()
			if pos, err = elem(d, at, e); err != nil {
				return 0, within("*", err)
			}
			if v.SetMapIndex(k, e); v.Len() < n {
				return 0, within("*", duplicate())
			}
			if pos, more, err = d.Next(pyjson.Object, pos); err != nil {
				return 0, err
			}
		}
		return pos, nil
	}, nil
}

// keyReader returns what fills a map's key, which is zero, from a member's name.
func keyReader(t reflect.Type) (func(name string, k reflect.Value) error, error) {
	noInteger := func() error { return misfit("a member's name is no integer that fits " + t.String()) }
	switch {
	case reflect.PointerTo(t).Implements(textUnmarshalerType):
		limit := isBig(t)
		return func(name string, k reflect.Value) error { return unmarshalText(name, k, limit) }, nil
	case t.Kind() == reflect.String:
		return func(name string, k reflect.Value) error { k.SetString(name); return nil }, nil
	case t.Kind() >= reflect.Int && t.Kind() <= reflect.Int64:
		return func(name string, k reflect.Value) error {
			n, err := strconv.ParseInt(name, 10, t.Bits())
			if err != nil {
				return noInteger()
			}
			k.SetInt(n)
			return nil
		}, nil
	case t.Kind() >= reflect.Uint && t.Kind() <= reflect.Uintptr:
		return func(name string, k reflect.Value) error {
			n, err := strconv.ParseUint(name, 10, t.Bits())
			if err != nil {
				return noInteger()
			}
			k.SetUint(n)
			return nil
		}, nil
	}
	return nil, fmt.Errorf("no member's name can fill the key type %s", t)
}

func (b builder) structure(t reflect.Type) (reader, error) {
	fields, err := fieldsOf(t)
	if err != nil {
		return nil, err
	}
	r := &structReader{members: make([]member, len(fields)), byName: make(map[string]int, len(fields))}
	for i, f := range fields {
		read, err := b.reader(f.typ)
		if err != nil {
			return nil, fmt.Errorf("%s.%s: %w", t, f.name, err)
		}
		if f.quoted {
			read = quoted(read)
		}
		r.members[i] = member{f.name, f.index, read}
		r.byName[f.name] = i
	}
	return r.read, nil
}

// structReader reads an object into a struct.
type structReader struct {
	members []member // in the order in which encoding/json writes them
	byName  map[string]int
}

type member struct {
	name  string
	index []int
	read  reader
}

func (r *structReader) read(d *decoder, pos int, v reflect.Value) (int, error) {
	pos, more, found, err := d.begin(pyjson.Object, pos)
	if err != nil || !found {
		return pos, err
	}
	var small [64]bool
	seen := small[:]
	if len(r.members) > len(small) {
		seen = make([]bool, len(r.members))
	}
	for expected := 0; more; {
		raw, at, err := d.Name(pos)
		if err != nil {
			return 0, err
		}
		i := r.find(raw, expected)
		if i < 0 {
			pos, err = d.Value(at)
		} else {
			m := &r.members[i]
			if seen[i] {
				return 0, within(m.name, duplicate())
			}
			seen[i], expected = true, i+1
			if pos, err = m.read(d, at, fieldAt(v, m.index)); err != nil {
				err = within(m.name, err)
			}
		}
		if err != nil {
			return 0, err
		}
		if pos, more, err = d.Next(pyjson.Object, pos); err != nil {
			return 0, err
		}
	}
	return pos, nil
}

// find returns which member a name, still escaped, belongs to, or -1. Most
// payloads have their members in the order of the type: the one that is expected
// is compared first.
func (r *structReader) find(raw []byte, expected int) int {
	if expected < len(r.members) && r.members[expected].name == string(raw) {
		return expected
	}
	if i, ok := r.byName[string(raw)]; ok {
		return i
	}
	if bytes.IndexByte(raw, '\\') >= 0 {
		name, _ := pyjson.Unquote(raw)
		if i, ok := r.byName[name]; ok {
			return i
		}
	}
	return -1
}

// fieldAt is v.FieldByIndex, making the embedded pointers on its way.
func fieldAt(v reflect.Value, index []int) reflect.Value {
	for _, i := range index {
		if v.Kind() == reflect.Pointer {
			if v.IsNil() {
				v.Set(reflect.New(v.Type().Elem()))
			}
			v = v.Elem()
		}
		v = v.Field(i)
	}
	return v
}

// quoted reads what the tag's option string put into a string.
func quoted(read reader) reader {
	return func(d *decoder, pos int, v reflect.Value) (int, error) {
		s, ok, end, err := d.text(pos)
		if err != nil || !ok {
			return end, err
		}
		inner := &decoder{Scanner: pyjson.Scanner{Src: []byte(s), MaxDepth: maxDepth}}
		if _, _, _, err := inner.Document(); err != nil {
			return 0, misfit("its string holds no JSON value")
		}
		if _, err := read(inner, inner.Space(0), v); err != nil {
			return 0, err
		}
		return end, nil
	}
}
