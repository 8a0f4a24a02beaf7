package payload

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode"
)

// field is a JSON member of a struct type: a field of its own or of an embedded struct.
type field struct {
	name   string
	index  []int // for reflect.Value.FieldByIndex
	typ    reflect.Type
	quoted bool // the tag has the option string
	tagged bool
}

// fieldsOf returns the members of a struct type by the rules of encoding/json. It
// rejects two members with the same name, which encoding/json would drop.
func fieldsOf(t reflect.Type) ([]field, error) {
	type level struct {
		typ   reflect.Type
		index []int
	}
	var fields []field
	var taken []string // the names of shallower levels
	visited := map[reflect.Type]bool{t: true}
	for current := []level{{typ: t}}; len(current) > 0; {
		var next []level
		var found []field
		for _, l := range current {
			for i := range l.typ.NumField() {
				sf := l.typ.Field(i)
				tag := sf.Tag.Get("json")
				if tag == "-" || (!sf.Anonymous && !sf.IsExported()) {
					continue
				}
				name, options, _ := strings.Cut(tag, ",")
				if !validName(name) {
					name = ""
				}
				index := append(slices.Clone(l.index), i)
				inner := sf.Type
				if inner.Kind() == reflect.Pointer && inner.Name() == "" {
					inner = inner.Elem()
				}
				if sf.Anonymous && !sf.IsExported() {
					switch {
					case inner.Kind() != reflect.Struct:
						continue
					case sf.Type.Kind() == reflect.Pointer:
						return nil, fmt.Errorf("%s embeds a pointer to the unexported type %s, which cannot be decoded", l.typ, inner)
					case name != "" && hasMethods(inner):
						return nil, fmt.Errorf("%s embeds the unexported type %s with a JSON name, and encoding/json cannot call its methods", l.typ, inner)
					}
				}
				if sf.Anonymous && name == "" && inner.Kind() == reflect.Struct {
					if !visited[inner] || slices.ContainsFunc(next, func(n level) bool { return n.typ == inner }) {
						visited[inner] = true
						next = append(next, level{inner, index})
					}
					continue
				}
				f := field{name: name, index: index, typ: sf.Type, tagged: name != ""}
				if !f.tagged {
					f.name = sf.Name
				}
				f.quoted = hasOption(options, "string") && quotable(sf.Type)
				found = append(found, f)
			}
		}
		for _, f := range dominant(found) {
			if slices.Contains(taken, f.name) {
				continue
			}
			rivals := 0
			for _, g := range found {
				if g.name == f.name && g.tagged == f.tagged {
					rivals++
				}
			}
			if rivals > 1 {
				return nil, fmt.Errorf("%s has two fields with the JSON name %q at the same depth: encoding/json would drop both", t, f.name)
			}
			fields = append(fields, f)
		}
		for _, f := range found {
			taken = append(taken, f.name)
		}
		current = next
	}
	return fields, nil
}

// dominant returns one field for each name among the fields of a level: the field with
// the name in its tag, else the first.
func dominant(found []field) []field {
	var best []field
	for _, f := range found {
		i := slices.IndexFunc(best, func(b field) bool { return b.name == f.name })
		switch {
		case i < 0:
			best = append(best, f)
		case f.tagged && !best[i].tagged:
			best[i] = f
		}
	}
	return best
}

// hasMethods reports whether a type has its own marshaler or unmarshaler.
func hasMethods(t reflect.Type) bool {
	return slices.ContainsFunc([]reflect.Type{marshalerType, textMarshalerType, unmarshalerType, textUnmarshalerType}, reflect.PointerTo(t).Implements)
}

func hasOption(options, want string) bool {
	return slices.Contains(strings.Split(options, ","), want)
}

// quotable reports whether the tag's option string applies to the type.
func quotable(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Bool, reflect.String, reflect.Float32, reflect.Float64,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return true
	default:
		return false
	}
}

// validName implements encoding/json's rule for names in tags.
func validName(name string) bool {
	for _, c := range name {
		if !strings.ContainsRune("!#$%&()*+-./:;<=>?@[]^_{|}~ ", c) && !unicode.IsLetter(c) && !unicode.IsDigit(c) {
			return false
		}
	}
	return true
}
