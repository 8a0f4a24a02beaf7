//go:build mage

// The tasks of this repository. `go tool mage -l` lists them; CI runs the same.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/magefile/mage/mg"
)

// Default is what `go tool mage` does.
var Default = Test

// modules are the Go modules of the workspace.
var modules = []string{".", "go/cmd/remote-event", "compat", "examples"}

// The tools that are no dependency of any module.
const (
	golangciLint = "github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0"
	govulncheck  = "golang.org/x/vuln/cmd/govulncheck@v1.9.0"
)

// leaveOut names what WITHOUT may leave out of the tests, and the tests that go
// with it.
var leaveOut = map[string]string{
	"docker":    "Container", // a Docker daemon
	"node":      "Node",      // node with npm
	"originals": "Original",  // the Python packages
}

// Test runs all tests of all modules, with the race detector in the workspace
// and without the workspace as a user of a module would. The Python originals,
// servers of every generation, containers and Node are among them.
// WITHOUT=docker,node,originals leaves those out that it names.
func Test(ctx context.Context) error {
	without, skip, err := leftOut()
	if err != nil {
		return err
	}
	needs, err := setup(ctx, without)
	if err != nil {
		return err
	}
	env := []string{"REMOTE_EVENT_REDIS_SERVER=" + needs.RedisServer}
	servers := []string{"run", "./compat/cmd/compat", "servers", "--redis", "local:all", "--redis", "embedded"}
	if !slices.Contains(without, "docker") {
		servers = append(servers, "--redis", "container:local:all")
	}
	fmt.Println("── servers")
	if err := run(ctx, ".", env, "go", servers...); err != nil {
		return fmt.Errorf("start the servers that the tests run on: %w", err)
	}
	if err := run(ctx, ".", nil, "go", "run", "./compat/cmd/compat", "spec", "--check"); err != nil {
		return fmt.Errorf("the specification: %w", err)
	}
	for _, module := range modules {
		if err := run(ctx, module, append(env, "GOWORK=off"), "go", "vet", "./..."); err != nil {
			return err
		}
	}
	for _, mode := range []struct {
		name string
		env  []string
		args []string
	}{
		{"in the workspace, with the race detector", env, []string{"-race"}},
		{"each module by itself (GOWORK=off)", append(env, "GOWORK=off"), nil},
	} {
		fmt.Printf("\n── tests %s\n", mode.name)
		for _, module := range modules {
			args := slices.Concat([]string{"test"}, mode.args, skip, []string{"./..."})
			if err := run(ctx, module, mode.env, "go", args...); err != nil {
				return fmt.Errorf("tests of %s %s: %w", module, mode.name, err)
			}
		}
	}
	fmt.Println("\nAll tests passed.")
	if len(without) > 0 {
		fmt.Printf("Left out by name, and not tested: %s.\n", strings.Join(without, ", "))
	}
	return nil
}

// Setup installs what the tests need and the machine lacks into the user's
// cache: environments for the Python originals, and a Redis server.
func Setup(ctx context.Context) error {
	without, _, err := leftOut()
	if err == nil {
		_, err = setup(ctx, without)
	}
	return err
}

// Lint checks format, style and the rules of .golangci.yml in every module.
func Lint(ctx context.Context) error {
	for _, module := range modules {
		config, err := filepath.Abs(".golangci.yml")
		if err != nil {
			return err
		}
		if err := run(ctx, module, nil, "go", "run", golangciLint, "run", "--config", config, "./..."); err != nil {
			return fmt.Errorf("lint of %s: %w", module, err)
		}
	}
	return nil
}

// Spec checks the specification against its vectors, schemas and code, and
// writes what follows from them: spec/requirements.json and spec/coverage.md.
// Where CI is set it writes nothing, and fails where they are stale.
func Spec(ctx context.Context) error {
	args := []string{"run", "./compat/cmd/compat", "spec"}
	if os.Getenv("CI") != "" {
		args = append(args, "--check")
	}
	return run(ctx, ".", nil, "go", args...)
}

// Vulnerabilities looks for known ones in what every module uses. It needs the
// Go vulnerability database.
func Vulnerabilities(ctx context.Context) error {
	for _, module := range modules {
		if err := run(ctx, module, nil, "go", "run", govulncheck, "./..."); err != nil {
			return fmt.Errorf("vulnerabilities of %s: %w", module, err)
		}
	}
	return nil
}

// Fuzz fuzzes every decoder for FUZZTIME, 30s by default.
func Fuzz(ctx context.Context) error {
	duration := os.Getenv("FUZZTIME")
	if duration == "" {
		duration = "30s"
	}
	targets, err := fuzzTargets()
	if err != nil {
		return err
	}
	for _, t := range targets {
		if err := run(ctx, ".", nil, "go", "test", t.dir, "-run", "^$", "-fuzz", "^"+t.name+"$", "-fuzztime", duration); err != nil {
			return fmt.Errorf("%s in %s: %w", t.name, t.dir, err)
		}
	}
	return nil
}

// Mutants breaks an adapter in every likely way, and fails where the cases of
// the harness do not catch one.
func Mutants(ctx context.Context) error {
	return run(ctx, ".", nil, "go", "run", "./compat/cmd/compat", "mutants")
}

// Faults sees what becomes of events when Redis, its clients or the network fail,
// in a minute or two. FAULTS=long does so for half an hour and writes
// compat/FAULTS.md.
func Faults(ctx context.Context) error {
	args := []string{"run", "./compat/cmd/compat", "faults"}
	switch how := os.Getenv("FAULTS"); how {
	case "":
		return run(ctx, ".", nil, "go", args...)
	case "long":
	default:
		return fmt.Errorf("FAULTS=%s: it is long, or nothing", how)
	}
	command := exec.CommandContext(ctx, "go", append(args, "--long", "-o", "markdown")...)
	command.Stderr = os.Stderr
	output, err := command.Output()
	if len(output) > 0 { // failures are in it too
		err = errors.Join(err, os.WriteFile(filepath.Join("compat", "FAULTS.md"), output, 0o644))
	}
	return err
}

// Bench runs the benchmarks.
func Bench(ctx context.Context) error {
	return run(ctx, ".", nil, "go", "test", "./...", "-run", "^$", "-bench", ".", "-benchmem")
}

// Tidy brings go.mod and go.sum of every module up to date.
func Tidy(ctx context.Context) error {
	for _, module := range modules {
		if err := run(ctx, module, []string{"GOWORK=off"}, "go", "mod", "tidy"); err != nil {
			return err
		}
	}
	return nil
}

// needed is what `compat setup` found or installed.
type needed struct {
	RedisServer string `json:"redis_server"`
}

func setup(ctx context.Context, without []string) (needed, error) {
	args := []string{"run", "./compat/cmd/compat", "setup", "-o", "json"}
	if slices.Contains(without, "originals") {
		args = append(args, "--without-originals")
	}
	if !slices.Contains(without, "docker") {
		args = append(args, "--docker")
	}
	command := exec.CommandContext(ctx, "go", args...)
	command.Stderr = os.Stderr
	output, err := command.Output()
	if err != nil {
		return needed{}, fmt.Errorf("what the tests need is not there, see above (WITHOUT=docker,originals leaves out what needs those): %w", err)
	}
	var found needed
	return found, json.Unmarshal(output, &found)
}

// leftOut reads WITHOUT, and returns its words and the flags for go test.
func leftOut() (names, flags []string, err error) {
	names = strings.FieldsFunc(os.Getenv("WITHOUT"), func(r rune) bool { return r == ',' || r == ' ' })
	var patterns []string
	for _, name := range names {
		pattern, known := leaveOut[name]
		if !known {
			return nil, nil, fmt.Errorf("WITHOUT=%s: only docker, node and originals can be left out", name)
		}
		patterns = append(patterns, pattern)
	}
	if len(patterns) > 0 {
		flags = []string{"-skip", strings.Join(patterns, "|")}
	}
	return names, flags, nil
}

type fuzzTarget struct{ dir, name string }

func fuzzTargets() ([]fuzzTarget, error) {
	files, err := filepath.Glob("go/*/*_test.go")
	if err != nil {
		return nil, err
	}
	inner, err := filepath.Glob("go/internal/*/*_test.go")
	if err != nil {
		return nil, err
	}
	var targets []fuzzTarget
	for _, file := range append(files, inner...) {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(text)) {
			if name, ok := strings.CutPrefix(line, "func Fuzz"); ok {
				name, _, _ = strings.Cut(name, "(")
				targets = append(targets, fuzzTarget{"./" + filepath.ToSlash(filepath.Dir(file)), "Fuzz" + name})
			}
		}
	}
	if len(targets) == 0 {
		return nil, errors.New("no fuzz target was found")
	}
	return targets, nil
}

// run runs a command in a module's directory and shows what it does.
func run(ctx context.Context, dir string, env []string, name string, args ...string) error {
	if mg.Verbose() {
		fmt.Printf("%s$ %s %s\n", dir, name, strings.Join(args, " "))
	}
	command := exec.CommandContext(ctx, name, args...)
	command.Dir = dir
	command.Env = append(os.Environ(), env...)
	command.Stdout, command.Stderr = os.Stdout, os.Stderr
	return command.Run()
}
