package originals_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os/exec"
	"reflect"
	"testing"

	"github.com/remote-events/remote-events/compat/internal/environment"
	"github.com/remote-events/remote-events/spec"
)

// TestOriginalConfiguration measures the cases of spec/vectors/config.json anew:
// what stands there for Python must be what the real packages make of a
// configuration. That Go agrees is tested beside go/config.
func TestOriginalConfiguration(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes many seconds")
	}
	text, err := spec.Files.ReadFile("vectors/config.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Cases []json.RawMessage `json:"cases"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Cases) == 0 {
		t.Fatal("config.json has no cases")
	}
	var input bytes.Buffer
	for _, c := range file.Cases {
		if err := json.Compact(&input, c); err != nil {
			t.Fatal(err)
		}
		input.WriteByte('\n')
	}
	originals := environment.Originals()
	envs, err := environments()
	if err != nil {
		t.Fatal(err)
	}
	python, err := envs.Ensure(t.Context(), originals[len(originals)-1])
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), python, "config_probe.py")
	command.Stdin = &input
	command.Stderr = t.Output()
	command.Env = append(command.Environ(), "LC_ALL=C.UTF-8")
	output, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	measured := bufio.NewScanner(bytes.NewReader(output))
	for _, c := range file.Cases {
		var recorded struct {
			ID     string
			Python any
		}
		if err := json.Unmarshal(c, &recorded); err != nil {
			t.Fatal(err)
		}
		if !measured.Scan() {
			t.Fatalf("%s: the probe says no more", recorded.ID)
		}
		var now any
		if err := json.Unmarshal(measured.Bytes(), &now); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(now, recorded.Python) {
			t.Errorf("%s: recorded %v, measured %v", recorded.ID, recorded.Python, now)
		}
	}
}
