package payload_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand"
	"net/netip"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"testing/quick"
	"time"

	"github.com/remote-events/remote-events/go/internal/payload"
)

// Shapes has what encoding/json treats in a way of its own.
type Shapes struct {
	Z      int `json:"z"`
	shared     // between the fields, not behind them
	*Shared2
	Tagged       Shared2 `json:"tagged"`
	Escaped      string  `json:"a<b>&c"`
	Unicode      string  `json:"größe"`
	Bool         bool
	Int8         int8
	Uint64       uint64
	Float        float32 `json:",omitempty"`
	Text         string  `json:"text,omitempty"`
	Bytes        []byte
	Nested       [][]string
	Array        [3]bool
	Map          map[string]map[int16]string
	Texts        map[netip.Addr]bool `json:",omitempty"`
	Pointer      **string
	QuotedInt    int64         `json:",string"`
	QuotedText   string        `json:",string"`
	QuotedBool   *bool         `json:",string"`
	QuotedNumber json.Number   `json:",string"`
	QuotedTime   time.Time     `json:",string"` //nolint:staticcheck // encoding/json ignores it
	Duration     time.Duration `json:",omitzero"`
	Zero         time.Time     `json:"zero,omitzero"`
	ZeroPointer  *time.Time    `json:",omitzero"`
	Both         []int         `json:",omitempty,omitzero"`
	EmptyStruct  struct{}      `json:",omitempty"` //nolint:modernize // encoding/json ignores it
	EmptyArray   [0]int        `json:",omitempty"`
	Raw          json.RawMessage
	Any          any
	Method       Upper
	ByPointer    ByPointer
	Pointers     []*ByPointer
	Self         *Shapes
	Dash         int `json:"-,"` //nolint:staticcheck // the name is a hyphen
	Hidden       int `json:"-"`
	unexported   int
}

type shared struct{ A, Text string }

type Shared2 struct {
	B int `json:",omitempty"`
	Z string
}

type Upper string

func (u Upper) MarshalText() ([]byte, error) { return []byte(strings.ToUpper(string(u))), nil }

type ByPointer struct{ N int }

func (b *ByPointer) MarshalJSON() ([]byte, error) { return fmt.Appendf(nil, `{ "n" : %d }`, b.N), nil }

// Generate fills what quick cannot.
func (Shapes) Generate(r *rand.Rand, size int) reflect.Value {
	text := func() string {
		alphabet := []rune("ab<>&\"\\/\b\f\n\r\t\x00\x1f\x7fäß€😀\u2028\u2029\ufffd 0123456789abcdefghijklm")
		var b strings.Builder
		for range r.Intn(30) {
			b.WriteRune(alphabet[r.Intn(len(alphabet))])
		}
		return b.String()
	}
	word := text()
	pointer := &word
	s := Shapes{
		Z: r.Int(), shared: shared{text(), text()}, Tagged: Shared2{r.Intn(2), text()}, Escaped: text(), Unicode: text(), Bool: r.Intn(2) == 0,
		Int8: int8(r.Intn(256) - 128), Uint64: r.Uint64(), Float: float32(r.Intn(5)) / 4, Text: text(), Bytes: []byte(text()),
		Nested: [][]string{nil, {}, {text(), text()}}, Map: map[string]map[int16]string{text(): {int16(r.Int()): text(), 7: ""}, text(): nil},
		Texts: map[netip.Addr]bool{netip.AddrFrom4([4]byte{byte(r.Int())}): true}, Pointer: &pointer,
		QuotedInt: r.Int63() - r.Int63(), QuotedText: text(), QuotedNumber: json.Number(strconv.Itoa(r.Int())),
		Duration: time.Duration(r.Intn(2)), Both: make([]int, r.Intn(2)), Raw: json.RawMessage(` [ 1 , "<" ] `), Method: Upper(text()),
		ByPointer: ByPointer{r.Int()}, Pointers: []*ByPointer{nil, {1}}, Dash: 1, Hidden: 2, unexported: 3,
		Any: []any{nil, true, text(), r.NormFloat64(), r.Int63(), map[string]any{text(): text(), "b": []string{text()}}, ByPointer{1}, &ByPointer{2}, Upper("x"), [2]int{}, struct{ X, x int }{1, 2}},
	}
	if r.Intn(2) == 0 {
		s.Shared2 = &Shared2{B: 1}
		s.QuotedBool = &s.Bool
		s.Zero = time.Unix(r.Int63n(1<<33), r.Int63n(1e9)).UTC()
		s.QuotedTime = s.Zero.In(time.FixedZone("", 3600))
		s.ZeroPointer = new(time.Time)
	}
	if size > 1 && r.Intn(2) == 0 {
		inner := Shapes{}.Generate(r, 1).Interface().(Shapes) //nolint:forcetypeassert // it is one
		s.Self = &inner
	}
	return reflect.ValueOf(s)
}

func byEncodingJSON(t *testing.T, v any) string {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// TestEncodesAsEncodingJSON: but for large floats, the bytes are the same.
func TestEncodesAsEncodingJSON(t *testing.T) {
	t.Parallel()
	same := func(v Shapes) bool {
		for _, v := range []any{v, &v} {
			text, err := payload.Encode(v)
			if err != nil {
				t.Errorf("%+v: %v", v, err)
				return false
			}
			if want := byEncodingJSON(t, v); string(text) != want {
				t.Errorf("got  %s\nwant %s", text, want)
				return false
			}
		}
		return true
	}
	if err := quick.Check(same, &quick.Config{MaxCount: 500}); err != nil {
		t.Error(err)
	}
	for _, v := range []any{nil, 1, "x", true, []byte(nil), map[string]int(nil), (*int)(nil), new(any), []any(nil), [0]int{}, struct{}{}, json.Number("")} {
		if text, err := payload.Encode(v); err != nil || string(text) != byEncodingJSON(t, v) {
			t.Errorf("%T: %s, %v", v, text, err)
		}
	}
}

// TestFloats: a float that is no integer to encoding/json is none to anyone, and
// comes again.
func TestFloats(t *testing.T) {
	t.Parallel()
	for f, want := range map[float64]string{
		0: "0", 8: "8", -8: "-8", 2.5: "2.5", 1e-7: "1e-7", 123456789: "123456789",
		1<<53 - 1: "9007199254740991", 1 << 53: "9.007199254740992e+15", -(1 << 53): "-9.007199254740992e+15",
		1e16: "1e+16", 1234567890123456768: "1.2345678901234568e+18", 1e20: "1e+20", 1e21: "1e+21", math.MaxFloat64: "1.7976931348623157e+308",
	} {
		for _, v := range []any{f, any(f), map[string]any{"f": f}, []float64{f}} {
			text, err := payload.Encode(v)
			if err != nil || strings.Trim(string(text), `{}[]:"f`) != want {
				t.Errorf("%v: %s, %v", f, text, err)
			}
		}
	}
	for f, want := range map[float32]string{0: "0", 0.1: "0.1", 1<<24 - 1: "16777215", 1 << 24: "1.6777216e+07", 18454938000: "1.8454938e+10", 1e-7: "1e-7"} {
		if text, err := payload.Encode(f); err != nil || string(text) != want {
			t.Errorf("%v: %s, %v", f, text, err)
		}
	}
	if text, err := payload.Encode(struct {
		F float64 `json:",string"`
	}{1e17}); err != nil || string(text) != `{"F":"1e+17"}` {
		t.Errorf("%s, %v", text, err)
	}
	roundTrip := func(f float64, g float32) bool {
		text, err := payload.Encode([]any{f, g})
		if err != nil {
			return false
		}
		parts := strings.Split(strings.Trim(string(text), "[]"), ",")
		f2, _ := strconv.ParseFloat(parts[0], 64)
		g2, _ := strconv.ParseFloat(parts[1], 32)
		return f2 == f && float32(g2) == g
	}
	if err := quick.Check(roundTrip, nil); err != nil {
		t.Error(err)
	}
}

type Faulty struct{}

func (Faulty) MarshalJSON() ([]byte, error) { return nil, errors.New("s3cret") }

type Loop struct{ Next any }

func TestWhatCannotBeEncoded(t *testing.T) {
	t.Parallel()
	loop := &Loop{}
	loop.Next = []any{loop}
	selfMap := map[string]any{}
	selfMap["x"] = selfMap
	for _, c := range []struct {
		value  any
		path   string
		reason error
	}{
		{struct{ A []float64 }{[]float64{1, math.NaN()}}, "/A/1", payload.ErrNotFinite},
		{map[string]any{"s3cret": math.Inf(1)}, "/*", payload.ErrNotFinite},
		{struct{ A map[string]string }{map[string]string{"\xff": ""}}, "/A/*", payload.ErrNotUTF8},
		{struct {
			A string `json:",string"`
		}{"\xff"}, "/A", payload.ErrNotUTF8},
		{struct{ A any }{make(chan int)}, "/A", payload.ErrUnsupported},
		{struct{ A any }{func() {}}, "/A", payload.ErrUnsupported},
		{struct{ A any }{map[bool]int{}}, "/A", payload.ErrUnsupported},
		{struct{ A Faulty }{}, "/A", payload.ErrMarshaler},
		{struct{ A json.RawMessage }{[]byte("s3cret")}, "/A", payload.ErrMarshaler},
		{struct{ A json.Number }{"s3cret"}, "/A", payload.ErrMarshaler},
		{struct{ A json.Number }{" 1"}, "/A", payload.ErrMarshaler},
		{struct{ A time.Time }{time.Date(123456, 1, 1, 0, 0, 0, 0, time.UTC)}, "/A", payload.ErrMarshaler},
		{selfMap, "", payload.ErrTooDeep},
	} {
		_, err := payload.Encode(c.value)
		fault, ok := errors.AsType[*payload.EncodeError](err)
		if !ok || !errors.Is(err, c.reason) || c.reason != payload.ErrTooDeep && fault.Path != c.path || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%T: %v", c.value, err)
		}
	}
	if _, err := payload.Encode(loop); !errors.Is(err, payload.ErrTooDeep) {
		t.Error(err)
	}
	_, err := payload.Encode(Faulty{})
	if errors.Unwrap(err) != nil || !errors.As(err, new(*payload.EncodeError)) {
		t.Errorf("%#v", err)
	}
}

func TestFacts(t *testing.T) {
	t.Parallel()
	deep := any(1)
	for range 511 {
		deep = map[string]any{"a": deep}
	}
	for _, c := range []struct {
		value           any
		foreign, unsafe bool
	}{
		{struct{ A any }{map[string]any{"_signals": 1}}, false, false},
		{map[string]any{"_signals": 1}, true, false},
		{struct {
			A int `json:"im_func"`
		}{}, true, false},
		{struct{ A int64 }{1 << 53}, false, true},
		{struct{ A uint64 }{1<<53 - 1}, false, false},
		{struct{ A json.Number }{"1e5"}, true, false},
		{struct{ A json.Number }{"123456789012345"}, false, false},
		{struct{ A time.Time }{}, false, false},
		{struct{ A Upper }{}, false, false},
		{struct{ A *ByPointer }{&ByPointer{}}, true, false},
		{map[Same]int{{1}: 1, {2}: 2}, true, false},
		{[]int{}, true, false},
		{map[string]int(nil), true, false},
		{deep, false, false},
		{map[string]any{"a": deep}, true, false},
		{struct{ A two }{}, true, false},
	} {
		_, facts, err := payload.Append([]byte("before"), c.value)
		if err != nil || facts.Foreign != c.foreign || facts.Unsafe != c.unsafe {
			t.Errorf("%T: %+v, %v", c.value, facts, err)
		}
	}
}

// Same are keys with the same text.
type Same struct{ N int }

func (Same) MarshalText() ([]byte, error) { return []byte("same"), nil }

// two has two fields for one name, of which encoding/json writes neither.
type two struct {
	one
	other
}

type (
	one   struct{ X int }
	other struct{ X int }
)
