package engine

import (
	"testing"
	"time"
)

// TestSecondTimeout: the deadlines of a second try are bounded.
func TestSecondTimeout(t *testing.T) {
	t.Parallel()
	for first, want := range map[time.Duration]time.Duration{
		5 * time.Second:  20 * time.Second,
		30 * time.Second: time.Minute,
		2 * time.Minute:  2 * time.Minute,
	} {
		if got := secondTimeout(first); got != want {
			t.Errorf("first %v: second %v, want %v", first, got, want)
		}
	}
}
