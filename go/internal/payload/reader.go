package payload

import (
	"bytes"
	"encoding"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"sync"
	"unicode"

	"github.com/remote-events/remote-events/go/pyjson"
)

var (
	readers sync.Map // reflect.Type → reader

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
		if kind, err := d.Peek(pos); err != nil || kind == pyjson.Null {
			return skip(d, pos, err)
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
		kind, err := d.Peek(pos)
		if err != nil || kind == pyjson.Null {
			return skip(d, pos, err)
		}
		if kind != pyjson.Array {
			return 0, misfit("it is " + kind.String() + ", not an array")
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
		kind, err := d.Peek(pos)
		if err != nil || kind == pyjson.Null {
			return skip(d, pos, err)
		}
		if kind != pyjson.Array {
			return 0, misfit("it is " + kind.String() + ", not an array")
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
		kind, err := d.Peek(pos)
		if err != nil || kind == pyjson.Null {
			return skip(d, pos, err)
		}
		if kind != pyjson.Object {
			return 0, misfit("it is " + kind.String() + ", not an object")
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
				return 0, errDuplicate
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
		kind, err := d.Peek(pos)
		if err != nil || kind == pyjson.Null {
			return skip(d, pos, err)
		}
		if kind != pyjson.Object {
			return 0, misfit("it is " + kind.String() + ", not an object")
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
				return 0, errDuplicate
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

func skip(d *decoder, pos int, err error) (int, error) {
	if err != nil {
		return 0, err
	}
	return d.Value(pos)
}

func readRaw(d *decoder, pos int, v reflect.Value) (int, error) {
	end, err := d.Value(pos)
	if err == nil {
		v.SetBytes(append([]byte(nil), d.Src[pos:end]...))
	}
	return end, err
}

func readNumber(d *decoder, pos int, v reflect.Value) (int, error) {
	raw, end, err := d.scalar(pos, pyjson.Number)
	if err == nil && raw != nil {
		v.SetString(string(raw))
	}
	return end, err
}

func readBool(d *decoder, pos int, v reflect.Value) (int, error) {
	kind, err := d.Peek(pos)
	if err != nil {
		return 0, err
	}
	switch kind {
	case pyjson.True, pyjson.False:
		v.SetBool(kind == pyjson.True)
	case pyjson.Null:
	default:
		return 0, misfit("it is " + kind.String() + ", not true or false")
	}
	return d.Value(pos)
}

func readString(d *decoder, pos int, v reflect.Value) (int, error) {
	s, _, end, err := d.text(pos)
	if err == nil {
		v.SetString(s)
	}
	return end, err
}

func readInt(d *decoder, pos int, v reflect.Value) (int, error) {
	raw, end, err := d.scalar(pos, pyjson.Number)
	if err != nil || raw == nil {
		return end, err
	}
	n, err := strconv.ParseInt(string(raw), 10, v.Type().Bits())
	if err != nil {
		return 0, misfitInteger(raw, v.Type())
	}
	v.SetInt(n)
	return end, nil
}

func readUint(d *decoder, pos int, v reflect.Value) (int, error) {
	raw, end, err := d.scalar(pos, pyjson.Number)
	if err != nil || raw == nil {
		return end, err
	}
	n, err := strconv.ParseUint(string(raw), 10, v.Type().Bits())
	if err != nil {
		return 0, misfitInteger(raw, v.Type())
	}
	v.SetUint(n)
	return end, nil
}

func misfitInteger(raw []byte, t reflect.Type) error {
	if !pyjson.IsInteger(raw) {
		return misfit("it is written as a fraction, not as an integer")
	}
	return misfit("the integer does not fit " + t.Kind().String())
}

func readFloat(d *decoder, pos int, v reflect.Value) (int, error) {
	kind, err := d.Peek(pos)
	if err != nil {
		return 0, err
	}
	if kind == pyjson.NonFinite {
		v.SetFloat(nonFinite(d.Src[pos]))
		return d.Value(pos)
	}
	raw, end, err := d.scalar(pos, pyjson.Number)
	if err != nil || raw == nil {
		return end, err
	}
	f, ok := pyjson.Float(raw)
	if ok && v.Kind() == reflect.Float32 {
		ok = !math.IsInf(float64(float32(f)), 0) && (!pyjson.IsInteger(raw) || float64(float32(f)) == f)
	}
	if !ok {
		return 0, misfit("the number does not fit " + v.Kind().String())
	}
	v.SetFloat(f)
	return end, nil
}

// nonFinite returns the number whose literal has this first byte.
func nonFinite(first byte) float64 {
	switch first {
	case 'N':
		return math.NaN()
	case 'I':
		return math.Inf(1)
	default:
		return math.Inf(-1)
	}
}

func readBytes(d *decoder, pos int, v reflect.Value) (int, error) {
	s, ok, end, err := d.text(pos)
	if err != nil || !ok {
		return end, err
	}
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return 0, misfit("the string is not base64")
	}
	v.SetBytes(b)
	return end, nil
}

func readText(d *decoder, pos int, v reflect.Value) (int, error) {
	s, ok, end, err := d.text(pos)
	if err != nil || !ok {
		return end, err
	}
	u := v.Addr().Interface().(encoding.TextUnmarshaler) //nolint:forcetypeassert // the builder asked
	return end, refused(v.Type(), u.UnmarshalText([]byte(s)))
}

// readUnmarshaler hands a value to the type's own method, which expects strict
// JSON and would read a lone surrogate as another character.
func readUnmarshaler(d *decoder, pos int, v reflect.Value) (int, error) {
	end, err := d.Value(pos)
	if err != nil {
		return 0, err
	}
	var foreign foreigner
	s := pyjson.Scanner{Src: d.Src, Observer: &foreign}
	if _, err := s.Value(pos); err != nil {
		return 0, err
	}
	if foreign != "" {
		return 0, misfit("it holds " + string(foreign) + ", which " + v.Type().String() + " does not expect")
	}
	u := v.Addr().Interface().(json.Unmarshaler) //nolint:forcetypeassert // the builder asked
	return end, refused(v.Type(), u.UnmarshalJSON(pyjson.DropDuplicates(d.Src[pos:end])))
}

func refused(t reflect.Type, err error) error {
	if err == nil {
		return nil
	}
	// The method's own words may quote the payload: they are for errors.As.
	return &Error{Problem: t.String() + " refuses it", Err: err}
}

// foreigner observes whether a value holds what is JSON to Python only.
type foreigner string

func (f *foreigner) Open(pyjson.Kind, int) {}
func (f *foreigner) Close()                {}
func (f *foreigner) Name(raw []byte, _ int) {
	if !pyjson.Paired(raw) {
		*f = "a lone surrogate"
	}
}

func (f *foreigner) Scalar(kind pyjson.Kind, raw []byte, _ int) {
	switch kind {
	case pyjson.NonFinite:
		*f = "a non-finite number"
	case pyjson.String:
		if !pyjson.Paired(raw[1 : len(raw)-1]) {
			*f = "a lone surrogate"
		}
	default:
	}
}

// readAny reads what encoding/json would into an empty interface, except that
// an integer which a float64 would round stays a json.Number.
func readAny(d *decoder, pos int, v reflect.Value) (int, error) {
	value, end, err := d.any(pos)
	if err == nil && value != nil {
		v.Set(reflect.ValueOf(value))
	}
	return end, err
}

func (d *decoder) any(pos int) (value any, end int, err error) {
	kind, err := d.Peek(pos)
	if err != nil {
		return nil, 0, err
	}
	switch kind {
	case pyjson.Object:
		m := map[string]any{}
		end, err = d.Members(pos, func(raw []byte, pos int) (int, error) {
			name, err := unquote(raw)
			if err != nil {
				return 0, within("*", err)
			}
			if _, found := m[name]; found {
				return 0, errDuplicate
			}
			value, end, err := d.any(pos)
			if err != nil {
				return 0, within("*", err)
			}
			m[name] = value
			return end, nil
		})
		return m, end, err
	case pyjson.Array:
		a := []any{}
		end, err = d.Elements(pos, func(pos int) (int, error) {
			value, end, err := d.any(pos)
			if err != nil {
				return 0, atIndex(len(a), err)
			}
			a = append(a, value)
			return end, nil
		})
		return a, end, err
	case pyjson.String:
		value, _, end, err = d.text(pos)
		return value, end, err
	case pyjson.Number:
		raw, end, err := d.scalar(pos, kind)
		if err != nil {
			return nil, 0, err
		}
		f, ok := pyjson.Float(raw)
		if !ok {
			return json.Number(raw), end, nil
		}
		return f, end, nil
	case pyjson.NonFinite:
		end, err = d.Value(pos)
		return nonFinite(d.Src[pos]), end, err
	case pyjson.True, pyjson.False:
		end, err = d.Value(pos)
		return kind == pyjson.True, end, err
	default:
		end, err = d.Value(pos)
		return nil, end, err
	}
}

func isLetterOrDigit(c rune) bool { return unicode.IsLetter(c) || unicode.IsDigit(c) }
