package faults_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/remote-events/remote-events/compat/internal/calibration"
	"github.com/remote-events/remote-events/compat/internal/faults"
)

func TestRun(t *testing.T) {
	t.Parallel()
	scenario := func(name string, figures faults.Figures, err error) faults.Scenario {
		return faults.Scenario{
			Name: name, What: "what " + name + " does", Short: faults.Size{Rounds: 1}, Long: faults.Size{Rounds: 77},
			Run: func(_ context.Context, size faults.Size) (faults.Figures, error) {
				figures.Handled = size.Rounds
				return figures, err
			},
		}
	}
	scenarios := []faults.Scenario{
		scenario("good", faults.Figures{Promised: 11, Pause: 1500 * time.Millisecond}, nil),
		scenario("bad", faults.Figures{Promised: 22, Lost: 3}, nil),
		scenario("worse", faults.Figures{}, errors.New("the disk is gone")),
	}
	for _, long := range []bool{false, true} {
		ended := make(chan faults.Result, 3)
		report, err := faults.Run(t.Context(), scenarios, faults.Options{Long: long, Seed: 42, Parallel: 2}, func(r faults.Result) { ended <- r })
		if err != nil {
			t.Fatal(err)
		}
		if len(ended) != 3 || report.Problems() != 2 || !strings.Contains(report.Server, " ") || report.Long != long {
			t.Errorf("%d have ended: %+v", len(ended), report)
		}
		for i, want := range []string{"", "events were lost", "the disk is gone"} {
			if r := report.Results[i]; r.Name != scenarios[i].Name || r.Problem != want || r.Figures.Handled != r.Figures.Faults || (r.Figures.Faults == 77) != long {
				t.Errorf("%+v", r)
			}
		}
		for format, write := range map[string]func(*strings.Builder) error{
			"3 scenarios on " + report.Server + " with seed 42: 33 events promised, 3 lost; 2 scenarios failed": func(b *strings.Builder) error { return report.WriteText(b) },
			"- **good**: what good does.\n": func(b *strings.Builder) error { return report.WriteMarkdown(b) },
		} {
			var b strings.Builder
			if err := write(&b); err != nil {
				t.Error(err)
			}
			for _, says := range []string{format, "42", "1.5 s", "the disk is gone", "promised"} {
				if !strings.Contains(b.String(), says) {
					t.Errorf("missing %q in:\n%s", says, b.String())
				}
			}
		}
	}
}

// An interrupted run ends soon and returns no report.
func TestRunInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	hangs := faults.Scenario{Name: "hangs", Run: func(ctx context.Context, _ faults.Size) (faults.Figures, error) {
		cancel()
		<-ctx.Done()
		return faults.Figures{}, ctx.Err()
	}}
	_, err := faults.Run(ctx, []faults.Scenario{hangs, hangs, hangs}, faults.Options{Parallel: 1}, func(r faults.Result) { t.Errorf("unexpected result %+v", r) })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// An interrupted scenario ends soon and stops its processes.
func TestScenariosInterrupted(t *testing.T)         { testInterrupted(t, false) }
func TestOriginalScenariosInterrupted(t *testing.T) { testInterrupted(t, true) }

func testInterrupted(t *testing.T, originals bool) {
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
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			begin := time.Now()
			if _, err := s.Run(ctx, faults.Size{Rounds: 1000, Events: 1000}); err == nil {
				t.Error("the scenario was not interrupted")
			}
			if took := time.Since(begin); took > calibration.Scale(30*time.Second) {
				t.Errorf("the scenario ended after %v", took)
			}
		})
	}
}
