package faults_test

import (
	"os"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"go.uber.org/goleak"

	"github.com/remote-events/remote-events/compat/internal/faults"
)

func TestMain(m *testing.M) {
	if faults.IsConsumer() {
		os.Exit(faults.Consume())
	}
	redis.SetLogger(&logging.VoidLogger{}) // failed connections are expected here
	goleak.VerifyTestMain(m)
}

// shows reports whether the figures of a scenario show that its faults had an effect.
var shows = map[string]func(faults.Figures) bool{
	"crash points":     func(f faults.Figures) bool { return f.Faults > 200 && f.Repeated > 0 },
	"killed":           func(f faults.Figures) bool { return f.Faults > 0 },
	"originals killed": func(f faults.Figures) bool { return f.Faults > 0 },
	"mixed fleet":      func(f faults.Figures) bool { return f.Faults > 0 },
	"interruptions":    outage,
	"out of memory":    func(f faults.Figures) bool { return f.Failed > 0 && f.Dead > 0 },
	"suspended":        func(f faults.Figures) bool { return f.Stale > 0 },
	"clock steps":      func(f faults.Figures) bool { return f.Repeated > 0 },
	"repeats":          func(f faults.Figures) bool { return f.Unknown > 0 && f.Repeated == 0 },
	"restart":          outage,
	"denied writes":    func(f faults.Figures) bool { return f.Failed > 0 && f.Outages > 0 },
	"promotion":        outage,
	"sentinel":         outage,
	"partition":        func(f faults.Figures) bool { return f.Repeated > 0 && f.Outages > 0 },
	"vanish":           func(f faults.Figures) bool { return f.Pause > 5*time.Second },
	"latency":          func(f faults.Figures) bool { return f.Pause > 200*time.Millisecond },
	"slow close":       outage,
	"slot migration":   outage,
	"node restart":     outage,
	"start":            func(f faults.Figures) bool { return f.Failed > 0 && f.Outages > 0 },
}

func outage(f faults.Figures) bool { return f.Outages > 0 }

// Every scenario runs and has an effect.
func TestScenarios(t *testing.T)         { testScenarios(t, false) }
func TestOriginalScenarios(t *testing.T) { testScenarios(t, true) }

func testScenarios(t *testing.T, originals bool) {
	t.Helper()
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes many seconds")
	}
	for _, s := range faults.Scenarios() {
		if s.Originals != originals {
			continue
		}
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			// The promises must hold in every try. Whether the faults have an effect depends on
			// chance and on the load of the machine.
			const tries = 5
			for try := 1; ; try++ {
				figures, err := s.Run(t.Context(), faults.Size{Rounds: try, Events: 50})
				if err != nil {
					t.Fatal(err)
				}
				if figures.Lost != 0 || figures.Promised == 0 || figures.Handled < max(50, figures.Promised-figures.Dead-figures.Taken) {
					t.Fatalf("%+v", figures)
				}
				if happened := shows[s.Name]; happened != nil && happened(figures) {
					return
				}
				if t.Logf("the faults had no effect in try %d: %+v", try, figures); try == tries {
					t.Fatal("the faults had no effect")
				}
			}
		})
	}
}
