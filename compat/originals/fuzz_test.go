package originals_test

import (
	"strings"
	"testing"

	"github.com/remote-events/remote-events/compat/internal/engine"
	"github.com/remote-events/remote-events/compat/internal/environment"
	"github.com/remote-events/remote-events/compat/internal/fuzz"
	"github.com/remote-events/remote-events/compat/internal/redisserver"
)

// TestOriginalFuzz holds the newest original against 2,000 messages that chance
// made. `compat fuzz` does it with more, and other seeds.
func TestOriginalFuzz(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes many seconds")
	}
	stage := newStage(t, environment.Originals()[6], redisserver.Options{})
	fuzzer := fuzz.Fuzzer{
		RedisURL: stage.server.URL(), Redis: stage.server.String(), Cases: 2000, Seed: 1, Workers: 1,
		Subjects: []engine.Implementation{engine.Command("", true, stage.command...)},
	}
	summary, err := fuzzer.Run(t.Context())
	must(t, err)
	var text strings.Builder
	must(t, summary.WriteText(&text))
	if summary.Disagree() || summary.Subjects[0].Cases != fuzzer.Cases {
		t.Error(text.String())
	}
}
