package payloadschema

import (
	"bytes"
	"math/big"
	"strconv"

	"github.com/remote-events/remote-events/go/pyjson"
)

// decimal is the exact value of a scanned number, in a form that is the same for equal
// numbers: 0.DIGITS times ten to the exponent. The digits neither begin
// nor end with a zero. Zero has no digits.
type decimal struct {
	negative bool
	digits   []byte
	exponent int
}

// decimalOf converts a number with a bounded exponent.
func decimalOf(number []byte) decimal {
	var d decimal
	if number[0] == '-' {
		d.negative, number = true, number[1:]
	}
	if i := bytes.IndexAny(number, "eE"); i >= 0 {
		d.exponent, _ = strconv.Atoi(string(number[i+1:]))
		number = number[:i]
	}
	if i := bytes.IndexByte(number, '.'); i >= 0 {
		d.exponent += i
		number = append(bytes.Clone(number[:i]), number[i+1:]...)
	} else {
		d.exponent += len(number)
	}
	d.digits = bytes.TrimLeft(number, "0")
	d.exponent -= len(number) - len(d.digits)
	d.digits = bytes.TrimRight(d.digits, "0")
	if len(d.digits) == 0 {
		return decimal{}
	}
	return d
}

func (d decimal) equal(other decimal) bool {
	return d.negative == other.negative && d.exponent == other.exponent && bytes.Equal(d.digits, other.digits)
}

// isInteger reports whether JSON Schema treats a number as an integer, such as 8.0.
func isInteger(number []byte) bool {
	if pyjson.IsInteger(number) {
		return true
	}
	d := decimalOf(number)
	return d.exponent >= len(d.digits)
}

// equalNumbers compares the values of two numbers.
func equalNumbers(a, b []byte) bool {
	return bytes.Equal(a, b) || decimalOf(a).equal(decimalOf(b))
}

// compare compares a number with a number of a schema, as [cmp.Compare] does.
func compare(number []byte, with *big.Rat) int {
	if n, ok := pyjson.Int(number); ok && with.IsInt() && with.Num().IsInt64() {
		switch limit := with.Num().Int64(); {
		case n < limit:
			return -1
		case n > limit:
			return 1
		default:
			return 0
		}
	}
	return ratOf(number).Cmp(with)
}

// isMultiple reports whether a number is a multiple of a number of a schema.
func isMultiple(number []byte, of *big.Rat) bool {
	if n, ok := pyjson.Int(number); ok && of.IsInt() && of.Num().IsInt64() {
		return n%of.Num().Int64() == 0
	}
	return new(big.Rat).Quo(ratOf(number), of).IsInt()
}

func ratOf(number []byte) *big.Rat {
	rat, ok := new(big.Rat).SetString(string(number))
	if !ok {
		return new(big.Rat) // unreachable: the number was scanned, and is bounded
	}
	return rat
}
