//go:build mage

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// lengthy is how long Test takes on two idle cores. It is what Test announces until it has
// passed once on this machine.
const lengthy = 15 * time.Minute

// shown is the progress of Test, nil before it.
var shown *progress

// Test runs the tests of all modules that this machine can run: in the workspace with the
// race detector, and the fast ones of each module by itself, as its user would. Tests that
// play cases with Python and Node run once, without the race detector. The Python
// originals, servers of every generation, containers and Node are among them. It shows
// which step of how many runs, how long the step took the last time, and how long all steps
// should take. It finds at once what the machine lacks, and ends with a list of what was
// skipped. WITHOUT=docker,node,originals,python,cc skips what it names. Where CI is true,
// skipping is a failure.
func Test(ctx context.Context) error {
	shown = newProgress()
	skips, err := findSkips(ctx)
	if err != nil {
		return err
	}
	var env []string
	steps := []step{{"install what tests need, start every server once, check the specification", func(ctx context.Context, _ []string) (err error) {
		env, err = prepare(ctx, skips)
		return err
	}}}
	steps = append(steps, step{"compare the exported API with its record", func(ctx context.Context, _ []string) error { return api(ctx, "--check") }})
	steps = append(steps, step{"vet the library for Windows and 32 bits; tests without Redis on 32 bits", libraryElsewhere})
	for _, module := range modules {
		steps = append(steps, step{"build and vet " + module + " by itself", func(ctx context.Context, env []string) error {
			return run(ctx, module, slices.Concat(env, alone), "go", "vet", "./...")
		}})
	}
	race, mode := []string{"-race"}, "in the workspace, with the race detector"
	if skipping(skips, "cc") {
		race, mode = nil, "in the workspace"
	}
	for _, module := range modules {
		steps = append(steps,
			step{"tests of " + module + ", " + mode, raced(module, race, skips)},
			step{"fast tests of " + module + " by itself", testing(module, alone, append(skipFlags(skips), "-short"), "./...")})
		if played, ok := unraced[module]; ok {
			flags := append(skipFlags(skips), "-run", played.run)
			steps = append(steps, step{"tests of " + module + " with Python and Node", testing(module, alone, flags, played.packages...)})
		}
	}
	names := make([]string, len(steps))
	for i, s := range steps {
		names[i] = s.name
	}
	shown.expect(names, lengthy)
	fmt.Printf("%d steps, about %v.\n%s", len(steps), shown.total, table("Not tested here", skips))
	var failures []error
	for i, s := range steps {
		end := shown.step(i+1, len(steps), s.name)
		err := s.run(ctx, env)
		end(err)
		if err != nil {
			failures = append(failures, fmt.Errorf("%s: %w", s.name, err))
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil && i == 0 { // without it the others say nothing
			break
		}
	}
	took := time.Since(shown.begin).Round(time.Second)
	if err := errors.Join(failures...); err != nil {
		fmt.Printf("\nTests failed, in %v.\n%s", took, table("Not tested here", skips))
		return err
	}
	fmt.Printf("\nAll tests passed, in %v.\n%s", took, table("Skipped, and not tested", skips))
	return nil
}

// step is a part of Test.
type step struct {
	name string
	run  func(ctx context.Context, env []string) error
}

// alone is the environment of a module outside the workspace.
var alone = []string{"GOWORK=off"}

// played are tests that the race detector slows down and that it cannot check: they play
// cases with processes in Python and Node for minutes. The Go code around these processes
// runs with the race detector in the tests of the other packages, with the same cases.
type played struct {
	packages []string // that have such tests
	run      string   // the names of the tests that run without the race detector
	dirs     []string // of packages without other tests
	tests    string   // the names of such tests in other packages
}

// unraced has the played tests by module.
var unraced = map[string]played{"compat": {
	packages: []string{"./cmd/compat", "./originals", "./templates"}, run: "Original|Node",
	dirs: []string{"/originals", "/templates"}, tests: "TestOriginalQuickRun$|TestOriginalLive$",
}}

// testing returns the step that tests packages of a module.
func testing(module string, env, flags []string, packages ...string) func(context.Context, []string) error {
	return func(ctx context.Context, common []string) error {
		return run(ctx, module, slices.Concat(common, env), "go", slices.Concat([]string{"test"}, flags, []string{"-timeout", timeout.String()}, packages)...)
	}
}

// raced returns the step that tests a module with the race detector, apart from the played
// tests.
func raced(module string, race []string, skips []skipped) func(context.Context, []string) error {
	// By default, a process with the race detector waits for a second before it ends.
	env := []string{"GORACE=atexit_sleep_ms=20 " + os.Getenv("GORACE")}
	played, ok := unraced[module]
	if !ok {
		return testing(module, env, slices.Concat(race, skipFlags(skips)), "./...")
	}
	return func(ctx context.Context, common []string) error {
		packages, err := list(ctx, module, "{{.ImportPath}}")
		if err != nil {
			return err
		}
		packages = slices.DeleteFunc(packages, func(name string) bool {
			return slices.ContainsFunc(played.dirs, func(dir string) bool { return strings.HasSuffix(name, dir) })
		})
		return testing(module, env, slices.Concat(race, skipFlags(skips, played.tests)), packages...)(ctx, common)
	}
}

// timeout is that of each package's tests. prepare lengthens it where the machine
// is slow.
var timeout = 15 * time.Minute

// prepare installs what the tests need, starts once what they start, and returns
// their environment.
func prepare(ctx context.Context, skips []skipped) ([]string, error) {
	found, err := setup(ctx, skips)
	if err != nil {
		return nil, err
	}
	timeout = time.Duration(float64(timeout) * min(4, max(1, found.Slowness))).Round(time.Minute)
	env := []string{"REMOTE_EVENT_REDIS_SERVER=" + found.RedisServer}
	servers := []string{"run", "./compat/cmd/compat", "servers", "--redis", "local:all", "--redis", "embedded"}
	if !skipping(skips, "docker") {
		servers = append(servers, "--redis", "container:local:all")
	}
	if err := run(ctx, ".", env, "go", servers...); err != nil {
		return nil, fmt.Errorf("start the servers that the tests run on: %w", err)
	}
	if err := run(ctx, ".", nil, "go", "run", "./compat/cmd/compat", "spec", "--check"); err != nil {
		return nil, fmt.Errorf("the specification: %w", err)
	}
	return env, nil
}
