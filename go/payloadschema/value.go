package payloadschema

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/remote-events/remote-events/go/pyjson"
)

// A number beyond these takes no schema long to compare, and no sender of this
// specification writes one: JSON-6 and JSON-7.
const (
	maxDigits   = 4300
	maxExponent = 400
)

// parse reads a payload for a validator, which knows the types of encoding/json,
// with numbers as they are written. Where the payload holds what JSON Schema
// knows no value for, it returns the place and the problem.
func parse(payload []byte) (value any, pointer, problem string) {
	p := parser{Scanner: pyjson.Scanner{Src: payload}}
	value, end, err := p.value(p.Space(0))
	if err == nil {
		err = p.End(end)
	}
	if err != nil {
		return nil, "", "it is not JSON: " + err.Error()
	}
	if p.unfit { // which may stand in a member that a later one replaces
		pointer, problem = find(value)
	}
	return value, pointer, problem
}

type parser struct {
	pyjson.Scanner

	unfit bool // there is an unfit value
}

// unfit stands for a value that JSON Schema does not know, and says why.
type unfit string

func (p *parser) value(pos int) (value any, end int, err error) {
	kind, err := p.Peek(pos)
	if err != nil {
		return nil, 0, err
	}
	switch kind {
	case pyjson.Object:
		members := map[string]any{}
		end, err = p.Members(pos, func(raw []byte, pos int) (int, error) {
			value, end, err := p.value(pos)
			name, ok := pyjson.Unquote(raw)
			if !ok {
				value = p.refuse("a name holds a surrogate without its partner")
			}
			members[name] = value // the last one counts (JSON-11)
			return end, err
		})
		return members, end, err
	case pyjson.Array:
		elements := []any{}
		end, err = p.Elements(pos, func(pos int) (int, error) {
			value, end, err := p.value(pos)
			elements = append(elements, value)
			return end, err
		})
		return elements, end, err
	default:
		if end, err = p.Value(pos); err != nil {
			return nil, 0, err
		}
		return p.scalar(kind, p.Src[pos:end]), end, nil
	}
}

func (p *parser) scalar(kind pyjson.Kind, raw []byte) any {
	switch kind {
	case pyjson.String:
		text, ok := pyjson.Unquote(raw[1 : len(raw)-1])
		if !ok {
			return p.refuse("a string holds a surrogate without its partner")
		}
		return text
	case pyjson.Number:
		if !bounded(raw) {
			return p.refuse("a number has more than 4,300 digits, or an exponent beyond ±400")
		}
		return json.Number(raw)
	case pyjson.NonFinite:
		return p.refuse("a number is not finite")
	case pyjson.True, pyjson.False:
		return kind == pyjson.True
	default:
		return nil
	}
}

func (p *parser) refuse(why unfit) unfit {
	p.unfit = true
	return why
}

// bounded reports whether a number can be compared in reasonable time.
func bounded(number []byte) bool {
	mantissa, exponent := number, 0
	if i := bytes.IndexAny(number, "eE"); i >= 0 {
		var err error
		if exponent, err = strconv.Atoi(string(number[i+1:])); err != nil {
			return false
		}
		mantissa = number[:i]
	}
	digits := len(mantissa) - bytes.Count(mantissa, []byte("-")) - bytes.Count(mantissa, []byte("."))
	return digits <= maxDigits && -maxExponent <= exponent && exponent <= maxExponent
}

// find looks for the first unfit value in the order of the names.
func find(value any) (pointer, problem string) {
	switch v := value.(type) {
	case unfit:
		return "", string(v)
	case map[string]any:
		for name, member := range v {
			at, why := find(member)
			if at = "/" + escape(name) + at; why != "" && (problem == "" || at < pointer) {
				pointer, problem = at, why
			}
		}
	case []any:
		for i, element := range v {
			if at, why := find(element); why != "" {
				return "/" + strconv.Itoa(i) + at, why
			}
		}
	}
	return pointer, problem
}

// escape writes a member's name as a part of a JSON Pointer.
func escape(name string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(strings.ToValidUTF8(name, "\uFFFD"))
}
