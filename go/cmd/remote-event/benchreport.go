package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/schollz/progressbar/v3"
)

// benchReport is the output of bench.
type benchReport struct {
	Redis string       `json:"redis"`
	Size  int          `json:"payload_bytes"`
	Parts []*benchPart `json:"parts"`
}

// benchLatency is a distribution of times in microseconds.
type benchLatency struct {
	Rate      int           `json:"events_per_second"`
	P50       float64       `json:"p50_us"`
	P90       float64       `json:"p90_us"`
	P99       float64       `json:"p99_us"`
	P999      float64       `json:"p99_9_us"`
	Max       float64       `json:"max_us"`
	Histogram []benchBucket `json:"histogram"`
}

// benchBucket counts the events with a latency of at most Micros that no earlier bucket
// counts.
type benchBucket struct {
	Micros int64 `json:"up_to_us"`
	Events int64 `json:"events"`
}

func latencyOf(h *hdrhistogram.Histogram) *benchLatency {
	micros := func(nanoseconds int64) float64 { return float64(nanoseconds) / 1000 }
	l := &benchLatency{
		Rate: benchRate,
		P50:  micros(h.ValueAtQuantile(50)), P90: micros(h.ValueAtQuantile(90)),
		P99: micros(h.ValueAtQuantile(99)), P999: micros(h.ValueAtQuantile(99.9)), Max: micros(h.Max()),
	}
	// The limits of the buckets are 10 µs, 20 µs, 50 µs, 100 µs, …
	limit, steps := int64(10), []int64{2, 5, 10}
	limits := []int64{}
	for scale := int64(10); float64(limit) < l.Max; scale *= 10 {
		for _, step := range steps {
			limits = append(limits, limit)
			limit = scale * step
		}
	}
	limits = append(limits, limit)
	counts := make([]int64, len(limits))
	for _, bar := range h.Distribution() {
		for i, limit := range limits {
			if micros(bar.From) <= float64(limit) || i == len(limits)-1 {
				counts[i] += bar.Count
				break
			}
		}
	}
	for i, count := range counts {
		if count > 0 || len(l.Histogram) > 0 {
			l.Histogram = append(l.Histogram, benchBucket{limits[i], count})
		}
	}
	for n := len(l.Histogram); n > 1 && l.Histogram[n-1].Events == 0; n-- {
		l.Histogram = l.Histogram[:n-1]
	}
	return l
}

// text formats the report for people.
func (r benchReport) text(c colours) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, payloads of %s bytes\n\n", r.Redis, thousands(float64(r.Size)))
	for _, part := range r.Parts {
		if part.Latency == nil {
			rate := c.bold(fmt.Sprintf("%12s", thousands(part.PerSecond)))
			fmt.Fprintf(&b, "  %-26s %s events/s  (%s events in %.2f s)\n", part.Part, rate, thousands(float64(part.Events)), part.Seconds)
		}
	}
	for _, part := range r.Parts {
		if part.Latency != nil {
			b.WriteString("\n" + part.latency(c))
		}
	}
	return b.String()
}

// latency formats a distribution.
func (p *benchPart) latency(c colours) string {
	var b strings.Builder
	l := p.Latency
	fmt.Fprintf(&b, "  %s, %s events/s: p50 %s  p90 %s  p99 %s  p99.9 %s  max %s\n", p.Part, thousands(float64(l.Rate)),
		c.bold(duration(l.P50)), duration(l.P90), c.bold(duration(l.P99)), duration(l.P999), duration(l.Max))
	most := int64(1)
	for _, bucket := range l.Histogram {
		most = max(most, bucket.Events)
	}
	const width = 40
	for _, bucket := range l.Histogram {
		bar := strings.Repeat("█", int((bucket.Events*width+most-1)/most))
		fmt.Fprintf(&b, "    ≤ %8s %9s  %s\n", duration(float64(bucket.Micros)), thousands(float64(bucket.Events)), c.cyan(bar))
	}
	return b.String()
}

// duration formats microseconds.
func duration(micros float64) string {
	switch {
	case micros < 1000:
		return strconv.FormatFloat(micros, 'f', 0, 64) + " µs"
	case micros < 1_000_000:
		return strconv.FormatFloat(micros/1000, 'g', 3, 64) + " ms"
	default:
		return strconv.FormatFloat(micros/1_000_000, 'g', 3, 64) + " s"
	}
}

// thousands formats a number with thousands separators.
func thousands(value float64) string {
	text := strconv.FormatFloat(value, 'f', 0, 64)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// benchBar shows the current part and the maximum remaining time on a terminal.
// Otherwise it shows nothing.
type benchBar struct {
	bar   *progressbar.ProgressBar // nil shows nothing
	each  time.Duration
	parts int
	begun int
	stop  chan struct{}
	ended chan struct{}
}

func (a *app) benchBar(parts []*benchPart, each time.Duration) *benchBar {
	b := &benchBar{each: each, parts: len(parts)}
	file, ok := fileOf(a.stderr)
	if !ok || !isTerminal(file) || a.getenv("TERM") == "dumb" {
		return b
	}
	b.bar = newBenchBar(file, int64(len(parts))*each.Milliseconds())
	return b
}

func newBenchBar(file *os.File, length int64) *progressbar.ProgressBar {
	return progressbar.NewOptions64(length,
		progressbar.OptionSetWriter(file),
		progressbar.OptionUseANSICodes(true),
		progressbar.OptionSetElapsedTime(false),
		progressbar.OptionSetPredictTime(false),
		progressbar.OptionFullWidth(),
		progressbar.OptionClearOnFinish(),
	)
}

// begin shows a part, and updates the time until end.
func (b *benchBar) begin(part *benchPart) {
	if b.bar == nil {
		return
	}
	b.stop, b.ended = make(chan struct{}), make(chan struct{})
	before := time.Duration(b.begun) * b.each
	b.begun++
	number, begin := b.begun, time.Now()
	go func() {
		defer close(b.ended)
		ticker := time.NewTicker(100 * time.Millisecond)
		defer ticker.Stop()
		for {
			passed := before + min(time.Since(begin), b.each)
			left := time.Duration(b.parts)*b.each - passed
			b.bar.Describe(fmt.Sprintf("%d/%d %-26s %3.0f s left", number, b.parts, part.Part, left.Seconds()))
			_ = b.bar.Set64(passed.Milliseconds() - 1) // the maximum would end the bar
			select {
			case <-ticker.C:
			case <-b.stop:
				return
			}
		}
	}()
}

// end ends a part.
func (b *benchBar) end() {
	if b.bar != nil {
		close(b.stop)
		<-b.ended
	}
}

// clear removes the line.
func (b *benchBar) clear() {
	if b.bar != nil {
		_ = b.bar.Clear()
	}
}
