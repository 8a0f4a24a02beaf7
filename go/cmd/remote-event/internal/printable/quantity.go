package printable

import (
	"fmt"
	"time"
)

// Duration formats a duration with its two largest units: 5s, 3m20s, 4h5m, 2d3h, 12d.
func Duration(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d < 0:
		return "-" + Duration(-d)
	case d >= 10*day:
		return fmt.Sprintf("%dd", d/day)
	case d >= day:
		return fmt.Sprintf("%dd%dh", d/day, d%day/time.Hour)
	case d >= time.Hour:
		return fmt.Sprintf("%dh%dm", d/time.Hour, d%time.Hour/time.Minute)
	default:
		return d.Truncate(time.Second).String()
	}
}

// Size formats a number of bytes in at most four characters: 512, 1.5K, 20M.
func Size(bytes int64) string {
	size, unit := float64(bytes), ""
	for _, next := range []string{"K", "M", "G", "T"} {
		if size < 1000 {
			break
		}
		size, unit = size/1024, next
	}
	if unit == "" || size >= 10 {
		return fmt.Sprintf("%.0f%s", size, unit)
	}
	return fmt.Sprintf("%.1f%s", size, unit)
}
