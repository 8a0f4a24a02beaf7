package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/remote-events/remote-events/compat/internal/report"
)

// action is the part of action.yml that the runner of GitHub reads.
type action struct {
	Inputs  map[string]struct{ Default string }
	Outputs map[string]struct{ Value string }
	Runs    struct {
		Steps []struct {
			ID, Uses, Run, Shell string
			Env                  map[string]string
		}
	}
}

func readAction(t *testing.T) action {
	t.Helper()
	text, err := os.ReadFile("../../action.yml")
	if err != nil {
		t.Fatal(err)
	}
	var a action
	if err := yaml.Unmarshal(text, &a); err != nil {
		t.Fatal(err)
	}
	return a
}

var (
	expression = regexp.MustCompile(`\$\{\{ (.*?) \}\}`)
	pinned     = regexp.MustCompile(`^[\w-]+/[\w-]+@[0-9a-f]{40}$`)
)

// runAction executes the steps of the action as a runner does, except the build and other
// actions, and returns its outputs, its summary and whether it succeeded.
func runAction(t *testing.T, dir string, inputs map[string]string) (outputs, summary string, err error) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	temp := t.TempDir()
	// This test binary is compat where this variable is set.
	script := "#!/bin/sh\nexport " + asCommand + "=1\nexec '" + self + "' \"$@\"\n"
	if err := os.WriteFile(filepath.Join(temp, "compat"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	path, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	a := readAction(t)
	value := func(text string) string {
		return expression.ReplaceAllStringFunc(text, func(found string) string {
			name := expression.FindStringSubmatch(found)[1]
			input, isInput := strings.CutPrefix(name, "inputs.")
			switch {
			case name == "github.action_path":
				return path
			case !isInput:
				t.Fatalf("the expression %s is not known", found)
			}
			if _, ok := a.Inputs[input]; !ok {
				t.Fatalf("there is no input %s", input)
			}
			if given, ok := inputs[input]; ok {
				return given
			}
			return a.Inputs[input].Default
		})
	}
	ran := false
	for _, step := range a.Runs.Steps {
		if step.Uses != "" && !pinned.MatchString(step.Uses) {
			t.Errorf("%s is not pinned", step.Uses)
		}
		if step.ID != "run" {
			continue
		}
		ran = true
		command := exec.CommandContext(t.Context(), "bash", "-eo", "pipefail", "-c", step.Run)
		command.Dir = dir
		command.Env = append(os.Environ(), "RUNNER_TEMP="+temp, "GITHUB_STEP_SUMMARY="+filepath.Join(temp, "summary"), "GITHUB_OUTPUT="+filepath.Join(temp, "outputs"))
		for name, text := range step.Env {
			command.Env = append(command.Env, name+"="+value(text))
		}
		var out []byte
		out, err = command.CombinedOutput()
		t.Logf("%s", out)
	}
	if !ran {
		t.Fatal("no step has the id run")
	}
	read := func(name string) string {
		text, readErr := os.ReadFile(filepath.Join(temp, name))
		if readErr != nil && !os.IsNotExist(readErr) {
			t.Fatal(readErr)
		}
		return string(text)
	}
	return read("outputs"), read("summary"), err
}

// The action writes every report and the summary, and fails if a result is unexpected.
func TestAction(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	good := "mine=env " + asCommand + "=1 '" + self + "' adapter"
	inputs := map[string]string{"implementation": "\n" + good + "\n", "originals": "false", "redis": "embedded", "case": "wire/the-plainest\n\nwire/nan\n", "skip": "wire/nan"}
	dir := t.TempDir()
	outputs, summary, err := runAction(t, dir, inputs)
	if err != nil || !strings.Contains(summary, "Nothing unexpected") || !strings.Contains(outputs, "report=compatibility/report.json\nbadge=compatibility/badge.json\n") {
		t.Fatalf("%v: outputs %q, summary:\n%s", err, outputs, summary)
	}
	for _, name := range []string{"report.json", "report.html", "report.md", "junit.xml", "badge.json"} {
		if info, err := os.Stat(filepath.Join(dir, "compatibility", name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "compatibility", "report.json"))
	if err != nil {
		t.Fatal(err)
	}
	var r report.Report
	if err := json.Unmarshal(text, &r); err != nil || len(r.Cases) != 1 || len(r.Implementations) != 2 {
		t.Errorf("%v: %d cases, %d implementations", err, len(r.Cases), len(r.Implementations))
	}

	inputs["implementation"] = "mine=false"
	outputs, summary, err = runAction(t, t.TempDir(), inputs)
	if err == nil || !strings.Contains(summary, "1 unexpected") || !strings.Contains(outputs, "report=") {
		t.Errorf("a broken adapter: %v, outputs %q, summary:\n%s", err, outputs, summary)
	}
	inputs["originals"] = "no"
	if outputs, _, err := runAction(t, t.TempDir(), inputs); err == nil || outputs != "" {
		t.Errorf("a wrong input: %v, outputs %q", err, outputs)
	}
}
