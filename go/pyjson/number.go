package pyjson

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/big"
	"math/bits"
	"strconv"
)

// IsInteger reports whether a scanned number is an integer in Python: it has neither a
// decimal point nor an exponent.
func IsInteger(number []byte) bool {
	return !bytes.ContainsAny(number, ".eE")
}

// Digits returns the number of digits of a scanned integer.
func Digits(integer []byte) int {
	if len(integer) > 0 && integer[0] == '-' {
		return len(integer) - 1
	}
	return len(integer)
}

// IsSafeInteger reports whether a scanned integer is within ±(2⁵³−1), where every JSON
// reader gets the same value.
func IsSafeInteger(integer []byte) bool {
	n, ok := Int(integer)
	return ok && -1<<53 < n && n < 1<<53
}

// Int returns the value of a scanned number as an int64. ok is false if it has a decimal
// point or an exponent, or does not fit.
func Int(number []byte) (n int64, ok bool) {
	digits := number
	if len(digits) > 0 && digits[0] == '-' {
		digits = digits[1:]
	}
	if len(digits) == 0 {
		return 0, false
	}
	if len(digits) > 18 { // it may not fit
		n, err := strconv.ParseInt(string(number), 10, 64)
		return n, err == nil
	}
	for _, c := range digits {
		if c -= '0'; c > 9 {
			return 0, false
		}
		n = n*10 + int64(c)
	}
	if number[0] == '-' {
		n = -n
	}
	return n, true
}

// Float returns the value of a scanned number as a float64. ok is false if that changes
// the number: it is beyond a float64's range, or it is an
// integer with more digits than a float64 keeps. Fractions are rounded, as in
// every reader. An integer that is the shortest form of its float64 counts as unchanged,
// because encoding/json and JavaScript write large floats in this form.
func Float(number []byte) (f float64, ok bool) {
	if f, ok := shortFloat(number); ok {
		return f, true
	}
	f, err := strconv.ParseFloat(string(number), 64)
	if err != nil {
		return f, false
	}
	if !IsInteger(number) || Digits(number) <= 15 {
		return f, true
	}
	if strconv.FormatFloat(f, 'f', -1, 64) == string(number) {
		return f, true
	}
	exact, accuracy := big.NewFloat(f).Int(nil)
	return f, accuracy == big.Exact && exact.String() == string(number)
}

// SafeFloat returns the value of a scanned number as a float64, if every JSON reader gets
// this value. ok is false for an integer beyond ±(2⁵³−1), even if it is exactly a
// float64, because writing the float64 yields other digits; and for a number beyond the
// range of a float64.
func SafeFloat(number []byte) (f float64, ok bool) {
	if f, ok := shortFloat(number); ok {
		return f, true
	}
	if IsInteger(number) && !IsSafeInteger(number) {
		return 0, false
	}
	f, err := strconv.ParseFloat(string(number), 64)
	return f, err == nil
}

// Decimal reads a number of at most 19 digits without an exponent. The value is digits
// divided by ten to the power of fraction; fraction is 0 if there is no decimal point.
// digits does not include the minus sign. For other numbers, and where there is no
// number, end is negative: use [Scanner.Number] then. Decimal does not call the
// observer.
func (s *Scanner) Decimal(pos int) (digits uint64, fraction, end int) {
	return decimal(s.Src, pos)
}

func decimal(src []byte, i int) (n uint64, fraction, end int) {
	if i < len(src) && src[i] == '-' {
		i++
	}
	first := i
	n, i = appendDigits(0, src, i)
	count := i - first
	if count == 0 || count > 19 || count > 1 && src[first] == '0' {
		return 0, 0, -1
	}
	if i < len(src) && src[i] == '.' {
		first = i + 1
		n, i = appendDigits(n, src, first)
		if fraction = i - first; fraction == 0 || count+fraction > 19 {
			return 0, 0, -1
		}
	}
	if i < len(src) && src[i]|0x20 == 'e' {
		return 0, 0, -1
	}
	return n, fraction, i
}

// appendDigits appends the digits at i to n, and returns the position after
// them. If they overflow a word, n is not usable.
func appendDigits(n uint64, src []byte, i int) (appended uint64, end int) {
	for i+8 <= len(src) { // eight digits at a time: combine pairs, then pairs of pairs, …
		w := binary.LittleEndian.Uint64(src[i:])
		count := bits.TrailingZeros64(notDigits(w)) >> 3 // 8 if all are digits
		if count == 0 {
			return n, i
		}
		w = (w - ones*'0') << (64 - 8*count) // puts zeros before the digits
		w = (w*10 + w>>8) & 0x00ff00ff00ff00ff
		w = (w*100 + w>>16) & 0x0000ffff0000ffff
		w = (w*10000 + w>>32) & 0xffffffff
		n, i = n*powers[count]+w, i+count
		if count < 8 {
			return n, i
		}
	}
	for i < len(src) && isDigit(src[i]) {
		n, i = n*10+uint64(src[i]-'0'), i+1
	}
	return n, i
}

// DecimalFloat returns the float64 nearest to a result of [Scanner.Decimal].
// ok is false for an integer that would change.
func DecimalFloat(digits uint64, fraction int, negative bool) (f float64, ok bool) {
	switch {
	case digits < 1<<53: // Both operands are exact, so that the result is rounded once.
		f = float64(digits) / tens[fraction]
	case fraction > 0:
		f = quotient(digits, powers[fraction])
	default:
		return 0, false
	}
	if negative {
		f = -f
	}
	return f, true
}

// powers are the powers of ten that fit a word, and tens the same as floats, which are
// exact.
var powers, tens = func() (made [20]uint64, floats [20]float64) {
	for i, n := 0, uint64(1); i < len(made); i, n = i+1, n*10 {
		made[i], floats[i] = n, float64(n)
	}
	return made, floats
}()

// shortFloat is Float for numbers that Decimal reads, except for integers beyond
// ±(2⁵³−1).
func shortFloat(number []byte) (f float64, ok bool) {
	digits, fraction, end := decimal(number, 0)
	if end != len(number) {
		return 0, false
	}
	return DecimalFloat(digits, fraction, number[0] == '-')
}

// quotient returns n divided by d, rounded once. d must be a power of ten that fits a
// word, so that no exponent is extreme.
func quotient(n, d uint64) float64 {
	if n == 0 {
		return 0
	}
	zeros := bits.LeadingZeros64(d) - bits.LeadingZeros64(n)
	n, d = n<<bits.LeadingZeros64(n), d<<bits.LeadingZeros64(d)
	exponent := zeros - 64
	high, low := n, uint64(0)
	if n >= d {
		high, low, exponent = n>>1, n<<63, exponent+1
	}
	q, rest := bits.Div64(high, low, d) // 64 bits; a float64 keeps 53
	if rest != 0 {
		q |= 1 // prevents a tie
	}
	return float64(q) * math.Float64frombits(uint64(1023+exponent)<<52) //nolint:gosec // the biased exponent is positive
}

// InFloatRange reports whether a scanned number is within the range of a float64.
func InFloatRange(number []byte) bool {
	if len(number) <= 300 && !bytes.ContainsAny(number, "eE") {
		return true
	}
	f, _ := strconv.ParseFloat(string(number), 64)
	return !math.IsInf(f, 0)
}
