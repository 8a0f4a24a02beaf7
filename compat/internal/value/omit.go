package value

import (
	"slices"

	"github.com/remote-events/remote-events/go/pyjson"
)

// Omit returns the text of an object without the members with these names.
func Omit(text []byte, names ...string) []byte {
	s := pyjson.Scanner{Src: text}
	kept := []byte{'{'}
	_, err := s.Members(s.Space(0), func(name []byte, pos int) (int, error) {
		end, err := s.Value(pos)
		if plain, _ := pyjson.Unquote(name); err != nil || slices.Contains(names, plain) {
			return end, err
		}
		if len(kept) > 1 {
			kept = append(kept, ", "...)
		}
		kept = append(append(append(kept, '"'), name...), `": `...)
		kept = append(kept, text[pos:end]...)
		return end, nil
	})
	if err != nil {
		return text
	}
	return append(kept, '}')
}

// Elements returns the texts of an array's elements, or nil if text is not an array.
func Elements(text []byte) []string {
	s := pyjson.Scanner{Src: text}
	elements := []string{}
	_, err := s.Elements(s.Space(0), func(pos int) (int, error) {
		end, err := s.Value(pos)
		if err == nil {
			elements = append(elements, string(text[pos:end]))
		}
		return end, err
	})
	if err != nil {
		return nil
	}
	return elements
}

// Member returns the text of an object's last member with that name, or nil.
func Member(text []byte, name string) []byte {
	s := pyjson.Scanner{Src: text}
	var value []byte
	_, err := s.Members(s.Space(0), func(raw []byte, pos int) (int, error) {
		end, err := s.Value(pos)
		if plain, _ := pyjson.Unquote(raw); err == nil && plain == name {
			value = text[pos:end]
		}
		return end, err
	})
	if err != nil {
		return nil
	}
	return value
}

// Names returns the names of an object's members, or nil if text is not an object.
func Names(text []byte) []string {
	s := pyjson.Scanner{Src: text}
	names := []string{}
	_, err := s.Members(s.Space(0), func(raw []byte, pos int) (int, error) {
		name, _ := pyjson.Unquote(raw)
		names = append(names, name)
		return s.Value(pos)
	})
	if err != nil {
		return nil
	}
	return names
}
