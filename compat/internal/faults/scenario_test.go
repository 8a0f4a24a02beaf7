package faults_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/remote-events/remote-events/compat/internal/faults"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestScenarios runs all of them, and each has to show what it is there for.
func TestScenarios(t *testing.T) {
	t.Parallel()
	for _, s := range faults.Scenarios() {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			figures, err := s.Run(t.Context(), faults.Size{Rounds: 1, Events: 50})
			if err != nil {
				t.Error(err)
			}
			if figures.Lost != 0 || figures.Promised < 50 || figures.Handled < figures.Promised-figures.Dead {
				t.Errorf("%+v", figures)
			}
			t.Logf("%+v", figures)
		})
	}
}
