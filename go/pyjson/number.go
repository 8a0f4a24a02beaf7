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
	if integer[0] == '-' {
		return len(integer) - 1
	}
	return len(integer)
}

// IsSafeInteger reports whether an integer of a scanned text lies within
// ±(2⁵³−1), where every reader of JSON agrees on its value.
func IsSafeInteger(integer []byte) bool {
	if Digits(integer) > len("9007199254740991") {
		return false
	}
	n, err := strconv.ParseInt(string(integer), 10, 64)
	return err == nil && -1<<53 < n && n < 1<<53
}

// Float returns the float64 that a number of a scanned text means. ok is false
// where that would be another number: one beyond a float64's range, or an
// integer with more digits than a float64 keeps. A fraction is rounded, as
// every reader does. An integer that is the shortest way to write its float64
// is not counted as changed, since that is how encoding/json and JavaScript
// write large floats.
func Float(number []byte) (f float64, ok bool) {
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

// InFloatRange reports whether a number of a scanned text, however precise,
// lies within the range of a float64.
func InFloatRange(number []byte) bool {
	if len(number) <= 300 && !bytes.ContainsAny(number, "eE") {
		return true
	}
	f, _ := strconv.ParseFloat(string(number), 64)
	return !math.IsInf(f, 0)
}
