package engine_test

import (
	"context"
	"encoding/json"
	"sync"
	"testing"

	"github.com/remote-events/remote-events/compat/internal/adapter"
	"github.com/remote-events/remote-events/compat/internal/engine"
	"github.com/remote-events/remote-events/compat/internal/evaluation"
	"github.com/remote-events/remote-events/compat/internal/protocol"
	"github.com/remote-events/remote-events/compat/internal/suite"
	"github.com/remote-events/remote-events/spec"
)

// longs counts the uses of long messages at the same time.
type longs struct {
	// evaluations and receivers are the uses of ordinary messages that have not ended. The
	// use of a long one lasts until they have, so that others have the time to begin.
	evaluations, receivers sync.WaitGroup

	mu              sync.Mutex
	now, most, uses int
}

// use is the use of a message beside others.
func (l *longs) use(long bool, others *sync.WaitGroup) {
	if !long {
		others.Done()
		return
	}
	l.mu.Lock()
	l.now++
	l.uses++
	l.most = max(l.most, l.now)
	l.mu.Unlock()
	others.Wait()
	l.mu.Lock()
	l.now--
	l.mu.Unlock()
}

// longUser is a process that crashes with every message.
type longUser struct {
	mute

	longs    *longs
	long     bool // it may get long messages
	question evaluation.Question
}

func (u *longUser) Hello(context.Context) (protocol.Identity, error) {
	return protocol.Identity{Name: "it", Classes: []protocol.Class{protocol.Receiver, protocol.ReliableReceiver, protocol.Validator}}, nil
}

func (u *longUser) Receive(context.Context, protocol.Reception) error {
	u.longs.use(u.long, &u.longs.receivers)
	return &adapter.Error{Op: "receive", Kind: adapter.ErrExited}
}

func (u *longUser) Next(context.Context) (protocol.Observation, error) {
	return nil, &adapter.Error{Kind: adapter.ErrExited}
}

func (u *longUser) Evaluate(_ context.Context, _ string, input json.RawMessage) (json.RawMessage, error) {
	long := len(input) > 1<<20
	if !long { // then it takes as long as the input of a long one
		if _, err := u.question.Input(); err != nil {
			return nil, err
		}
	}
	u.longs.use(long, &u.longs.evaluations)
	return nil, &adapter.Error{Op: "evaluate", Kind: adapter.ErrExited}
}

// TestLongMessages checks that a run uses long messages one at a time, in receivers,
// evaluations and scenarios: with each, the harness, the process and Redis need several
// hundred MiB.
func TestLongMessages(t *testing.T) {
	t.Parallel()
	const (
		implementations = 3
		long            = `{"id": "limits/1-mb", "requirements": ["LIMIT-3"], "key": "e", "verdict": "tolerated", "legacy": "delivers",
			"message": ["{\"data\": {\"a\": \"", {"repeat": "x", "times": 1100000}, "\"}, \"signals\": [\"e\", \"remote_event\", \"event\"]}"]}`
	)
	questions, err := evaluation.Questions("limits", json.RawMessage(long))
	if err != nil {
		t.Fatal(err)
	}
	var vector spec.MessageVector
	if err := json.Unmarshal([]byte(long), &vector); err != nil {
		t.Fatal(err)
	}
	cases := selected(t, "redis/20-mb", "wire/the-*")
	ordinary := len(cases) - 1
	cases = append(cases, suite.Case{
		ID: vector.ID, Family: "limits", Kind: suite.Receive, Requirements: vector.Requirements, Questions: questions,
		Delivery: &suite.Delivery{Key: vector.Key, Message: vector.Message, Verdict: vector.Verdict, Legacy: vector.Legacy},
	})
	var used longs
	used.evaluations.Add(implementations * ordinary)
	used.receivers.Add(2 * implementations * ordinary) // plain and reliable ones
	one := engine.Implementation{Start: func(_ context.Context, s engine.Setting) (engine.Process, error) {
		return &longUser{longs: &used, long: s.MaxLine == adapter.LargeLine, question: questions[0]}, nil
	}}
	run(t, engine.Config{
		Cases: cases, Implementations: []engine.Implementation{one, one, one}, Servers: []engine.Server{serve(t, embedded)},
		Parallel: 16, Once: true, Timeout: patient,
	})
	// Each evaluates the message and receives it in both ways, and plays the scenario in both.
	if want := 5 * implementations; used.most != 1 || used.uses != want {
		t.Errorf("%d uses of long messages, at most %d at the same time; want %d, one at a time", used.uses, used.most, want)
	}
}
