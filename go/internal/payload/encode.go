package payload

import (
	"bytes"
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

// notUTF8 returns the path of a string in a value that is not valid UTF-8. The
// value has been encoded before, so that it holds no cycle.
func notUTF8(v reflect.Value, path string) string {
	switch v.Kind() {
	case reflect.String:
		if !utf8.ValidString(v.String()) {
			if path == "" {
				path = "/"
			}
			return path
		}
	case reflect.Pointer, reflect.Interface:
		return notUTF8(v.Elem(), path)
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return ""
		}
		for i := range v.Len() {
			if found := notUTF8(v.Index(i), fmt.Sprintf("%s/%d", path, i)); found != "" {
				return found
			}
		}
	case reflect.Map:
		for entries := v.MapRange(); entries.Next(); {
			for _, part := range []reflect.Value{entries.Key(), entries.Value()} {
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
