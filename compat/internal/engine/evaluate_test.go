package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/remote-events/remote-events/compat/internal/adapter"
	"github.com/remote-events/remote-events/compat/internal/engine"
	"github.com/remote-events/remote-events/compat/internal/goadapter"
	"github.com/remote-events/remote-events/compat/internal/protocol"
	"github.com/remote-events/remote-events/compat/internal/report"
)

// evaluator is a process that evaluates as the library does, but for what evaluate changes.
type evaluator struct {
	mute

	evaluate func(family string, input json.RawMessage) (any, error)
	crashed  bool
}

func (e *evaluator) Hello(context.Context) (protocol.Identity, error) {
	return protocol.Identity{Name: "evaluator", Classes: []protocol.Class{protocol.Validator, protocol.LegacySafeSender}}, nil
}

func (e *evaluator) Evaluate(_ context.Context, family string, input json.RawMessage) (json.RawMessage, error) {
	if e.crashed {
		return nil, &adapter.Error{Op: "evaluate", Kind: adapter.ErrExited, Detail: "it was used after its crash"}
	}
	output, err := e.evaluate(family, input)
	if err != nil {
		_, answered := errors.AsType[*protocol.FailedError](err)
		e.crashed = !answered
		return nil, err
	}
	return json.Marshal(output)
}

// TestEvaluate runs cases of several families with one process. A crash is an error of one
// case, an output without the feature is unsupported, and a wrong output fails.
func TestEvaluate(t *testing.T) {
	t.Parallel()
	started := 0
	start := func(context.Context, engine.Setting) (engine.Process, error) {
		started++
		return &evaluator{evaluate: func(family string, input json.RawMessage) (any, error) {
			switch {
			case family == "typed":
				return nil, &protocol.FailedError{Op: "evaluate", Reason: "unsupported"}
			case family == "chain":
				return map[string]any{"signals": []string{"another"}}, nil
			case strings.Contains(string(input), "NaN"):
				return nil, &adapter.Error{Op: "evaluate", Kind: adapter.ErrExited}
			}
			return goadapter.Evaluate(nil, family, input)
		}}, nil
	}
	r := run(t, engine.Config{
		Cases: selected(t, "wire/*the-plainest", "wire/nan", "chain/alone", "typed/large-with-an-exponent", "schema/fits"), Once: true,
		Implementations: []engine.Implementation{{Start: start}}, Servers: []engine.Server{serve(t, embedded)},
	})
	want := map[string]report.Outcome{
		"wire/the-plainest": report.Passed, "wire/nan": report.Errored, "chain/alone": report.Failed,
		"typed/large-with-an-exponent": report.Unsupported, "schema/fits": report.Passed,
	}
	for _, result := range r.Results {
		if result.Request != "evaluate" || result.Receiver != "evaluator" || result.Outcome != want[result.Case] {
			t.Errorf("%s: %s, want %s: %v", result.Case, result.Outcome, want[result.Case], result.Problems)
		}
		delete(want, result.Case)
	}
	// One identifies itself, and two evaluate: one up to the crash, and one after it.
	if len(want) > 0 || started > 4 {
		t.Errorf("without a result: %v; %d processes", want, started)
	}
}
