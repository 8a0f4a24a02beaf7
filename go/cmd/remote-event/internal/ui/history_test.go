package ui

import (
	"strings"
	"testing"
	"time"

	"github.com/remote-events/remote-events/go/queueadmin"
)

// TestHistory checks that a history is bounded, keeps the latest samples, and takes one in
// each step.
func TestHistory(t *testing.T) {
	t.Parallel()
	h := history{step: time.Second, max: 5}
	at := time.Now()
	for i := range 40 {
		h.add(sample{at.Add(time.Duration(i) * time.Second / 4), queueadmin.Stats{Queued: int64(i)}})
	}
	var got []int64
	for _, s := range h.all() {
		got = append(got, s.stats.Queued)
	}
	if len(got) != 5 || got[0] != 20 || got[4] != 36 || h.get(1).stats.Queued != 24 {
		t.Errorf("%v", got)
	}
}

func TestPlot(t *testing.T) {
	t.Parallel()
	h := history{step: time.Second, max: 100}
	at := time.Now().Add(-99 * time.Second)
	for i := range 100 {
		if i < 40 || i > 60 { // Redis was away
			h.add(sample{at.Add(time.Duration(i) * time.Second), queueadmin.Stats{Queued: int64(i), Dead: 7}})
		}
	}
	now := at.Add(99 * time.Second)
	c := plot(&h, now, "Queued messages", func(_, s sample) (float64, bool) { return float64(s.stats.Queued), true })
	if c.Max != 99 || c.Now != 99 || strings.Count(c.Line, "M") != 2 || strings.Count(c.Area, "Z") != 2 || !strings.HasSuffix(c.Line, "L200.0 2.0") {
		t.Errorf("%+v", c)
	}
	if want := "Queued messages over the last 1 min 39 s: now 99, at most 99"; c.Label != want {
		t.Errorf("got %q, want %q", c.Label, want)
	}
	c = plot(&h, now, "Change", func(_, s sample) (float64, bool) { return -float64(s.stats.Queued), true })
	if c.Min != -99 || c.Zero == "" {
		t.Errorf("%+v", c)
	}
	if c := plot(&history{step: time.Second, max: 5}, now, "None", nil); c.Line != "" || c.Area != "" {
		t.Errorf("%+v", c)
	}
}
