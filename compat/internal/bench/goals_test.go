package bench

import (
	"strings"
	"testing"
	"time"
)

// neededNames returns the names of the cases that the goals need.
func neededNames() map[string]bool {
	names := map[string]bool{}
	for _, goal := range Goals() {
		for _, name := range []string{goal.Of, goal.To} {
			if name != "" {
				names[name] = true
			}
		}
	}
	return names
}

func TestGoalsNameCases(t *testing.T) {
	for name := range neededNames() {
		if _, err := Select(Cases(), false, name); err != nil {
			t.Error(err)
		}
	}
}

// measured returns a report with figures for every goal. The figures of the library are
// those of its peers multiplied by times.
func measured(times float64) Report {
	var measurements []Measurement
	for _, c := range Cases() {
		factor := 1.0
		if strings.HasPrefix(c.Participant, "library") {
			factor = times
		}
		m := Measurement{Workload: c.Workload.Name, Size: c.Size.Name, Participant: c.Participant}
		for _, noise := range []float64{1, 3, 2} { // equal for all cases of a round
			m.Samples = append(m.Samples, Sample{
				PerSecond: 1000 * factor * noise, P50: 100 * noise / factor, P99: 200 * noise / factor,
				Resident: 10 * noise / factor, CommandTime: 15 / factor, Connections: 100 / factor, Allocations: 40 / factor,
			})
		}
		measurements = append(measurements, m)
	}
	return NewReport(Config{Rounds: 3, Seed: 5}, measurements, time.Now())
}

func TestGoals(t *testing.T) {
	for _, reached := range measured(50).Goals {
		if reached.Value == nil || !reached.Met {
			t.Errorf("at 50 times the speed: %+v", reached)
		}
	}
	for _, reached := range measured(0.5).Goals {
		if reached.Value == nil {
			t.Errorf("not measured: %+v", reached)
		} else if reached.Met != (reached.What == "SendBatch of 1,000, relative to go-redis variadic LPUSH") {
			t.Errorf("at half the speed: %+v", reached)
		}
		if reached.What == "Send, 1 goroutine, relative to go-redis LPUSH" && *reached.Value != (Spread{0.5, 0.5, 0.5}) {
			t.Errorf("the ratio is not one of a round: %+v", reached)
		}
	}
	for _, reached := range NewReport(Config{}, nil, time.Now()).Goals {
		if reached.Value != nil || reached.Met {
			t.Errorf("without measurements: %+v", reached)
		}
	}
}
