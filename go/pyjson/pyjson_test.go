package pyjson_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/remote-events/remote-events/go/pyjson"
)

func TestGrammar(t *testing.T) {
	t.Parallel()
	cases := []struct {
		text   string
		offset int // of the error; -1 if the text is valid
	}{
		{`{}`, -1},
		{` [1, 2.5e-3, -0, "a\u00e9\ud800", true, false, null] `, -1},
		{`[NaN, Infinity, -Infinity]`, -1},
		{`{"a":{"b":[[],{}]},"a":1}`, -1},
		{`"` + strings.Repeat("x", 100) + `"`, -1},
		{``, 0},
		{"\xef\xbb\xbf{}", 0},
		{`{} {}`, 3},
		{`[01]`, 2},
		{`[1.]`, 2},
		{`[.5]`, 1},
		{`[+1]`, 1},
		{`[1e]`, 2},
		{`[-]`, 1},
		{`[-NaN]`, 1},
		{`[nan]`, 1},
		{`[1,]`, 3},
		{`[1 2]`, 3},
		{`[`, 1},
		{`{"a"}`, 4},
		{`{"a":1,}`, 7},
		{`{a:1}`, 1},
		{`{"a":1 "b":2}`, 7},
		{"[\"a\tb\"]", 3},
		{"[\"" + strings.Repeat("x", 20) + "\x00\"]", 22},
		{`["\x"]`, 2},
		{`["\u12g4"]`, 2},
		{`["\u12`, 2},
		{`["abc`, 5},
		{`[1}`, 2},
	}
	for _, c := range cases {
		s := pyjson.Scanner{Src: []byte(c.text)}
		_, _, _, err := s.Document()
		var fault *pyjson.SyntaxError
		switch {
		case c.offset < 0 && err != nil:
			t.Errorf("%q: %v", c.text, err)
		case c.offset >= 0 && !errors.As(err, &fault):
			t.Errorf("%q: want a syntax error, got %v", c.text, err)
		case c.offset >= 0 && fault.Offset != c.offset:
			t.Errorf("%q: error at %d, want %d (%v)", c.text, fault.Offset, c.offset, err)
		}
	}
}

func TestDepth(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text string
		deep bool
	}{
		{strings.Repeat("[", 3) + strings.Repeat("]", 3), false},
		{strings.Repeat("[", 4) + strings.Repeat("]", 4), true},
		{`[[[],[]],[[]]]`, false},
		{`{"a":{"b":[{}]}}`, true},
	} {
		s := pyjson.Scanner{Src: []byte(c.text), MaxDepth: 3}
		_, _, _, err := s.Document()
		var deep *pyjson.DepthError
		if errors.As(err, &deep) != c.deep || (!c.deep && err != nil) {
			t.Errorf("%s: %v", c.text, err)
		}
	}
	million := strings.Repeat("[", 1e6) + strings.Repeat("]", 1e6)
	if !pyjson.Valid([]byte(million)) {
		t.Error("a million levels without a limit: invalid")
	}
}

func TestUnquote(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		raw, text string
		ok        bool
	}{
		{`plain`, "plain", true},
		{`\"\\\/\b\f\n\r\t`, "\"\\/\b\f\n\r\t", true},
		{`\u65e5本\u0000x`, "日本\x00x", true},
		{`\ud83d\ude00`, "😀", true},
		{`\uD83D\uDE00!`, "😀!", true},
		{`a\ud83d`, "a\xed\xa0\xbd", false},
		{`\ude00\ud83d`, "\xed\xb8\x80\xed\xa0\xbd", false},
		{`\ud83d\ud83d\ude00`, "\xed\xa0\xbd😀", false},
		{`\ud83dx`, "\xed\xa0\xbdx", false},
	} {
		if text, ok := pyjson.Unquote([]byte(c.raw)); text != c.text || ok != c.ok {
			t.Errorf("%s: %q %v, want %q %v", c.raw, text, ok, c.text, c.ok)
		}
	}
}

func TestQuoteAsPython(t *testing.T) {
	t.Parallel()
	// json.dumps('a"\\/\x07\b\f\n\r\t\x7f é日😀')
	const text, want = "a\"\\/\x07\b\f\n\r\t\x7f é日😀", `"a\"\\/\u0007\b\f\n\r\t\u007f \u00e9\u65e5\ud83d\ude00"`
	if got := string(pyjson.AppendQuote(nil, text)); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestDropDuplicates(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, want string }{
		{`{"a":1,"b":2}`, `{"a":1,"b":2}`},
		{`{"a":1,"a":2}`, `{"a":2}`},
		{`{"a":1, "b":2, "\u0061":3, "a":[4]}`, `{"b":2, "a":[4]}`},
		{`{"a":{"x":1,"x":2},"a":{"x":3,"y":{"z":1,"z":2}}}`, `{"a":{"x":3,"y":{"z":2}}}`},
		{`[{"a":1,"a":2},{"a":3}]`, `[{"a":2},{"a":3}]`},
		{`{"\ud83d":1,"\uD83D":2,"\ud83d\ude00":3}`, `{"\uD83D":2,"\ud83d\ude00":3}`},
	} {
		if got := string(pyjson.DropDuplicates([]byte(c.text))); got != c.want {
			t.Errorf("%s: got %s, want %s", c.text, got, c.want)
		}
	}
}

func TestFloat(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		number string
		f      float64
		ok     bool
	}{
		{"0", 0, true},
		{"0.1", 0.1, true},
		{"0.1000000000000000055511151231257827", 0.1, true},
		{"9007199254740992", 1 << 53, true},
		{"9007199254740993", 1 << 53, false},
		{"9007199254740993.0", 1 << 53, true},
		{"1180591620717411303424", 1 << 70, true},
		{"1180591620717411300000", 1 << 70, true},
		{"1180591620717411303425", 1 << 70, false},
		{"1e999", math.Inf(1), false},
		{"-1e-999", math.Copysign(0, -1), true},
	} {
		if f, ok := pyjson.Float([]byte(c.number)); f != c.f || ok != c.ok {
			t.Errorf("%s: %v %v, want %v %v", c.number, f, ok, c.f, c.ok)
		}
	}
	for _, c := range []struct {
		number string
		f      float64
		ok     bool
	}{
		{"-0", math.Copysign(0, -1), true},
		{"9007199254740991", 1<<53 - 1, true},
		{"9007199254740992", 0, false},
		{"-9007199254740992", 0, false},
		{"1234567890123456768", 0, false},
		{"9007199254740992.0", 1 << 53, true},
		{"1e20", 1e20, true},
		{"1e999", math.Inf(1), false},
		{"123456.789012345", 123456.789012345, true},
		{"-0.000000000000001", -1e-15, true},
	} {
		if f, ok := pyjson.SafeFloat([]byte(c.number)); f != c.f || ok != c.ok || math.Signbit(f) != math.Signbit(c.f) {
			t.Errorf("%s: %v %v, want %v %v", c.number, f, ok, c.f, c.ok)
		}
	}
	for number, want := range map[string]int64{"0": 0, "-0": 0, "-9223372036854775808": math.MinInt64, "9223372036854775807": math.MaxInt64, "-123456789012345678": -123456789012345678} {
		if n, ok := pyjson.Int([]byte(number)); n != want || !ok {
			t.Errorf("%s: %d %v", number, n, ok)
		}
	}
	for _, number := range []string{"9223372036854775808", "1.0", "1e2", "-0.5", "123456789012345678901234"} {
		if n, ok := pyjson.Int([]byte(number)); ok {
			t.Errorf("%s: %d", number, n)
		}
	}
	if pyjson.InFloatRange([]byte("1" + strings.Repeat("0", 309))) {
		t.Error("10^309 is in the range of a float64")
	}
	if !pyjson.IsSafeInteger([]byte("-9007199254740991")) || pyjson.IsSafeInteger([]byte("9007199254740992")) {
		t.Error("the safe integers end at ±(2^53-1)")
	}
}

// TestDecimal compares the conversion of numbers without an exponent with strconv: it
// converts eight digits at a time, and divides by a power of ten in integers.
func TestDecimal(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for range 200_000 {
		number := []byte(strconv.FormatUint(random.Uint64()>>random.IntN(64), 10))
		if at := random.IntN(2 * len(number)); 0 < at && at < len(number) {
			number = slices.Insert(number, at, '.')
		} else if at == 0 {
			number = slices.Insert(number, 0, []byte("0.000000000000000000"[:2+random.IntN(18)])...)
		}
		if random.IntN(2) == 0 {
			number = slices.Insert(number, 0, '-')
		}
		want, _ := strconv.ParseFloat(string(number), 64)
		f, ok := pyjson.Float(number)
		if f != want || !ok && bytes.IndexByte(number, '.') >= 0 {
			t.Fatalf("%s: %v %v, want %v", number, f, ok, want)
		}
		src := append(slices.Clip(number), []string{"", ",", " ]    ", "}, 1.5, 1.5"}[random.IntN(4)]...)
		s := pyjson.Scanner{Src: src}
		_, size, err := s.Number(0)
		if err != nil || size != len(number) {
			t.Fatalf("%s: end of the number at %d: %v", src, size, err)
		}
		digits, fraction, end := s.Decimal(0)
		if count := len(bytes.Trim(number, "-")) - bytes.Count(number, []byte(".")); count > 19 != (end < 0) {
			t.Fatalf("%s: %d digits, end at %d", src, count, end)
		}
		if end < 0 {
			continue
		}
		if f, ok := pyjson.DecimalFloat(digits, fraction, number[0] == '-'); end != len(number) || ok && f != want {
			t.Fatalf("%s: %v with the end at %d, want %v", src, f, end, want)
		}
	}
	for _, text := range []string{"", "-", "01", "1.", "1e5", "1.5e5", ".5", "x", "12345678901234567890", "-1.E"} {
		s := pyjson.Scanner{Src: []byte(text)}
		if _, _, end := s.Decimal(0); end >= 0 {
			t.Errorf("%q: accepted as a number with the end at %d", text, end)
		}
	}
}

// FuzzValid compares the scanner with encoding/json: the scanner accepts every text that
// encoding/json accepts, and otherwise only texts with a non-finite number.
func FuzzValid(f *testing.F) {
	for _, seed := range []string{`{"a":[1,-2.5e+3,"\ud83d\ude00x",true,null]}`, `[NaN,-Infinity]`, `"\u00`, `{"a":1,"a":2}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if !utf8.Valid(text) {
			return
		}
		var seen nonFinite
		s := pyjson.Scanner{Src: text, MaxDepth: 10_000, Observer: &seen}
		_, _, _, err := s.Document()
		if strict := json.Valid(text); strict != (err == nil && !bool(seen)) {
			t.Fatalf("%q: encoding/json: %v, scanner: %v (non-finite: %v)", text, strict, err, seen)
		}
		// Without an observer, the scanner uses a different path.
		unseen := pyjson.Scanner{Src: text, MaxDepth: 10_000}
		if _, _, _, again := unseen.Document(); fmt.Sprint(again) != fmt.Sprint(err) {
			t.Fatalf("%q: %v, and without an observer %v", text, err, again)
		}
		if err != nil {
			return
		}
		kept := pyjson.DropDuplicates(text)
		if !pyjson.Valid(kept) || string(pyjson.DropDuplicates(kept)) != string(kept) {
			t.Fatalf("%q without duplicates: %q", text, kept)
		}
		if !bool(seen) && !sameValue(text, kept) {
			t.Fatalf("%q without duplicates has another value: %q", text, kept)
		}
	})
}

// FuzzNumber compares the conversions with strconv.
func FuzzNumber(f *testing.F) {
	for _, seed := range []string{"0", "-1.5e-3", "123456789012345678", "9007199254740993", "0.1", "100000000000000000000", "1.23456789012345"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s := pyjson.Scanner{Src: []byte(text)}
		kind, start, end, err := s.Document()
		if err != nil || kind != pyjson.Number || start != 0 || end != len(text) {
			return
		}
		exact, parseErr := strconv.ParseFloat(text, 64)
		if f, ok := pyjson.Float([]byte(text)); ok && (f != exact || math.Signbit(f) != math.Signbit(exact) || parseErr != nil) {
			t.Fatalf("%s: %v", text, f)
		}
		if f, ok := pyjson.SafeFloat([]byte(text)); ok && (f != exact || math.Signbit(f) != math.Signbit(exact) || parseErr != nil) {
			t.Fatalf("%s: %v", text, f)
		}
		want, err := strconv.ParseInt(text, 10, 64)
		if n, ok := pyjson.Int([]byte(text)); ok != (err == nil) || ok && n != want {
			t.Fatalf("%s: %d, %v", text, n, ok)
		}
	})
}

// sameValue compares values as encoding/json decodes them into an empty interface, where the
// last duplicate wins.
func sameValue(a, b []byte) bool {
	norm := func(text []byte) string {
		d := json.NewDecoder(strings.NewReader(string(text)))
		d.UseNumber()
		var v any
		if d.Decode(&v) != nil {
			return ""
		}
		out, _ := json.Marshal(v)
		return string(out)
	}
	return norm(a) == norm(b)
}

type nonFinite bool

func (n *nonFinite) Open(pyjson.Kind, int) {}
func (n *nonFinite) Name([]byte, int)      {}
func (n *nonFinite) Close()                {}
func (n *nonFinite) Scalar(kind pyjson.Kind, _ []byte, _ int) {
	if kind == pyjson.NonFinite {
		*n = true
	}
}
