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
	"mvdan.cc/sh/v3/syntax"

	"github.com/remote-events/remote-events/compat/internal/cache"
	"github.com/remote-events/remote-events/compat/internal/engine"
	"github.com/remote-events/remote-events/compat/internal/environment"
	"github.com/remote-events/remote-events/compat/originals"
)

// participants are the implementations of the run: Go, which is this program,
// the user's, and the originals.
func (f runFlags) participants(ctx context.Context, c *cobra.Command) ([]engine.Implementation, error) {
	library, err := library()
	if err != nil {
		return nil, err
	}
	all := []engine.Implementation{library}
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
	combinations := make([]environment.Original, len(selected))
	for i := range selected {
		combinations[i] = selected[i].Original
	}
	pythons, err := envs.EnsureAll(ctx, combinations)
	if err != nil {
		return nil, err
	}
	for i, python := range pythons {
		command, err := originals.Command(dir, python)
		if err != nil {
			return nil, err
		}
		one := engine.Command("", true, command...)
		one.ID, one.VariantOf, one.Families = selected[i].ID(), selected[i].variantOf, selected[i].families
		one.Flag = "--original " + one.ID
		all = append(all, one)
	}
	return all, nil
}

// library is the Go library: this program is its adapter.
func library() (engine.Implementation, error) {
	self, err := os.Executable()
	if err != nil {
		return engine.Implementation{}, err
	}
	return engine.Command("go", false, self, "adapter"), nil
}

// selected is an original, and how it takes part.
type selected struct {
	environment.Original

	variantOf string
	families  []string
}

// selectOriginals returns the originals of --original, or of --matrix.
func (f runFlags) selectOriginals(ctx context.Context) ([]selected, error) {
	matrix := f.matrix
	switch {
	case matrix != "":
	case len(f.originals) > 0:
		matrix = string(environment.Bundles)
	case f.quick:
		matrix = string(environment.Quick)
	}
	selection, err := environment.ParseSelection(matrix)
	if err != nil {
		return nil, &codedError{exitUsage, fmt.Errorf("--matrix: %w", err)}
	}
	all, err := environment.Select(ctx, selection)
	if err != nil {
		return nil, err
	}
	var found []selected
	for _, name := range f.originals {
		if strings.Contains(name, "_") {
			original, err := environment.Find(ctx, name)
			if err != nil {
				return nil, &codedError{exitUsage, err}
			}
			found = append(found, selected{Original: original})
			continue
		}
		before := len(found)
		for _, original := range all {
			if original.Bundle == name {
				found = append(found, selected{Original: original})
			}
		}
		if len(found) == before {
			return nil, &codedError{exitUsage, noOriginal(name)}
		}
	}
	if len(f.originals) == 0 {
		for _, original := range all {
			found = append(found, selected{Original: original})
		}
	}
	if selection != environment.Quick {
		asVariants(found, selection == environment.Default)
	}
	return found, nil
}

// poison is the family whose results depend most on the dependencies of an original.
const poison = "poison"

// asVariants makes originals on other bases variants of the same originals on the usual base,
// if these take part. If poisonOnly is set, the variants run the poison cases only.
func asVariants(found []selected, poisonOnly bool) {
	for i := range found {
		usual := slices.IndexFunc(found, func(s selected) bool { return s.Usual() && s.Bundle == found[i].Bundle })
		if usual < 0 || found[i].Usual() {
			continue
		}
		found[i].variantOf = found[usual].ID()
		if poisonOnly {
			found[i].families = []string{poison}
		}
	}
}

// noOriginal returns an error that lists the originals.
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

// commandLine returns the name, if any, and the command line of an --impl.
func commandLine(text string) (name string, words []string, err error) {
	command := text
	if parts := named.FindStringSubmatch(text); parts != nil {
		name, command = parts[1], parts[2]
	}
	words, err = shell.Fields(command, nil)
	switch {
	case err != nil:
		return "", nil, fmt.Errorf("--impl %s: %w", text, err)
	case len(words) == 0:
		return "", nil, fmt.Errorf("--impl %q: no command", text)
	}
	return name, words, nil
}

// implementation parses a value of --impl.
func implementation(text string) (engine.Implementation, error) {
	name, words, err := commandLine(text)
	if err != nil {
		return engine.Implementation{}, err
	}
	one := engine.Command(name, false, words...)
	quoted, err := syntax.Quote(text, syntax.LangPOSIX)
	if err != nil {
		return engine.Implementation{}, fmt.Errorf("--impl %s: %w", text, err)
	}
	one.Flag = "--impl " + quoted
	return one, nil
}
