//go:build mage

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

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

// Bench measures the library beside its peers and writes compat/BENCHMARKS.md,
// which takes about a quarter of an hour. BENCH=quick measures only what the goals
// need, in less than a minute, and writes nothing.
func Bench(ctx context.Context) error {
	args := []string{"run", "./compat/cmd/compat", "bench"}
	switch how := os.Getenv("BENCH"); how {
	case "":
		args = append(args, "--write", "compat")
	case "quick":
		args = append(args, "--quick")
	default:
		return fmt.Errorf("BENCH=%s: the values are quick and nothing", how)
	}
	return run(ctx, ".", nil, "go", args...)
}
