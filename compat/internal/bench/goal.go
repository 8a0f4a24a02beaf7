package bench

import (
	"fmt"
)

// Goal is a target for a metric of a case, or for its ratio to a metric of another case in
// the same round.
type Goal struct {
	What string // the figure in words
	Of   string // the case
	To   string // the case to compare with, or ""
	metric,
	toMetric Metric
	Limit   float64
	AtLeast bool // otherwise at most
	// Before is the figure when the goal was set.
	Before string
}

// Goals returns the targets of the library.
func Goals() []Goal {
	atMost, atLeast := AtMost.Name, AtLeast.Name
	const library, original = "library", "original"
	of := func(w, size, participant string) string { return w + "/" + size + "/" + participant }
	small := Size100B.Name
	received := of(atMost, small, original)
	large := of(atMost, Size16KiB.Name, original)
	latency := of(Latency.Name, small, "go-redis-brpop")
	idle := Idle.Name + "/library-1000-queues"
	return []Goal{
		{"Send, 1 goroutine, relative to go-redis LPUSH", of(Send1.Name, small, library), of(Send1.Name, small, "go-redis"), PerSecond, PerSecond, 0.95, true, "0.7"},
		{"Send, 50 goroutines, relative to go-redis LPUSH with 50", of(Send50.Name, small, library), of(Send50.Name, small, "go-redis"), PerSecond, PerSecond, 4, true, "0.46"},
		{"SendBatch of 1,000, relative to go-redis variadic LPUSH", of(SendBatch.Name, small, library), of(SendBatch.Name, small, "go-redis"), PerSecond, PerSecond, 0.4, true, "0.05"},
		{"receive at least once, defaults, relative to the original", of(atLeast, small, library), received, PerSecond, PerSecond, 20, true, "0.4"},
		{"receive at least once, defaults, relative to asynq with 10", of(atLeast, small, library), of(atLeast, small, "asynq"), PerSecond, PerSecond, 25, true, "0.6"},
		{"receive at least once, defaults, relative to watermill with 10", of(atLeast, small, library), of(atLeast, small, "watermill"), PerSecond, PerSecond, 12, true, "0.3"},
		{"receive at most once, defaults, relative to the original", of(atMost, small, library), received, PerSecond, PerSecond, 40, true, "1.3"},
		{"time in Redis per message at least once, in batches (µs)", of(atLeast, small, library), "", CommandTime, "", 1.3, false, "4.5"},
		{"time in Redis per message at least once, one at a time (µs)", of(OneByOne.Name, small, library), "", CommandTime, "", 25, false, "53"},
		{"latency p50 at most once, relative to go-redis BRPOP", of(Latency.Name, small, "library-at-most-once"), latency, P50, P50, 1.15, false, "1.2"},
		{"latency p99 at most once, relative to go-redis BRPOP", of(Latency.Name, small, "library-at-most-once"), latency, P99, P99, 1.15, false, "1.2"},
		{"latency p50 at least once, relative to go-redis BRPOP", of(Latency.Name, small, "library-at-least-once"), latency, P50, P50, 1.3, false, "2.6"},
		{"latency p99 at least once, relative to go-redis BRPOP", of(Latency.Name, small, "library-at-least-once"), latency, P99, P99, 1.3, false, "2.6"},
		{"16 KiB at most once, typed, relative to the original", of(atMost, Size16KiB.Name, library), large, PerSecond, PerSecond, 4, true, "0.9"},
		{"16 KiB at most once, generic, relative to the original", of(atMost, Size16KiB.Name, "library-generic"), large, PerSecond, PerSecond, 2, true, "0.6"},
		{"16 KiB at least once, generic, relative to the original", of(atLeast, Size16KiB.Name, "library-generic"), large, PerSecond, PerSecond, 2, true, "0.4"},
		{"connections for 1,000 idle queues", idle, "", Connections, "", 8, false, "1,003"},
		{"resident memory for 1,000 idle queues, relative to the original with 10", idle, Idle.Name + "/original-10-queues", Resident, Resident, 1, false, "86 MB"},
		{"allocations per message received at least once", of(atLeast, small, library), "", Allocations, "", 4, false, "7 in decoding"},
		{"allocations per message received at most once", of(atMost, small, library), "", Allocations, "", 4, false, "7 in decoding"},
	}
}

// needed reports whether a goal needs the case.
func needed(name string) bool {
	for _, goal := range Goals() {
		if goal.Of == name || goal.To == name {
			return true
		}
	}
	return false
}

// Reached is a goal with its measured value.
type Reached struct {
	What   string  `json:"what"`
	Before string  `json:"before"`
	Goal   string  `json:"goal"`
	Value  *Spread `json:"value"` // nil if not measured
	Met    bool    `json:"met"`
}

// Compare evaluates the goals. Each ratio is computed within a round, and the median counts.
func Compare(measurements []Measurement) []Reached {
	byName := map[string]Measurement{}
	for _, m := range measurements {
		byName[m.Name()] = m
	}
	var all []Reached
	for _, goal := range Goals() {
		sign := "≤"
		if goal.AtLeast {
			sign = "≥"
		}
		reached := Reached{What: goal.What, Before: goal.Before, Goal: fmt.Sprintf("%s %g", sign, goal.Limit)}
		if value, ok := spread(goal.values(byName)); ok {
			reached.Value = &value
			reached.Met = value.Median >= goal.Limit == goal.AtLeast || value.Median == goal.Limit
		}
		all = append(all, reached)
	}
	return all
}

// values returns the figures of the rounds.
func (g Goal) values(byName map[string]Measurement) (values []float64) {
	to := byName[g.To].Samples
	for round, sample := range byName[g.Of].Samples {
		value, ok := sample[g.metric]
		if !ok {
			continue
		}
		if g.To != "" {
			if round >= len(to) || to[round][g.toMetric] == 0 {
				continue
			}
			value /= to[round][g.toMetric]
		}
		values = append(values, value)
	}
	return values
}
