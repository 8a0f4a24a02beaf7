package ui

import (
	"time"

	"github.com/remote-events/remote-events/go/queueadmin"
)

// sample is the state of a queue at one time.
type sample struct {
	at    time.Time
	stats queueadmin.Stats
}

// history has the latest samples of a queue, at most one in each step.
type history struct {
	step    time.Duration
	max     int
	samples []sample // from first on, in a ring
	first   int
}

// add adds a sample, unless the step of the latest one has not passed.
func (h *history) add(s sample) {
	if n := len(h.samples); n > 0 && s.at.Sub(h.get(n-1).at) < h.step-h.step/10 {
		return
	}
	if len(h.samples) < h.max {
		h.samples = append(h.samples, s)
		return
	}
	h.samples[h.first] = s
	h.first = (h.first + 1) % h.max
}

// get returns the sample at an index, from the oldest on.
func (h *history) get(i int) sample { return h.samples[(h.first+i)%len(h.samples)] }

// window is the time that the history covers.
func (h *history) window() time.Duration { return time.Duration(h.max) * h.step }

// all returns the samples, the oldest first.
func (h *history) all() []sample {
	all := make([]sample, 0, len(h.samples))
	all = append(all, h.samples[h.first:]...)
	return append(all, h.samples[:h.first]...)
}
