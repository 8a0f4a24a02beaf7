package payload

import (
	"fmt"
	"reflect"
	"unsafe"

	"github.com/remote-events/remote-events/go/pyjson"
)

// firstElements is the initial capacity of a slice.
const firstElements = 4

func (b builder) slice(t reflect.Type) (reader, error) {
	if t.Elem() == reflect.TypeFor[string]() {
		return readStrings, nil
	}
	elem, err := b.reader(t.Elem())
	if err != nil {
		return nil, err
	}
	size, empty := t.Elem().Size(), reflect.MakeSlice(t, 0, 0)
	return func(d *decoder, pos int, p unsafe.Pointer) (int, error) {
		pos, more, found, err := d.begin(pyjson.Array, pos)
		if err != nil || !found {
			return pos, err
		}
		v := reflect.NewAt(t, p).Elem()
		if !more {
			v.Set(empty)
			return pos, nil
		}
		start := pos
		v.Grow(firstElements) // the new elements are zero
		elements, room := v.UnsafePointer(), v.Cap()
		for n := 0; more; n++ {
			if n == room {
				v.SetLen(n)
				v.Grow(moreElements(n, pos-start, len(d.Src)-pos))
				elements, room = v.UnsafePointer(), v.Cap()
			}
			if pos, err = elem(d, pos, unsafe.Add(elements, uintptr(n)*size)); err != nil {
				return 0, atIndex(n, err)
			}
			if d.comma(pos) {
				pos++
			} else if pos, more, err = d.Next(pyjson.Array, pos); err != nil {
				return 0, err
			}
			if !more {
				v.SetLen(n + 1)
			}
		}
		return pos, nil
	}, nil
}

// moreElements returns the next capacity of a slice of n elements. It estimates the
// capacity from the size of these elements and the rest of the payload, and at most
// quadruples it.
func moreElements(n, bytes, rest int) int {
	return max(1, min(3*n, n*rest/bytes+1))
}

func (b builder) array(t reflect.Type) (reader, error) {
	elem, err := b.reader(t.Elem())
	if err != nil {
		return nil, err
	}
	length, size := t.Len(), t.Elem().Size()
	return func(d *decoder, pos int, p unsafe.Pointer) (int, error) {
		pos, more, found, err := d.begin(pyjson.Array, pos)
		if err != nil || !found {
			return pos, err
		}
		for i := 0; more; i++ {
			if i == length {
				return 0, misfit(fmt.Sprintf("it has more than %d elements", i))
			}
			if pos, err = elem(d, pos, unsafe.Add(p, uintptr(i)*size)); err != nil {
				return 0, atIndex(i, err)
			}
			if pos, more, err = d.Next(pyjson.Array, pos); err != nil {
				return 0, err
			}
		}
		return pos, nil
	}, nil
}

// readStrings reads a []string. It gathers the strings first, to allocate the slice with
// its size. After an error it leaves the stack as it is.
func readStrings(d *decoder, pos int, p unsafe.Pointer) (int, error) {
	pos, more, found, err := d.begin(pyjson.Array, pos)
	if err != nil || !found {
		return pos, err
	}
	from, short := len(d.names), true
	for more {
		s, _, end, err := d.text(pos)
		if err != nil {
			return 0, atIndex(len(d.names)-from, err)
		}
		d.names = append(d.names, s)
		short = short && len(s) <= maxShared
		if d.comma(end) {
			pos = end + 1
		} else if pos, more, err = d.Next(pyjson.Array, end); err != nil {
			return 0, err
		}
	}
	texts := d.names[from:]
	made := d.strings.room(len(texts), short)
	copy(made, texts)
	*(*[]string)(p) = made
	d.cut(len(d.values), from)
	return pos, nil
}
