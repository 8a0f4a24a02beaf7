package payload

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"unsafe"

	"github.com/remote-events/remote-events/go/pyjson"
)

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
		m := member{name: f.name, read: read}
		if m.offset, m.path = place(t, f.index); !strings.ContainsAny(f.name, `"\\`) {
			m.quoted = `"` + f.name + `"`
		}
		r.members[i] = m
		r.byName[f.name] = i
	}
	return r.read, nil
}

// structReader reads an object into a struct.
type structReader struct {
	members []member // in the order of encoding/json
	byName  map[string]int
}

type member struct {
	name   string
	quoted string // the usual form of the name in a payload, or empty
	offset uintptr
	path   []step // to a field behind embedded pointers, else nil
	read   reader
}

// step leads from a struct to an embedded struct pointer.
type step struct {
	offset uintptr
	typ    reflect.Type // of the embedded struct
}

// place returns the path to a field: the embedded pointers on the way, and the field's
// offset within the last struct.
func place(t reflect.Type, index []int) (offset uintptr, path []step) {
	for _, i := range index {
		if t.Kind() == reflect.Pointer {
			t = t.Elem()
			path = append(path, step{offset, t})
			offset = 0
		}
		f := t.Field(i)
		offset += f.Offset
		t = f.Type
	}
	return offset, path
}

// at returns the address of the member's value. It allocates the embedded structs on the
// path.
func (m *member) at(p unsafe.Pointer) unsafe.Pointer {
	if m.path == nil {
		return unsafe.Add(p, m.offset)
	}
	return m.behind(p)
}

// behind is at for a field with embedded pointers on its path.
func (m *member) behind(p unsafe.Pointer) unsafe.Pointer {
	for _, s := range m.path {
		embedded := (*unsafe.Pointer)(unsafe.Add(p, s.offset))
		if *embedded == nil {
			*embedded = reflect.New(s.typ).UnsafePointer()
		}
		p = *embedded
	}
	return unsafe.Add(p, m.offset)
}

func (r *structReader) read(d *decoder, pos int, p unsafe.Pointer) (int, error) {
	pos, more, found, err := d.begin(pyjson.Object, pos)
	if err != nil || !found {
		return pos, err
	}
	var few [4]uint64 // a bit for each member of the payload so far
	seen := few[:]
	if len(r.members) > 64*len(few) {
		seen = make([]uint64, len(r.members)/64+1)
	}
	for expected := 0; more; {
		i, value, err := r.find(d, pos, expected)
		if err != nil {
			return 0, err
		}
		if i < 0 {
			pos, err = d.Value(value)
		} else {
			m := &r.members[i]
			if seen[i/64]>>(i%64)&1 != 0 {
				return 0, within(m.name, duplicate())
			}
			seen[i/64] |= 1 << (i % 64)
			expected = i + 1
			if pos, err = m.read(d, value, m.at(p)); err != nil {
				err = within(m.name, err)
			}
		}
		if err != nil {
			return 0, err
		}
		if d.comma(pos) {
			pos++
		} else if pos, more, err = d.Next(pyjson.Object, pos); err != nil {
			return 0, err
		}
	}
	return pos, nil
}

// find reads a member's name. It returns the index of the member, or -1, and the
// position of its value. It compares the expected member first, because most payloads
// have their members in the order of the type.
func (r *structReader) find(d *decoder, pos, expected int) (i, value int, err error) {
	if expected < len(r.members) {
		if quoted := r.members[expected].quoted; quoted != "" && len(d.Src)-pos > len(quoted) &&
			d.Src[pos+len(quoted)] == ':' && string(d.Src[pos:pos+len(quoted)]) == quoted {
			return expected, d.Space(pos + len(quoted) + 1), nil
		}
	}
	raw, value, err := d.Name(pos)
	if err != nil {
		return 0, 0, err
	}
	if i, ok := r.byName[string(raw)]; ok {
		return i, value, nil
	}
	if bytes.IndexByte(raw, '\\') >= 0 {
		name, _ := pyjson.Unquote(raw)
		if i, ok := r.byName[name]; ok {
			return i, value, nil
		}
	}
	return -1, value, nil
}

// quoted returns the reader of a field with the tag's option string.
func quoted(read reader) reader {
	return func(d *decoder, pos int, p unsafe.Pointer) (int, error) {
		s, ok, end, err := d.text(pos)
		if err != nil || !ok {
			return end, err
		}
		inner := &decoder{Scanner: pyjson.Scanner{Src: []byte(s), MaxDepth: maxDepth}}
		if _, _, _, err := inner.Document(); err != nil {
			return 0, misfit("its string does not contain a JSON value")
		}
		if _, err := read(inner, inner.Space(0), p); err != nil {
			return 0, err
		}
		return end, nil
	}
}
