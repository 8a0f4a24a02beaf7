package originals_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/remote-events/remote-events/compat/internal/adapter"
	"github.com/remote-events/remote-events/compat/internal/environment"
	"github.com/remote-events/remote-events/compat/internal/redisserver"
	"github.com/remote-events/remote-events/spec"
)

// TestOriginalLegacyVerdicts pushes every message of the wire vectors to the
// oldest and the newest original that needs no help to run, each followed by a
// canary, and holds what they do against what is foretold there.
func TestOriginalLegacyVerdicts(t *testing.T) {
	t.Parallel()
	vectors, err := spec.WireVectors()
	if err != nil {
		t.Fatal(err)
	}
	for _, original := range environment.Originals() {
		if original.Bundle == "0.2" || original.Bundle == "1.6" {
			t.Run(original.Bundle, func(t *testing.T) {
				t.Parallel()
				foretold(t, newStage(t, original, redisserver.Options{}), vectors)
			})
		}
	}
}

func foretold(t *testing.T, s *stage, vectors []spec.WireVector) {
	t.Helper()
	var a *adapter.Adapter
	for _, v := range vectors {
		if a == nil {
			a = s.start(t)
			must(t, a.Receive(t.Context(), []string{"e"}, []string{"e"}))
		}
		got := s.react(t, a, v.Message)
		if got != v.Legacy && (!v.Platform || got != "delivers") {
			t.Errorf("%s: it %s, and %s was foretold", v.ID, got, v.Legacy)
		}
		// A signal of the kernel's may have started a second set of
		// consumers, between which the canary is no barrier.
		if got == "dies" || slices.Contains(v.Requirements, "SIG-4") {
			must(t, a.Close())
			s.redis.Del(t.Context(), "e")
			a = nil
		}
	}
	if a != nil {
		must(t, a.Close())
	}
}

// react pushes a message and its canary, and says what the original does. A
// death may be reported after the listener was called.
func (s *stage) react(t *testing.T, a *adapter.Adapter, message []byte) string {
	t.Helper()
	const canary = `{"canary": true}`
	must(t, s.redis.LPush(t.Context(), "e", message, `{"data": `+canary+`, "signals": ["e"]}`).Err())
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	outcome := "drops"
	for {
		o, err := a.Next(ctx)
		must(t, err)
		switch o := o.(type) {
		case adapter.Died:
			return "dies"
		case adapter.Event:
			if o.PayloadText == canary {
				return outcome
			}
			outcome = "delivers"
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
