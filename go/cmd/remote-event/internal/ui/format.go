package ui

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/remote-events/remote-events/go/cmd/remote-event/internal/printable"
)

// number formats a count or a rate with separators.
func number(v float64) string {
	if v != math.Trunc(v) {
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return count(int64(v))
}

// count formats a count with separators.
func count[N int | int64](n N) string {
	digits := strconv.FormatInt(int64(n), 10)
	sign := ""
	if n < 0 {
		sign, digits = "−", digits[1:]
	}
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return sign + b.String()
}

// rate formats a change a second.
func rate(v float64) string {
	switch {
	case math.Abs(v) < 0.05:
		return "0/s"
	case v < 0:
		return "−" + short(-v) + "/s"
	default:
		return "+" + short(v) + "/s"
	}
}

// short formats a positive value with few digits.
func short(v float64) string {
	switch {
	case v < 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	case v < 10_000:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v < 10_000_000:
		return strconv.FormatFloat(v/1e3, 'f', 0, 64) + "k"
	default:
		return strconv.FormatFloat(v/1e6, 'f', 0, 64) + "M"
	}
}

// size formats a length in bytes.
func size(n int64) string {
	const unit = 1024.0
	v := float64(n)
	for i, name := range []string{"B", "KiB", "MiB", "GiB"} {
		if v < unit || i == 3 {
			if i == 0 || v >= 100 {
				return fmt.Sprintf("%.0f %s", v, name)
			}
			return fmt.Sprintf("%.1f %s", v, name)
		}
		v /= unit
	}
	return "" // not reached
}

// spanOf formats a duration with its two largest units.
func spanOf(d time.Duration) string {
	const day = 24 * time.Hour
	two := func(large time.Duration, name string, small time.Duration, smallName string) string {
		text := fmt.Sprintf("%d %s", d/large, name)
		if rest := d % large / small; rest > 0 {
			text += fmt.Sprintf(" %d %s", rest, smallName)
		}
		return text
	}
	switch d = d.Abs(); {
	case d >= 10*day:
		return fmt.Sprintf("%d d", d/day)
	case d >= day:
		return two(day, "d", time.Hour, "h")
	case d >= time.Hour:
		return two(time.Hour, "h", time.Minute, "min")
	case d >= time.Minute:
		return two(time.Minute, "min", time.Second, "s")
	default:
		return fmt.Sprintf("%d s", d/time.Second)
	}
}

// ago formats a time relative to now.
func ago(at time.Time) string {
	switch d := time.Since(at); {
	case d >= time.Second:
		return spanOf(d) + " ago"
	case d <= -time.Second:
		return "in " + spanOf(d)
	default:
		return "now"
	}
}

// cut shortens a text to a number of characters, and makes it visible in one line.
func cut(limit int, text string) string {
	const widest = 12 // bytes of an escaped character
	if len(text) > limit*widest {
		text = text[:limit*widest]
	}
	runes := []rune(printable.Line(text))
	if len(runes) <= limit {
		return string(runes)
	}
	return string(runes[:limit]) + "…"
}
