package config

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

const decimals = `[0-9](?:_?[0-9])*`

// pythonNumber matches the input of Python's float() after removing white space and
// converting decimal digits of all scripts to ASCII.
var pythonNumber = regexp.MustCompile(`(?i)^[+-]?(?:` +
	`(?:` + decimals + `(?:\.(?:` + decimals + `)?)?|\.` + decimals + `)(?:e[+-]?` + decimals + `)?` +
	`|inf|infinity|nan)$`)

// readsAsNumber reports whether Python's float(s) succeeds.
func readsAsNumber(s string) bool {
	ascii := strings.Map(func(r rune) rune {
		if r > unicode.MaxASCII && unicode.IsDigit(r) {
			return '0'
		}
		return r
	}, s)
	return pythonNumber.MatchString(strings.TrimSpace(ascii))
}

// formatFloat returns Python's str() of a float.
func formatFloat(f float64) string {
	exponential := strconv.FormatFloat(f, 'e', -1, 64)
	mantissa, exponent, finite := strings.Cut(exponential, "e")
	if !finite {
		return strings.ToLower(strings.TrimPrefix(mantissa, "+")) // nan, inf, -inf
	}
	if n, _ := strconv.Atoi(exponent); n < -4 || n >= 16 {
		return exponential
	}
	decimal := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(decimal, ".") {
		decimal += ".0"
	}
	return decimal
}
