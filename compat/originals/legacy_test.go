package originals_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/remote-events/remote-events/compat/internal/adapter"
	"github.com/remote-events/remote-events/compat/internal/calibration"
	"github.com/remote-events/remote-events/compat/internal/environment"
	"github.com/remote-events/remote-events/compat/internal/protocol"
	"github.com/remote-events/remote-events/compat/internal/redisserver"
	"github.com/remote-events/remote-events/compat/internal/suite"
	"github.com/remote-events/remote-events/spec"
)

// TestOriginalLegacyVerdicts pushes the long messages of the vectors to the oldest and
// the newest original that needs no help to run, each followed by a canary, and compares
// what they do with the vectors. TestOriginalQuickRun does so with the other messages.
func TestOriginalLegacyVerdicts(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes many seconds")
	}
	vectors, err := spec.MessageVectors()
	must(t, err)
	cases, err := suite.Load()
	must(t, err)
	slow := map[string]bool{}
	for _, c := range cases {
		slow[c.ID] = c.Slow
	}
	vectors = slices.DeleteFunc(vectors, func(v spec.MessageVector) bool { return !slow[v.ID] })
	if len(vectors) == 0 {
		t.Fatal("no vector has a long message")
	}
	oldestAndNewest(t, func(t *testing.T, original environment.Original) {
		t.Helper()
		p := &play{stage: newStage(t, original, redisserver.Options{})}
		for _, v := range vectors {
			calls, died := p.react(t, listeners{signals: []string{v.Key}}, v.Message.Bytes(), v.Has(spec.FlagDisturbs))
			got := outcome(v.Key, calls, died)
			if got != v.Legacy && (!v.Has(spec.FlagPlatform) || got != "delivers") {
				t.Errorf("%s: it %s, and %s stands there", v.ID, got, v.Legacy)
			}
		}
	})
}

func oldestAndNewest(t *testing.T, test func(t *testing.T, original environment.Original)) {
	t.Helper()
	for _, original := range environment.Originals() {
		if original.Bundle == "0.2" || original.Bundle == "1.6" {
			t.Run(original.Bundle, func(t *testing.T) {
				t.Parallel()
				test(t, original)
			})
		}
	}
}

// outcome is the legacy verdict in which an original that listens to the signal
// ended up.
func outcome(signal string, calls []string, died bool) string {
	switch {
	case died:
		return "dies"
	case slices.Contains(calls, signal):
		return "delivers"
	}
	return "drops"
}

// play pushes messages to a receiver, one after the other. What ends a receiver
// ends the thread of one queue, and what an original does depends on the signals
// and not on the queue: so it gets as many queues as it serves on the smallest
// machine, and is started anew when none is left.
type play struct {
	stage     *stage
	adapter   *adapter.Adapter
	listeners listeners // that it has
	dead      int       // queues
}

const queues = 5

// listeners are the signals of a receiver's listeners, and of those that fail.
type listeners struct{ signals, failing []string }

func (p *play) react(t *testing.T, l listeners, message []byte, disturbs bool) (calls []string, died bool) {
	t.Helper()
	if p.adapter != nil && !reflect.DeepEqual(p.listeners, l) {
		p.end(t)
	}
	if p.adapter == nil {
		failing, err := json.Marshal(append([]string{}, l.failing...))
		must(t, err)
		p.adapter, p.listeners, p.dead = p.stage.start(t, "REMOTE_EVENT_FAILING_LISTENERS="+string(failing)), l, 0
		var names []string
		for i := range queues {
			names = append(names, fmt.Sprint("queue", i))
		}
		must(t, p.adapter.Receive(t.Context(), protocol.Reception{Queues: names, Signals: append([]string{canary}, l.signals...)}))
	}
	calls, died = p.stage.react(t, p.adapter, fmt.Sprint("queue", p.dead), message)
	if died {
		p.dead++
	}
	if disturbs || p.dead == queues {
		p.end(t)
	}
	return calls, died
}

func (p *play) end(t *testing.T) {
	t.Helper()
	must(t, p.adapter.Close())
	must(t, p.stage.redis.FlushDB(t.Context()).Err())
	p.adapter = nil
}

// canary is the signal of the message that follows each case: lists are FIFO.
const canary = "canary"

// react pushes a message and its canary, and returns the signals of the
// listeners that were called and whether the thread ended. That may be reported
// after the listeners were called.
func (s *stage) react(t *testing.T, a *adapter.Adapter, queue string, message []byte) (calls []string, died bool) {
	t.Helper()
	must(t, s.redis.LPush(t.Context(), queue, message, `{"data": {}, "signals": ["`+canary+`"]}`).Err())
	ctx, cancel := calibration.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		o, err := a.Next(ctx)
		must(t, err)
		switch o := o.(type) {
		case protocol.Died:
			return calls, true
		case protocol.Event:
			if o.Signal == canary {
				return calls, false
			}
			calls = append(calls, o.Signal)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
