package payload

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"unicode/utf8"
)

// ErrNotUTF8 says that a string in a value is not valid UTF-8, which
// encoding/json would replace without a word.
var ErrNotUTF8 = errors.New("a string is not valid UTF-8")

// Encode writes a value as encoding/json does, without the escapes for HTML.
func Encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	text := bytes.TrimSuffix(b.Bytes(), []byte("\n"))
	// Only where the replacement character came out may one have been put in.
	if bytes.Contains(text, []byte(`\ufffd`)) || bytes.Contains(text, []byte("\ufffd")) {
		if path := notUTF8(reflect.ValueOf(v), ""); path != "" {
			return nil, fmt.Errorf("%w, at %s", ErrNotUTF8, path)
		}
	}
	return text, nil
}

// notUTF8 returns the path of a string in a value that is not valid UTF-8. It
// goes only where encoding/json has been before, so that it meets no cycle. What
// a MarshalJSON returned, encoding/json did not alter, and the check of the
// whole message sees it.
func notUTF8(v reflect.Value, path string) string {
	if v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	if !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil() {
		return ""
	}
	if _, ok := marshaler[json.Marshaler](v); ok {
		return ""
	}
	if m, ok := marshaler[encoding.TextMarshaler](v); ok {
		text, _ := m.MarshalText()
		return notUTF8(reflect.ValueOf(string(text)), path)
	}
	switch v.Kind() {
	case reflect.String:
		if !utf8.ValidString(v.String()) {
			if path == "" {
				path = "/"
			}
			return path
		}
	case reflect.Pointer:
		return notUTF8(v.Elem(), path)
	case reflect.Slice, reflect.Array:
		if elem := v.Type().Elem(); elem.Kind() == reflect.Uint8 && !reflect.PointerTo(elem).Implements(textMarshalerType) {
			return ""
		}
		for i := range v.Len() {
			if found := notUTF8(v.Index(i), fmt.Sprintf("%s/%d", path, i)); found != "" {
				return found
			}
		}
	case reflect.Map:
		for entries := v.MapRange(); entries.Next(); {
			for _, part := range []reflect.Value{reflect.ValueOf(keyText(entries.Key())), entries.Value()} {
				if found := notUTF8(part, path+"/*"); found != "" {
					return found
				}
			}
		}
	case reflect.Struct:
		fields, _ := fieldsOf(v.Type())
		for _, f := range fields {
			part, err := v.FieldByIndexErr(f.index)
			if err != nil {
				continue // an embedded pointer that is nil
			}
			if found := notUTF8(part, path+"/"+f.name); found != "" {
				return found
			}
		}
	default:
	}
	return ""
}

// marshaler returns a value as an M if encoding/json would: by a method of its
// pointer too where it has an address, and never from behind an embedded struct
// that is not exported.
func marshaler[M any](v reflect.Value) (m M, ok bool) {
	if v.Kind() != reflect.Pointer && v.CanAddr() {
		v = v.Addr()
	}
	if !v.CanInterface() {
		return m, false
	}
	return reflect.TypeAssert[M](v)
}

// keyText returns what encoding/json makes of a map's key, which goes by the
// string before the method. Of an integer it returns something valid.
func keyText(k reflect.Value) string {
	if k.Kind() == reflect.String || k.Kind() == reflect.Pointer && k.IsNil() {
		return k.String()
	}
	if m, ok := reflect.TypeAssert[encoding.TextMarshaler](k); ok {
		text, _ := m.MarshalText()
		return string(text)
	}
	return k.String()
}
