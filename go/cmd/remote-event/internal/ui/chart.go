package ui

import (
	"fmt"
	"strings"
	"time"
)

// chart is a curve in a box of chartWidth × chartHeight.
type chart struct {
	// Line and Area are the paths of the curve and of the area below it.
	Line, Area string
	// Max is the highest value, and Now the latest.
	Max, Now float64
	// Min is the lowest value, which is negative only for rates.
	Min float64
	// Zero is the height of the line of zero, if Min is negative.
	Zero string
	// Label describes the curve in words.
	Label string
}

const chartWidth, chartHeight = 200.0, 40.0

// plot draws the values of samples until now. A gap of more than a few steps remains
// a gap.
func plot(h *history, now time.Time, label string, value func(before, s sample) (float64, bool)) chart {
	type point struct {
		at    time.Time
		value float64
	}
	var c chart
	var points []point
	samples := h.all()
	window := h.window()
	if len(samples) > 0 { // a short history is drawn larger
		window = min(window, max(now.Sub(samples[0].at), 20*h.step))
	}
	begin := now.Add(-window)
	for i, s := range samples {
		before := s
		if i > 0 {
			before = samples[i-1]
		}
		v, ok := value(before, s)
		if !ok || s.at.Before(begin) {
			continue
		}
		points = append(points, point{s.at, v})
		c.Max, c.Min, c.Now = max(c.Max, v), min(c.Min, v), v
	}
	high := max(c.Max-c.Min, 1)
	const margin = 2 // for the width of the line
	x := func(at time.Time) float64 { return float64(at.Sub(begin)) / float64(window) * chartWidth }
	y := func(v float64) float64 { return chartHeight - margin - (v-c.Min)/high*(chartHeight-2*margin) }
	base := y(max(0, c.Min))
	if c.Min < 0 {
		c.Zero = fmt.Sprintf("%.1f", base)
	}
	var line, area strings.Builder
	for i, p := range points {
		command := "L"
		if i == 0 || p.at.Sub(points[i-1].at) > 4*h.step {
			command = "M"
			if i > 0 {
				fmt.Fprintf(&area, "L%.1f %.1fZ", x(points[i-1].at), base)
			}
			fmt.Fprintf(&area, "M%.1f %.1fL%.1f %.1f", x(p.at), base, x(p.at), y(p.value))
		}
		fmt.Fprintf(&line, "%s%.1f %.1f", command, x(p.at), y(p.value))
		if command == "L" {
			fmt.Fprintf(&area, "L%.1f %.1f", x(p.at), y(p.value))
		}
	}
	if n := len(points); n > 0 {
		fmt.Fprintf(&area, "L%.1f %.1fZ", x(points[n-1].at), base)
	}
	c.Line, c.Area = line.String(), area.String()
	c.Label = fmt.Sprintf("%s over the last %s: now %s, at most %s", label, spanOf(window), number(c.Now), number(c.Max))
	return c
}
