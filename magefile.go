//go:build mage

// The tasks of this repository. `go tool mage -l` lists them; CI runs the same.
package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/magefile/mage/mg"
)

// Default is what `go tool mage` does.
var Default = Test

// modules are the Go modules of the workspace.
var modules = []string{".", "go/cmd/remote-event", "go/remoteeventtest", "compat", "examples"}

// run runs a command in a module's directory and shows what it does.
func run(ctx context.Context, dir string, env []string, name string, args ...string) error {
	if mg.Verbose() {
		fmt.Printf("%s$ %s %s\n", dir, name, strings.Join(args, " "))
	}
	command := exec.CommandContext(ctx, name, args...)
	command.Dir = dir
	command.Env = append(os.Environ(), env...)
	command.Stdout, command.Stderr = os.Stdout, os.Stderr
	if shown != nil && shown.terminal {
		command.Stdout, command.Stderr = shown, shown
		command.WaitDelay = 10 * time.Second // for children that hold the output open
	}
	return command.Run()
}

// list returns a line for each package of a module.
func list(ctx context.Context, module, format string) ([]string, error) {
	command := exec.CommandContext(ctx, "go", "list", "-f", format, "./...")
	command.Dir, command.Stderr = module, os.Stderr
	output, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("list the packages of %s: %w", module, err)
	}
	return strings.Split(strings.TrimSpace(string(output)), "\n"), nil
}
