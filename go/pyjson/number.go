package pyjson

import (
	"bytes"
	"math"
	"math/big"
	"strconv"
)

// IsInteger reports whether a number of a scanned text is an integer to Python:
// written with neither a decimal point nor an exponent.
func IsInteger(number []byte) bool {
	return !bytes.ContainsAny(number, ".eE")
}

// Digits counts the digits of an integer of a scanned text.
func Digits(integer []byte) int {
	if len(integer) > 0 && integer[0] == '-' {
		return len(integer) - 1
	}
	return len(integer)
}

// IsSafeInteger reports whether an integer of a scanned text lies within
// ±(2⁵³−1), where every reader of JSON agrees on its value.
func IsSafeInteger(integer []byte) bool {
	n, ok := Int(integer)
	return ok && -1<<53 < n && n < 1<<53
}

// Int returns the integer that a number of a scanned text means. ok is false where
// it is written with a point or exponent, or does not fit.
func Int(number []byte) (n int64, ok bool) {
	digits := number
	if len(digits) > 0 && digits[0] == '-' {
		digits = digits[1:]
	}
	if len(digits) == 0 {
		return 0, false
	}
	if len(digits) > 18 { // which may not fit
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

// Float returns the float64 that a number of a scanned text means. ok is false
// where that would be another number: one beyond a float64's range, or an
// integer with more digits than a float64 keeps. A fraction is rounded, as
// every reader does. An integer that is the shortest way to write its float64
// is not counted as changed, since that is how encoding/json and JavaScript
// write large floats.
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

// SafeFloat returns the float64 that a number of a scanned text means to every
// reader of JSON. ok is false for an integer beyond ±(2⁵³−1), even where it is
// exactly a float64, since a float64 is written with other digits again; and for
// what is beyond a float64's range.
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

// tens are the powers of ten that a float64 holds exactly.
var tens = [...]float64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
}

// shortFloat is Float for numbers without an exponent of at most 15 digits. Both
// these digits and the power of ten that divides them are exact, so that the
// result is rounded once.
func shortFloat(number []byte) (f float64, ok bool) {
	if len(number) > 17 { // a sign, a point
		return 0, false
	}
	var n uint64
	digits, fraction, point := 0, 0, 0
	for _, c := range number {
		switch {
		case isDigit(c):
			n = n*10 + uint64(c-'0')
			digits++
			fraction += point
		case c == '.':
			point = 1
		case c != '-':
			return 0, false
		}
	}
	if digits == 0 || digits > 15 {
		return 0, false
	}
	f = float64(n)
	if fraction > 0 {
		f /= tens[fraction]
	}
	if number[0] == '-' {
		f = -f
	}
	return f, true
}

// InFloatRange reports whether a number of a scanned text, however precise,
// lies within the range of a float64.
func InFloatRange(number []byte) bool {
	if len(number) <= 300 && !bytes.ContainsAny(number, "eE") {
		return true
	}
	f, _ := strconv.ParseFloat(string(number), 64)
	return !math.IsInf(f, 0)
}
