package originals_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os/exec"
	"regexp"
	"slices"
	"testing"

	"github.com/remote-events/remote-events/compat/internal/environment"
	"github.com/remote-events/remote-events/compat/internal/protocol"
	"github.com/remote-events/remote-events/compat/internal/redisserver"
	"github.com/remote-events/remote-events/spec"
)

// TestOriginalSendVectors asks originals to send the events of the vectors, and
// holds what they push against what stands there.
func TestOriginalSendVectors(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes many seconds")
	}
	vectors, err := spec.SendVectors()
	must(t, err)
	oldestAndNewest(t, func(t *testing.T, original environment.Original) {
		t.Helper()
		s := newStage(t, original, redisserver.Options{})
		a := s.start(t)
		asked := 0
		for _, v := range vectors {
			if v.Python == nil {
				continue
			}
			asked++
			must(t, s.redis.FlushDB(t.Context()).Err())
			err := a.Send(t.Context(), protocol.Message{EventName: v.Event.EventName.String(), Parents: v.Event.Ancestors, PayloadText: v.Event.Payload.String()})
			keys, redisErr := s.redis.Keys(t.Context(), "*").Result()
			must(t, redisErr)
			if v.Python.Message == nil {
				if class := exception(err); err == nil || class != v.Python.Error || (class == "") != v.Python.Drops || len(keys) != 0 {
					t.Errorf("%s: %v, and the lists %q", v.ID, err, keys)
				}
				continue
			}
			key := v.Event.EventName.String()
			if v.Python.Key != nil {
				key = *v.Python.Key
			}
			raw, redisErr := s.redis.LRange(t.Context(), key, 0, -1).Result()
			if err != nil || redisErr != nil || len(keys) != 1 || len(raw) != 1 || !v.Python.Message.Equal([]byte(raw[0])) {
				t.Errorf("%s: %v, the lists %q have %.300q, %v", v.ID, err, keys, raw, redisErr)
			}
		}
		if asked == 0 {
			t.Error("no case says what an original does")
		}
	})
}

// exception is the class that a failure names, or nothing where the original
// raised none.
func exception(err error) string {
	failed, ok := errors.AsType[*protocol.FailedError](err)
	if !ok {
		return ""
	}
	if m := regexp.MustCompile(`^([A-Za-z]+)(: |$)`).FindStringSubmatch(failed.Reason); m != nil {
		return m[1]
	}
	return ""
}

// TestOriginalDispatchVectors gives originals the listeners of the vectors.
func TestOriginalDispatchVectors(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes many seconds")
	}
	vectors, err := spec.DispatchVectors()
	must(t, err)
	oldestAndNewest(t, func(t *testing.T, original environment.Original) {
		t.Helper()
		p := &play{stage: newStage(t, original, redisserver.Options{})}
		for _, v := range vectors {
			var signals, failing []string
			for _, l := range v.Listeners {
				signals = append(signals, l.Signal)
				if l.Fails {
					failing = append(failing, l.Signal)
				}
			}
			calls, died := p.react(t, listeners{signals, failing}, v.Message.Bytes(), slices.Contains(v.Requirements, "DISP-3"))
			if v.Python == nil || !slices.Equal(calls, v.Python.Calls) || died != v.Python.Dies {
				t.Errorf("%s: it calls %q and dies: %v; %+v stands there", v.ID, calls, died, v.Python)
			}
		}
	})
}

// TestOriginalChainVectors declares the events of the vectors to originals.
func TestOriginalChainVectors(t *testing.T) {
	t.Parallel()
	text, err := spec.Files.ReadFile("vectors/chain.json")
	must(t, err)
	var file struct {
		Cases []json.RawMessage `json:"cases"`
	}
	must(t, json.Unmarshal(text, &file))
	vectors, err := spec.ChainVectors()
	must(t, err)
	var input bytes.Buffer
	for _, c := range file.Cases {
		must(t, json.Compact(&input, c))
		input.WriteByte('\n')
	}
	oldestAndNewest(t, func(t *testing.T, original environment.Original) {
		t.Helper()
		envs, err := environments()
		must(t, err)
		python, err := envs.Ensure(t.Context(), original)
		must(t, err)
		command := exec.CommandContext(t.Context(), python, "chain_probe.py")
		command.Stdin = bytes.NewReader(input.Bytes())
		command.Stderr = t.Output()
		output, err := command.Output()
		must(t, err)
		decoder := json.NewDecoder(bytes.NewReader(output))
		for _, v := range vectors {
			var measured spec.PythonChain
			must(t, decoder.Decode(&measured))
			if v.Python == nil || !slices.Equal(measured.Signals, v.Python.Signals) || measured.Error != v.Python.Error {
				t.Errorf("%s: measured %+v, and %+v stands there", v.ID, measured, v.Python)
			}
		}
	})
}
