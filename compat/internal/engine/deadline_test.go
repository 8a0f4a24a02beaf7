package engine_test

import (
	"strings"
	"testing"
	"time"

	"github.com/remote-events/remote-events/compat/internal/engine"
	"github.com/remote-events/remote-events/compat/internal/report"
	"github.com/remote-events/remote-events/compat/internal/suite"
)

// TestListWithoutProcesses: a list whose length is wrong and that no process can
// change is not waited for.
func TestListWithoutProcesses(t *testing.T) {
	t.Parallel()
	c := suite.Case{ID: "test/deserted", Family: "test", Kind: suite.Scenario, Script: &suite.Script{Steps: []suite.Step{
		{Do: "receive", Queues: []string{"q"}, Who: "a"}, {Do: "crash", Who: "a"}, {Do: "push", Queues: []string{"q"}, Count: 2}, {Do: "length", Queue: "q", Count: 3},
	}}}
	begin := time.Now()
	const timeout = 10 * time.Minute
	r := run(t, engine.Config{
		Cases: []suite.Case{c}, Implementations: []engine.Implementation{plain()}, Servers: []engine.Server{serve(t, embedded)}, Timeout: timeout,
	})
	if len(r.Results) != 1 || r.Results[0].Outcome != report.Failed || !strings.Contains(r.Results[0].Observed, "the list has 2 messages, not 3, and no process is left") {
		t.Errorf("%+v", r.Results)
	}
	if took := time.Since(begin); took > timeout {
		t.Errorf("it took %v", took)
	}
}

// TestStartTimeout: a scaled timeout has a limit.
func TestStartTimeout(t *testing.T) {
	t.Parallel()
	for timeout, want := range map[time.Duration]time.Duration{
		5 * time.Second:  30 * time.Second,
		time.Minute:      2 * time.Minute,
		10 * time.Minute: 10 * time.Minute,
	} {
		if got := engine.StartTimeout(timeout); got != want {
			t.Errorf("%v for an answer: %v for the start, want %v", timeout, got, want)
		}
	}
}
