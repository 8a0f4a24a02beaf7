package payload_test

import (
	"errors"
	"testing"

	"github.com/remote-events/remote-events/go/internal/payload"
)

// Self may stand in a circle, of which its method writes nothing.
type Self struct {
	Name string
	Self *Self
}

func (*Self) MarshalJSON() ([]byte, error) { return []byte(`"self"`), nil }

// Word writes another string than it holds.
type Word struct{ Held, Written string }

func (w Word) MarshalText() ([]byte, error) { return []byte(w.Written), nil }

// Letter has its method by pointer, so that only one with an address is text.
type Letter uint8

func (*Letter) MarshalText() ([]byte, error) { return []byte("\xff"), nil }

// Key is a string, which stands for it as a key before the method does.
type Key string

func TestEncode(t *testing.T) {
	t.Parallel()
	text, err := payload.Encode(struct{ A, B string }{"<&>", "\ufffd"})
	if want := "{\"A\":\"<&>\",\"B\":\"\ufffd\"}"; err != nil || string(text) != want {
		t.Errorf("%s, %v", text, err)
	}
	self := Self{Name: "\xff"}
	self.Self = &self
	// Each has a replacement character of its own, and nothing that was replaced.
	for _, v := range []any{
		[]any{"\ufffd", &self},
		&struct{ A, B any }{"\ufffd", []Self{self}},
		[]any{"\ufffd", Word{"\xff", "x"}, map[Word]int{{"\xff", "x"}: 1}, (*Word)(nil), nil},
		map[string]any{"\ufffd": (*Word)(nil)},
		[]any{"\ufffd", [1]Letter{1}, map[Key]int{"x": 1}, map[int]int{1: 1}, []byte{0xff}},
	} {
		if _, err := payload.Encode(v); err != nil {
			t.Errorf("%T: %v", v, err)
		}
	}
	for _, v := range []any{
		Word{"x", "\xff"},
		map[Word]int{{"x", "\xff"}: 1},
		map[Key]int{"\xff": 1},
		[]Letter{1},
		&[1]Letter{1},
		Parent{Name: "\xff"},
		map[string]any{"x": []string{"\xff"}},
		&struct{ P *Parent }{&Parent{Tag: "\xc0"}},
		map[string]int{"\xff": 1},
	} {
		if _, err := payload.Encode(v); !errors.Is(err, payload.ErrNotUTF8) {
			t.Errorf("%+v: %v", v, err)
		}
	}
}
