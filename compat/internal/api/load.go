// Package api records the exported API of the library as text, and finds every
// difference between that record and the code.
//
// The record has one file of Go source for each public package of the library,
// in [Dir]. A person reviews its changes.
package api

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"go/types"

	"golang.org/x/tools/go/packages"
)

// Dir is the directory of the record, from the root of the tree.
const Dir = "go/api"

// Record holds the rendered API of packages by their import paths.
type Record map[string][]byte

// Code is the library as it is written.
type Code struct {
	Record

	// imported has all packages that packages of the library import.
	imported map[string]*types.Package
}

// Load finds the public packages of the library in the workspace at root and
// renders them. Those are the packages of the root module and of every module
// below go/, except commands and internal packages.
func Load(ctx context.Context, root string) (Code, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return Code{}, err
	}
	// Flags may name a go.mod, which a workspace excludes.
	env := append(os.Environ(), "GOWORK="+filepath.Join(root, "go.work"), "GOFLAGS=", "CGO_ENABLED=0")
	patterns, err := modules(ctx, root, env)
	if err != nil {
		return Code{}, err
	}
	const mode = packages.NeedName | packages.NeedImports | packages.NeedDeps | packages.NeedTypes
	loaded, err := packages.Load(&packages.Config{Context: ctx, Mode: mode, Dir: root, Env: env}, patterns...)
	if err != nil {
		return Code{}, fmt.Errorf("load the packages of the library: %w", err)
	}
	code := Code{Record{}, map[string]*types.Package{}}
	var failures []error
	packages.Visit(loaded, nil, func(p *packages.Package) {
		for _, err := range p.Errors {
			failures = append(failures, err)
		}
		code.imported[p.PkgPath] = p.Types
	})
	if err := errors.Join(failures...); err != nil {
		return Code{}, fmt.Errorf("load the packages of the library: %w", err)
	}
	for _, p := range loaded {
		if p.Name == "main" || internal(p.PkgPath) {
			continue
		}
		if code.Record[p.PkgPath], err = Render(p.Types); err != nil {
			return Code{}, fmt.Errorf("render the API of %s: %w", p.PkgPath, err)
		}
	}
	return code, nil
}

// modules returns a pattern for the packages of each module of the library.
func modules(ctx context.Context, root string, env []string) (patterns []string, err error) {
	command := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}")
	command.Dir, command.Env, command.Stderr = root, env, os.Stderr
	output, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("list the modules of the workspace: %w", err)
	}
	for dir := range strings.Lines(string(output)) {
		relative, err := filepath.Rel(root, strings.TrimSpace(dir))
		if err != nil {
			return nil, err
		}
		if relative = filepath.ToSlash(relative); relative == "." || strings.HasPrefix(relative, "go/") {
			patterns = append(patterns, "./"+relative+"/...")
		}
	}
	return patterns, nil
}

func internal(path string) bool { return strings.Contains("/"+path+"/", "/internal/") }
