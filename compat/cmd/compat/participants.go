package main

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"mvdan.cc/sh/v3/shell"

	"github.com/remote-events/remote-events/compat/internal/cache"
	"github.com/remote-events/remote-events/compat/internal/engine"
	"github.com/remote-events/remote-events/compat/internal/environment"
	"github.com/remote-events/remote-events/compat/originals"
)

// participants are the implementations of the run: Go, which is this program,
// the user's, and the originals.
func (f runFlags) participants(ctx context.Context, c *cobra.Command) ([]engine.Implementation, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	all := []engine.Implementation{engine.Command("go", false, self, "adapter")}
	for _, text := range f.implementations {
		implementation, err := implementation(text)
		if err != nil {
			return nil, &codedError{exitUsage, err}
		}
		all = append(all, implementation)
	}
	if f.noOriginals {
		return all, nil
	}
	dir, err := cache.Default()
	if err != nil {
		return nil, err
	}
	envs, err := environments(c.ErrOrStderr())
	if err != nil {
		return nil, err
	}
	selected, err := f.selectOriginals(ctx)
	if err != nil {
		return nil, err
	}
	pythons, err := envs.EnsureAll(ctx, selected)
	if err != nil {
		return nil, err
	}
	for _, python := range pythons {
		command, err := originals.Command(dir, python)
		if err != nil {
			return nil, err
		}
		all = append(all, engine.Command("", true, command...))
	}
	return all, nil
}

// selectOriginals returns those of --matrix, of the versions of --original.
func (f runFlags) selectOriginals(ctx context.Context) ([]environment.Original, error) {
	matrix := f.matrix
	if matrix == "" && f.quick && len(f.originals) == 0 {
		matrix = string(environment.Quick)
	}
	selection, err := environment.ParseSelection(matrix)
	if err != nil {
		return nil, &codedError{exitUsage, fmt.Errorf("--matrix: %w", err)}
	}
	all, err := environment.Select(ctx, selection)
	if err != nil || len(f.originals) == 0 {
		return all, err
	}
	var selected []environment.Original
	for _, version := range f.originals {
		found := slices.DeleteFunc(slices.Clone(all), func(o environment.Original) bool { return o.Bundle != version })
		if len(found) == 0 {
			return nil, &codedError{exitUsage, noOriginal(version)}
		}
		selected = append(selected, found...)
	}
	return selected, nil
}

// noOriginal says which originals there are.
func noOriginal(version string) error {
	var versions []string
	for _, o := range environment.Originals() {
		if !slices.Contains(versions, o.Bundle) {
			versions = append(versions, o.Bundle)
		}
	}
	return fmt.Errorf("no version %s of remote_event_bundle runs with Redis; there are %s", version, strings.Join(versions, ", "))
}

var named = regexp.MustCompile(`^([A-Za-z0-9][A-Za-z0-9._-]*)=(.+)$`)

// implementation is what --impl says.
func implementation(text string) (engine.Implementation, error) {
	name, command := "", text
	if parts := named.FindStringSubmatch(text); parts != nil {
		name, command = parts[1], parts[2]
	}
	words, err := shell.Fields(command, nil)
	if err != nil {
		return engine.Implementation{}, fmt.Errorf("--impl %s: %w", text, err)
	}
	if len(words) == 0 {
		return engine.Implementation{}, fmt.Errorf("--impl %q: no command", text)
	}
	return engine.Command(name, false, words...), nil
}
