package payload

import (
	"encoding/json"
	"reflect"

	"github.com/remote-events/remote-events/go/pyjson"
)

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
				return 0, within("*", duplicate())
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
