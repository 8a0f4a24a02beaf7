package payload_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/remote-events/remote-events/go/internal/payload"
	"github.com/remote-events/remote-events/go/pyjson"
)

type Parent struct {
	Name string
	Tag  string `json:"tag"`
}

type Node struct {
	Value int
	Next  *Node
}

type Everything struct {
	Parent

	Bool    bool
	Int     int
	Int8    int8
	Uint    uint
	Uint8   uint8
	Float   float64
	Float32 float32
	Text    string
	Bytes   []byte
	Raw     json.RawMessage
	Number  json.Number
	Any     any
	Pointer *int
	Slice   []string
	Array   [2]int
	Map     map[string]int
	IntMap  map[int]string
	Nested  struct{ A, B int }
	List    Node
	Time    time.Time
	Quoted  int `json:",string"`
	Hidden  int `json:"-"`
	private int //nolint:unused // it must be passed over
}

type inner struct{ In int }

type (
	innerText   struct{ In int }
	innerNumber int //nolint:unused // it must be passed over
	TaggedInner struct {
		inner       `json:"in"`
		innerNumber `json:"number"` //nolint:unused // likewise

		Z int
	}
)

func (*innerText) UnmarshalText([]byte) error { return nil }

func TestDecode(t *testing.T) {
	t.Parallel()
	seven := 7
	for _, c := range []struct {
		text string
		want Everything
	}{
		{`{}`, Everything{}},
		{`{"Name": "n", "tag": "t", "Tag": "no", "name": "no"}`, Everything{Parent: Parent{"n", "t"}}},
		{fmt.Sprintf(`{"Bool": true, "Int": -5, "Int8": -128, "Uint": %d, "Uint8": 255}`, uint(math.MaxUint)), Everything{Bool: true, Int: -5, Int8: -128, Uint: math.MaxUint, Uint8: 255}},
		{`{"Float": 1, "Float32": 0.1}`, Everything{Float: 1, Float32: 0.1}},
		{`{"Text": "\u65e5\ud83d\ude00", "Bytes": "aGk="}`, Everything{Text: "日😀", Bytes: []byte("hi")}},
		{`{"Raw": [1,  NaN], "Number": 1e400}`, Everything{Raw: json.RawMessage(`[1,  NaN]`), Number: "1e400"}},
		{`{"Any": {"a": [1, "x", null, true, 9007199254740993]}}`, Everything{Any: map[string]any{"a": []any{1.0, "x", nil, true, json.Number("9007199254740993")}}}},
		{`{"Pointer": 7, "Slice": ["a", "b"], "Array": [1], "Map": {"x": 1}, "IntMap": {"-1": "y"}}`, Everything{Pointer: &seven, Slice: []string{"a", "b"}, Array: [2]int{1}, Map: map[string]int{"x": 1}, IntMap: map[int]string{-1: "y"}}},
		{`{"List": {"Value": 1, "Next": {"Value": 2, "Next": null}}}`, Everything{List: Node{1, &Node{2, nil}}}},
		{`{"Time": "2026-11-23T20:00:00Z", "Quoted": "12", "Hidden": 1, "private": 1}`, Everything{Time: time.Date(2026, 11, 23, 20, 0, 0, 0, time.UTC), Quoted: 12}},
		{`{"Int": null, "Text": null, "Slice": null, "Map": null, "Pointer": null, "Any": null, "Float": null, "Nested": null, "Bool": null, "Bytes": null, "Array": null, "Time": null}`, Everything{}},
		{`{"Map": {"a": 1, "a": 2}, "Any": {"b": "\ud800", "b": 1}}`, Everything{Map: map[string]int{"a": 2}, Any: map[string]any{"b": 1.0}}},
	} {
		got := Everything{Text: "from before"}
		if err := payload.Decode([]byte(c.text), &got); err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, %v", c.text, got, err)
		}
	}
	var nan Everything
	if err := payload.Decode([]byte(`{"Float": NaN, "Any": [NaN]}`), &nan); err != nil || !math.IsNaN(nan.Float) || fmt.Sprint(nan.Any) != "[NaN]" {
		t.Errorf("NaN: %+v, %v", nan, err)
	}
}

func TestFloat32SurvivesItsRoundTrip(t *testing.T) {
	t.Parallel()
	// The last is one that a float64 in between would round to its neighbour.
	for _, want := range []float32{3.4e10, 18454938000, 1234567800000, -1.2345678e20, math.MaxFloat32, math.SmallestNonzeroFloat32, 7.038531e-26} {
		text, err := payload.Encode(want)
		if err != nil {
			t.Fatal(err)
		}
		var got float32
		if err := payload.Decode(text, &got); err != nil || got != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
}

func TestEmbeddedStructWithATag(t *testing.T) {
	t.Parallel()
	want := TaggedInner{inner: inner{1}, Z: 2}
	text, err := payload.Encode(want)
	if err != nil {
		t.Fatal(err)
	}
	var got TaggedInner
	if err := payload.Decode(text, &got); err != nil || got != want {
		t.Errorf("%s: %+v, %v", text, got, err)
	}
}

func TestDecodeMisfits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, path string }{
		{`[]`, ""},
		{`{"Uint": -1}`, "/Uint"},
		{fmt.Sprintf(`{"Int": -%d}`, uint(math.MaxInt)+2), "/Int"},
		{fmt.Sprintf(`{"Int": %d}`, uint(math.MaxInt)+1), "/Int"},
		{fmt.Sprintf(`{"Uint": %d0}`, uint(math.MaxUint)), "/Uint"},
		{`{"Float32": 34000000001}`, "/Float32"},
		{`{"IntMap": {"1": "a", "01": "b"}}`, "/IntMap/*"},
		{`{"IntMap": {"1": "a", "01": "b", "1": "c"}}`, "/IntMap/*"},
		{`{"Bytes": "?"}`, "/Bytes"},
		{`{"Array": [1, 2, 3]}`, "/Array"},
		{`{"Map": {"secret": "x"}}`, "/Map/*"},
		{`{"IntMap": {"secret": "x"}}`, "/IntMap/*"},
		{`{"Any": {"secret": "\udc00"}}`, "/Any/*"},
		{`{"List": {"Next": {"Value": "secret"}}}`, "/List/Next/Value"},
		{`{"Time": "secret"}`, "/Time"},
		{`{"Time": NaN}`, "/Time"},
		{`{"Quoted": 12}`, "/Quoted"},
		{`{"Number": NaN}`, "/Number"},
	} {
		err := payload.Decode([]byte(c.text), new(Everything))
		var misfit *payload.Error
		if !errors.As(err, &misfit) || misfit.Path != c.path || misfit.Type != reflect.TypeFor[Everything]() {
			t.Errorf("%s: want a misfit at %q, got %v", c.text, c.path, err)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the error quotes the payload: %v", c.text, err)
		}
	}
}

// TestIntegersKeepTheirDigits: what is decoded into generic values and encoded
// again has the same integers.
func TestIntegersKeepTheirDigits(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		n := int64(random.Uint64() >> random.IntN(63))
		text := fmt.Sprintf(`{"a":[%d],"b":{"c":%d}}`, n, -n)
		var value map[string]any
		if err := payload.Decode([]byte(text), &value); err != nil {
			t.Fatal(err)
		}
		if again, err := payload.Encode(value); err != nil || string(again) != text {
			t.Fatalf("%s is sent on as %s, %v", text, again, err)
		}
	}
	for text, want := range map[string]any{
		"9007199254740991": 9007199254740991.0, "-9007199254740991": -9007199254740991.0,
		"9007199254740992": json.Number("9007199254740992"), "-9007199254740992": json.Number("-9007199254740992"),
		"1e2": 100.0, "1e400": json.Number("1e400"), "9007199254740993.5": 9007199254740994.0, "0.1": 0.1,
	} {
		var value any
		if err := payload.Decode([]byte(text), &value); err != nil || value != want {
			t.Errorf("%s: %#v, %v", text, value, err)
		}
	}
}

// TestBigNumbers: what math/big would take minutes for is an error (TYPE-14, TYPE-16).
func TestBigNumbers(t *testing.T) {
	t.Parallel()
	type amount struct{ *big.Int }
	longest, long := strings.Repeat("7", 4300), strings.Repeat("7", 4<<20)
	for _, c := range []struct {
		text string
		into any
		fits bool
	}{
		{longest, new(big.Int), true},
		{"-" + longest, new(big.Int), true},
		{"7" + longest, new(big.Int), false},
		{long, new(big.Int), false},
		{`"` + long + `"`, new(big.Int), false},
		{`"` + longest + `"`, new(big.Float), true},
		{`"` + long + `"`, new(big.Float), false},
		{`"1e99999"`, new(big.Float), false},
		{`"` + longest[:2000] + "/" + longest[:2000] + `"`, new(big.Rat), true},
		{`"` + long + "/" + long + `"`, new(big.Rat), false},
		{`"1e-999999"`, new(big.Rat), false},
		{`"1e9_9999"`, new(big.Rat), false},
		{"[" + long + "]", new([]*big.Int), false},
		{`{"` + long + `": 1}`, new(map[keyInt]int), false},
		{long, &amount{new(big.Int)}, false},
		{long, new(json.Number), true},
		{long, new(any), true},
		{long, new(float64), false},
		{long, new(int), false},
	} {
		err := payload.Decode([]byte(c.text), c.into)
		if _, misfit := errors.AsType[*payload.Error](err); (err == nil) != c.fits || misfit == c.fits {
			t.Errorf("%.20s of %d bytes into %T: %v", c.text, len(c.text), c.into, err)
		}
	}
}

// keyInt is an integer of any size as a map's key.
type keyInt [1]string

func (k *keyInt) UnmarshalText(text []byte) error {
	if len(text) > 1000 {
		return errors.New("too long")
	}
	k[0] = string(text)
	return nil
}

func (Picky) UnmarshalJSON(text []byte) error {
	if bytes.Contains(text, []byte("panic")) {
		panic(quotingError{string(text)})
	}
	if bytes.Contains(text, []byte("string")) {
		panic(string(text))
	}
	return fmt.Errorf("picky: %w", quotingError{string(text)})
}

func (PickyText) UnmarshalText(text []byte) error { return Picky{}.UnmarshalJSON(text) }

func (endlessError) Error() string { return "endless" }
func (endlessError) Unwrap() error { return endlessError{} }
func (wildError) Error() string    { panic("Error") }
func (wildError) Is(error) bool    { panic("Is") }
func (wildError) As(any) bool      { panic("As") }

func (Wild) UnmarshalText(text []byte) error {
	switch string(text) {
	case "endless":
		return endlessError{}
	case "two":
		return errors.Join(endlessError{}, endlessError{})
	default:
		return wildError{}
	}
}

// TestWideStructs: a type may have more members than fit a few words of bits.
func TestWideStructs(t *testing.T) {
	t.Parallel()
	var fields []reflect.StructField
	var text strings.Builder
	for i := range 300 {
		fields = append(fields, reflect.StructField{Name: fmt.Sprint("F", i), Type: reflect.TypeFor[int]()})
		fmt.Fprintf(&text, `, "F%d": %d`, i, i)
	}
	target := reflect.New(reflect.StructOf(fields))
	members := text.String()[2:]
	for _, text := range []string{"{" + members + "}", `{"F299": 7, "F0": 8, "F64": 9, ` + members + "}"} {
		if err := payload.Decode([]byte(text), target.Interface()); err != nil {
			t.Fatal(err)
		}
		for i := range 300 {
			if n := target.Elem().Field(i).Int(); n != int64(i) {
				t.Errorf("F%d: %d", i, n)
			}
		}
	}
}

type base struct{ B int }

type Middle struct {
	*Base
	M int
}

type Base struct {
	base
	S []string
}

// TestEmbeddedPointers: they are made where a member needs them.
func TestEmbeddedPointers(t *testing.T) {
	t.Parallel()
	type outer struct {
		X int
		*Middle
	}
	var got outer
	if err := payload.Decode([]byte(`{"B": 1, "M": 2, "S": ["x", "y"], "X": 3}`), &got); err != nil || got.B != 1 || got.M != 2 || got.S[1] != "y" || got.X != 3 {
		t.Errorf("%+v, %v", got, err)
	}
	if err := payload.Decode([]byte(`{"X": 3}`), &got); err != nil || got.Middle != nil {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestDepth: a payload that somebody made by hand ends no stack.
func TestDepth(t *testing.T) {
	t.Parallel()
	type list []list
	for _, into := range []any{new(any), new(map[string]any), new(map[string]list), new(struct{ A Node }), new(struct{ A json.RawMessage })} {
		const levels = 1 << 20
		text := `{"A":` + strings.Repeat(`[`, levels) + strings.Repeat(`]`, levels) + `}`
		if err := payload.Decode([]byte(text), into); err == nil {
			t.Errorf("%T: it is filled", into)
		}
	}
}

// TestSharedMemory: strings are copies, and do not change with the message.
func TestSharedMemory(t *testing.T) {
	t.Parallel()
	text := []byte(`{"Text": "one", "Slice": ["two", "three"], "Map": {"four": 4}, "Any": {"five": ["six"]}}`)
	var got, want Everything
	if err := payload.Decode(bytes.Clone(text), &want); err != nil {
		t.Fatal(err)
	}
	if err := payload.Decode(text, &got); err != nil {
		t.Fatal(err)
	}
	for i := range text {
		text[i] = 'X'
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	type Other struct{ Name string }
	for _, c := range []struct {
		value any
		ok    bool
	}{
		{Everything{}, true},
		{struct {
			Parent

			Name string
		}{}, true}, // its own field hides the parent's
		{struct {
			Parent
			Other
		}{}, false},
		{TaggedInner{}, true},
		{struct {
			*inner `json:"in"`
		}{}, false}, // nobody but its own package could set the pointer
		{struct {
			innerText `json:"in"`

			UnmarshalText int // which keeps the method from being the whole's
		}{}, false}, // nor call the method
		{struct{ C chan int }{}, false},
		{struct{ F func() }{}, false},
		{struct{ I interface{ M() } }{}, false},
		{struct{ M map[struct{}]int }{}, false},
	} {
		if err := payload.Check(reflect.TypeOf(c.value)); (err == nil) != c.ok {
			t.Errorf("%T: %v", c.value, err)
		}
	}
}

func (Key) MarshalText() ([]byte, error) { return []byte("\xff"), nil }

// FuzzDecode holds Decode against encoding/json. Where both read a payload, they
// agree, unless a name stands in it twice or in another case, or an array is too
// long, all of which encoding/json lets pass.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"Int": 1, "Float": 2.5, "Text": "x", "Slice": ["y"], "Nested": {"A": 1}, "Any": {"z": [null, true]}}`))
	f.Add([]byte(`{"Int": 1, "Int": 2, "Time": "2026-11-23T20:00:00Z", "List": {"Next": {"Value": 3}}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if !pyjson.Valid(text) {
			return
		}
		var ours, theirs Everything
		if payload.Decode(text, &ours) != nil || json.Unmarshal(text, &theirs) != nil {
			return
		}
		if len(pyjson.DropDuplicates(bytes.ToLower(text))) < len(text) || !exactNames(text) {
			return
		}
		// An integer that a float64 would round stays exact in ours alone.
		if a, b := fmt.Sprintf("%+v", ours), fmt.Sprintf("%+v", theirs); a != b && ours.Any == nil && ours.Pointer == nil && ours.List.Next == nil {
			t.Fatalf("%q: %s, and encoding/json reads %s", text, a, b)
		}
	})
}

// exactNames reports whether every name that a field of the types here has, in
// any case, stands in the payload in its own.
func exactNames(text []byte) bool {
	for _, name := range []string{"Name", "tag", "Bool", "Int", "Int8", "Uint", "Uint8", "Float", "Float32", "Text", "Bytes", "Raw", "Number", "Any", "Pointer", "Slice", "Array", "Map", "IntMap", "Nested", "A", "B", "List", "Value", "Next", "Time", "Quoted"} {
		folded := regexp.MustCompile(`(?i)"`+name+`"`).FindAll(text, -1)
		if len(folded) != bytes.Count(text, []byte(`"`+name+`"`)) {
			return false
		}
	}
	return !bytes.ContainsAny(text, "\\ſK")
}
