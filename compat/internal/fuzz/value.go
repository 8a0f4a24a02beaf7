package fuzz

import (
	"fmt"
	"strconv"
	"strings"
)

// value writes a value with at most depth nested levels.
func (w *writer) value(depth int) {
	weights := []int{30, 30, 15, 15, 15}
	if depth == 0 {
		weights = weights[:3]
	}
	switch w.pick(weights...) {
	case 0:
		w.out.WriteString(w.number())
	case 1:
		w.out.WriteString(w.str())
	case 2:
		w.out.WriteString(w.literal())
	case 3:
		w.array(w.IntN(4), func() { w.value(depth - 1) })
	case 4:
		members := []func(){}
		for range w.IntN(4) {
			members = append(members, func() { w.member(w.name(), func() { w.value(depth - 1) }) })
		}
		w.object(members)
	}
}

func (w *writer) literal() string {
	if w.chance(w.wild) {
		return w.one([]string{
			"nan", "-NaN", "+Infinity", "infinity", "Inf", "-Inf", "NaNs", "Nan", "-Infinitys", "True", "False", "None", "nul", "nulll",
			"tru", "undefined", "TRUE", "-null", "N", "I", "-I", "t", "NULL", "- Infinity", "Infinityx",
		})
	}
	return w.one([]string{"null", "true", "false", "null", "true", "false", "NaN", "Infinity", "-Infinity"})
}

// numbers are numbers on which readers differ.
var numbers = []string{
	"0", "-0", "1", "-1", "42", "0.0", "-0.0", "1.0", "0.1", "1e2", "1E+2", "1e-2", "1.5e00", "0e0", "-0e-0", "0E999999",
	"9007199254740991", "9007199254740992", "9007199254740993", "-9007199254740993", "9223372036854775807", "9223372036854775808",
	"18446744073709551615", "18446744073709551616", "123456789012345678901234567890", "1e15", "1e16", "1e22", "1e23", "100000000000000000000000",
	"1.7976931348623157e308", "1.7976931348623159e308", "1e308", "1e309", "-1e309", "1e400", "1e99999", "1e-323", "5e-324", "4.9e-324", "2e-324", "1e-400",
	"2.2250738585072011e-308", "0.1e1", "1.0000000000000000000000000000000000000000001", "0.30000000000000004", "179769313486231580793e289", "1e0000000000000005",
	"3.14159265358979323846264338327950288", "8.41e21", "9.5367431640625e-07", "1e-7", "0.000001", "123456789.123456789",
}

var nearNumbers = []string{
	"01", "-01", "00", "1.", ".5", "-.5", "+1", "--1", "-", "1e", "1e+", "1.e5", "0x10", "1_000", "1,5", "1e5.5", "0b1", "1n", "1.0f", "٣", "１", "-٣", "1٣",
	"1e٣", "½", "1-1", "1+1", "- 1", "1 1", "0e", "00.5", "1..2", "1e--5", "∞", "1e5e5", "0-0", "-e5",
}

func (w *writer) number() string {
	if w.chance(w.wild) {
		return w.one(nearNumbers)
	}
	switch w.pick(40, 30, 20, 10) {
	case 0:
		return strconv.Itoa(w.IntN(2000) - 1000)
	case 1:
		return w.one(numbers)
	case 2:
		return strconv.FormatFloat(w.NormFloat64()*float64(uint64(1)<<w.IntN(64)), "efg"[w.IntN(3)], -1, 64)
	default:
		digits := 1 + w.IntN(40)
		if w.chance(0.1) {
			digits = 300 + w.IntN(30)
		}
		return w.one([]string{"", "-"}) + w.one([]string{"1", "9", "17", "5"}) + w.digits(digits) + w.one([]string{"", "", ".5", "e5", "E-300", ".0", "e-5"})
	}
}

func (w *writer) digits(n int) string {
	digits := make([]byte, n)
	for i := range digits {
		digits[i] = byte('0' + w.IntN(10))
	}
	return string(digits)
}

// pieces are parts of strings, as written between the quotes.
var pieces = []string{
	"a", "b", "x", "path", "/uploads/1", " ", "", "é", "日本", "😀", "\u007f", "\u0080", "\u2028", "\ufffd", "\uffff", "\ufeff", "\U0010ffff", "e\u0301", "ﬁ", "İ", "'",
	`\"`, `\\`, `\/`, `\b`, `\f`, `\n`, `\r`, `\t`, `\u0000`, `\u001f`, `\u00e9`, `\u20ac`, `\uFFFF`, `\uffFe`, `\ud83d\ude00`, `\uD83D\uDE00`,
	`\ud800`, `\udfff`, `\udc00\ud800`, `\ud83d\ud83d\ude00`, `\ud83d\ude00\ude00`, `\ud800x`, `\ud83d\\ude00`, `\ud83d\n\ude00`, `\ud83d\u0041`, `\udbff\udfff`, `\\u0041`, `\\\ud800`,
	"<", "&", ">", "{}", "null", "\\u0065", "_", ".",
}

var nearPieces = []string{
	`\x41`, `\u41`, `\u123`, `\uG000`, `\u+041`, `\u 041`, `\u-041`, `\u0x41`, `\U00000041`, `\'`, `\0`, `\a`, `\v`, `\e`, `\`, `"`, "\n", "\t", "\r", "\x00", "\x1f", "\x01", "\\\n",
	"\xff", "\xc0\x80", "\xed\xa0\x80", "\xed\xa0\xbd\xed\xb8\x80", "\xf4\x90\x80\x80", "\xe9", "\x80", "\xc3", "\xf0\x9f\x98", "\xfe\xff", `\u00_1`, `\u１２３４`, `\ud83d\u`, `\ud83d\ude0`, `\ud83d\`, `\ud800\uZZZZ`, `\u{41}`, `\N{DASH}`,
}

func (w *writer) str() string {
	var b strings.Builder
	b.WriteByte('"')
	for range w.IntN(4) {
		if w.chance(w.wild / 2) {
			b.WriteString(w.one(nearPieces))
		} else {
			b.WriteString(w.one(pieces))
		}
	}
	if w.chance(w.wild / 8) {
		b.WriteString(w.one([]string{"", "'", `""`}))
	} else {
		b.WriteByte('"')
	}
	return b.String()
}

// name returns a member name. There are few names, so that some are repeated.
func (w *writer) name() string {
	if w.chance(0.3) {
		return w.str()
	}
	return w.one([]string{`"a"`, `"b"`, `"\u0061"`, `"A"`, `""`, `"é"`, `"e\u0301"`, `"\u00e9"`, `"data"`, `"signals"`, `"x"`, `"constructor"`, `"__proto__"`, `"toString"`})
}

// edge writes content at a limit, between two pieces of text.
func (w *writer) edge(before, after string) {
	w.out.WriteString(before)
	defer w.out.WriteString(after)
	switch w.pick(50, 8, 20, 10, 12) {
	case 0: // near the maximum depth of senders
		w.nest(500 + w.IntN(16))
	case 1: // near the maximum depth of originals and of receivers
		w.nest(w.one2([]int{513, 520, 900, 985, 995, 1100, 2000, 9990, 9999, 10001}))
	case 2:
		w.out.WriteString(w.one([]string{"", "-"}) + "1" + w.digits(4290+w.IntN(12)) + w.one([]string{"", "", "", ".0", "e0"}))
	case 3:
		fmt.Fprintf(&w.out, `"%s"`, strings.Repeat(w.one(pieces), 1000+w.IntN(2000)))
	case 4: // many names, perhaps one of them twice
		members := []func(){}
		for i := range 10 + w.IntN(20) {
			members = append(members, func() { w.member(fmt.Sprintf(`"%d"`, i), func() { w.value(0) }) })
		}
		members = append(members, func() { w.member(fmt.Sprintf(`"%d"`, w.IntN(30)), func() { w.value(0) }) })
		w.object(members)
	}
}

func (w *writer) one2(of []int) int { return of[w.IntN(len(of))] }

// nest writes nested brackets of one kind or of both.
func (w *writer) nest(depth int) {
	open, closing := "[", "]"
	switch w.IntN(3) {
	case 1:
		open, closing = `{"a":`, "}"
	case 2:
		open, closing = `[{"":[`, "]}]"
		depth /= 3
	}
	w.out.WriteString(strings.Repeat(open, depth))
	w.value(0)
	w.out.WriteString(strings.Repeat(closing, depth))
}
