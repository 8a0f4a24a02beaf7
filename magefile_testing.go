//go:build mage

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// lengthy is how long Test takes on two idle cores.
const lengthy = 20 * time.Minute

// shown is the progress of Test, nil before it.
var shown *progress

// Test runs the tests of all modules that this machine can run, all of them in the
// workspace, with the race detector, and the fast ones of each module by itself,
// as its user would. The Python originals, servers of every generation, containers
// and Node are among them. It shows which step of how many runs and how long it took
// the last time. It finds in the first second what the machine lacks,
// and ends with a list of what was skipped. WITHOUT=docker,node,originals,python,cc
// skips what it names. Where CI is true, skipping is a failure.
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
			return run(ctx, module, slices.Concat(env, []string{"GOWORK=off"}), "go", "vet", "./...")
		}})
	}
	race, mode := []string{"-race"}, "in the workspace, with the race detector"
	if skipping(skips, "cc") {
		race, mode = nil, "in the workspace"
	}
	for _, module := range modules {
		steps = append(steps,
			step{"all tests of " + module + ", " + mode, testing(module, nil, slices.Concat(race, skipFlags(skips)))},
			step{"fast tests of " + module + " by itself", testing(module, []string{"GOWORK=off"}, append(skipFlags(skips), "-short"))})
	}
	fmt.Printf("%d steps, %v on two idle cores.\n%s", len(steps), lengthy, list("Not tested here", skips))
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
		fmt.Printf("\nTests failed, in %v.\n%s", took, list("Not tested here", skips))
		return err
	}
	fmt.Printf("\nAll tests passed, in %v.\n%s", took, list("Skipped, and not tested", skips))
	return nil
}

// step is a part of Test.
type step struct {
	name string
	run  func(ctx context.Context, env []string) error
}

// testing returns the step that tests a module.
func testing(module string, env, flags []string) func(context.Context, []string) error {
	return func(ctx context.Context, common []string) error {
		return run(ctx, module, slices.Concat(common, env), "go", slices.Concat([]string{"test"}, flags, []string{"-timeout", timeout.String(), "./..."})...)
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
