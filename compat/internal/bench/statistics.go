package bench

import (
	"math"
	"slices"
)

// Spread is the median of some values with their minimum and maximum.
type Spread struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

// spread returns the spread of values, or false if there are none.
func spread(values []float64) (Spread, bool) {
	if len(values) == 0 {
		return Spread{}, false
	}
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return Spread{Median: (sorted[(n-1)/2] + sorted[n/2]) / 2, Min: sorted[0], Max: sorted[n-1]}, true
}

// Spread returns the spread of a metric over the rounds, or false if the metric was not
// measured.
func (m Measurement) Spread(metric Metric) (Spread, bool) {
	var values []float64
	for _, sample := range m.Samples {
		if value, ok := sample[metric]; ok && !math.IsNaN(value) {
			values = append(values, value)
		}
	}
	return spread(values)
}
