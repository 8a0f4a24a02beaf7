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
		return readUnmarshaler, nil
	case t.Kind() != reflect.Pointer && t.Kind() != reflect.Interface && reflect.PointerTo(t).Implements(textUnmarshalerType):
		return readText, nil
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
	return func(d *decoder, pos int, v reflect.Value) (int, error) {
		if kind, err := d.Peek(pos); err == nil && kind == pyjson.Null {
			return d.Value(pos)
		}
		v.Set(reflect.New(t.Elem()))
		return elem(d, pos, v.Elem())
	}, nil
}

func (b builder) slice(t reflect.Type) (reader, error) {
	elem, err := b.reader(t.Elem())
	if err != nil {
		return nil, err
	}
	return func(d *decoder, pos int, v reflect.Value) (int, error) {
		if end, done, err := d.enter(pos, pyjson.Array); done {
			return end, err
		}
		v.Set(reflect.MakeSlice(t, 0, 4))
		return d.Elements(pos, func(pos int) (int, error) {
			i := v.Len()
			if i == v.Cap() {
				v.Grow(1)
			}
			v.SetLen(i + 1)
			v.Index(i).SetZero()
			end, err := elem(d, pos, v.Index(i))
			if err != nil {
				err = atIndex(i, err)
			}
			return end, err
		})
	}, nil
}

func (b builder) array(t reflect.Type) (reader, error) {
	elem, err := b.reader(t.Elem())
	if err != nil {
		return nil, err
	}
	return func(d *decoder, pos int, v reflect.Value) (int, error) {
		if end, done, err := d.enter(pos, pyjson.Array); done {
			return end, err
		}
		i := 0
		return d.Elements(pos, func(pos int) (int, error) {
			if i == t.Len() {
				return 0, misfit(fmt.Sprintf("it has more than %d elements", i))
			}
			end, err := elem(d, pos, v.Index(i))
			if err != nil {
				err = atIndex(i, err)
			}
			i++
			return end, err
		})
	}, nil
}

func (b builder) mapping(t reflect.Type) (reader, error) {
	elem, err := b.reader(t.Elem())
	if err != nil {
		return nil, err
	}
	key, err := keyReader(t.Key())
	if err != nil {
		return nil, err
	}
	return func(d *decoder, pos int, v reflect.Value) (int, error) {
		if end, done, err := d.enter(pos, pyjson.Object); done {
			return end, err
		}
		v.Set(reflect.MakeMap(t))
		return d.Members(pos, func(raw []byte, pos int) (int, error) {
			name, err := unquote(raw)
			if err != nil {
				return 0, within("*", err)
			}
			k, err := key(name)
			if err != nil {
				return 0, within("*", err)
			}
			if v.MapIndex(k).IsValid() {
				return 0, within("*", duplicate())
			}
			e := reflect.New(t.Elem()).Elem()
			end, err := elem(d, pos, e)
			if err != nil {
				return 0, within("*", err)
			}
			v.SetMapIndex(k, e)
			return end, nil
		})
	}, nil
}

// keyReader returns what makes a map's key from a member's name.
func keyReader(t reflect.Type) (func(name string) (reflect.Value, error), error) {
	switch {
	case reflect.PointerTo(t).Implements(textUnmarshalerType):
		return func(name string) (reflect.Value, error) {
			k := reflect.New(t)
			err := k.Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(name)) //nolint:forcetypeassert // it implements it
			return k.Elem(), refused(t, err)
		}, nil
	case t.Kind() == reflect.String:
		return func(name string) (reflect.Value, error) { return reflect.ValueOf(name).Convert(t), nil }, nil
	case t.Kind() >= reflect.Int && t.Kind() <= reflect.Int64:
		return func(name string) (reflect.Value, error) {
			n, err := strconv.ParseInt(name, 10, t.Bits())
			if err != nil {
				return reflect.Value{}, misfit("a member's name is no integer that fits " + t.String())
			}
			return reflect.ValueOf(n).Convert(t), nil
		}, nil
	case t.Kind() >= reflect.Uint && t.Kind() <= reflect.Uintptr:
		return func(name string) (reflect.Value, error) {
			n, err := strconv.ParseUint(name, 10, t.Bits())
			if err != nil {
				return reflect.Value{}, misfit("a member's name is no integer that fits " + t.String())
			}
			return reflect.ValueOf(n).Convert(t), nil
		}, nil
	}
	return nil, fmt.Errorf("no member's name can fill the key type %s", t)
}

func (b builder) structure(t reflect.Type) (reader, error) {
	fields, err := fieldsOf(t)
	if err != nil {
		return nil, err
	}
	type member struct {
		field

		read reader
		ord  int
	}
	members := make(map[string]*member, len(fields))
	for i, f := range fields {
		read, err := b.reader(f.typ)
		if err != nil {
			return nil, fmt.Errorf("%s.%s: %w", t, f.name, err)
		}
		if f.quoted {
			read = quoted(read)
		}
		members[f.name] = &member{f, read, i}
	}
	return func(d *decoder, pos int, v reflect.Value) (int, error) {
		if end, done, err := d.enter(pos, pyjson.Object); done {
			return end, err
		}
		var small [64]bool
		seen := small[:]
		if len(fields) > len(small) {
			seen = make([]bool, len(fields))
		}
		return d.Members(pos, func(raw []byte, pos int) (int, error) {
			m, ok := members[string(raw)]
			if !ok && bytes.IndexByte(raw, '\\') >= 0 {
				name, _ := pyjson.Unquote(raw)
				m, ok = members[name]
			}
			if !ok {
				return d.Value(pos)
			}
			if seen[m.ord] {
				return 0, within(m.name, duplicate())
			}
			seen[m.ord] = true
			end, err := m.read(d, pos, fieldAt(v, m.index))
			if err != nil {
				err = within(m.name, err)
			}
			return end, err
		})
	}, nil
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
		inner := &decoder{pyjson.Scanner{Src: []byte(s)}}
		if _, _, _, err := inner.Document(); err != nil {
			return 0, misfit("its string holds no JSON value")
		}
		if _, err := read(inner, inner.Space(0), v); err != nil {
			return 0, err
		}
		return end, nil
	}
}
