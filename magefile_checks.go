//go:build mage

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// The tools that are no dependency of any module.
const (
	golangciLint = "github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0"
	govulncheck  = "golang.org/x/vuln/cmd/govulncheck@v1.9.0"
)

// Lint checks format, style and the rules of .golangci.yml in every module.
func Lint(ctx context.Context) error {
	config, err := filepath.Abs(".golangci.yml")
	if err != nil {
		return err
	}
	var failures []error
	for _, module := range modules {
		if err := run(ctx, module, nil, "go", "run", golangciLint, "run", "--config", config, "./..."); err != nil {
			failures = append(failures, fmt.Errorf("lint of %s: %w", module, err))
		}
	}
	return errors.Join(failures...)
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

// API records the exported API of the library in go/api, one file for each public
// package, and names every change. Where CI is set it writes nothing, and fails if
// the API is not as recorded.
func API(ctx context.Context) error {
	if os.Getenv("CI") != "" {
		return api(ctx, "--check")
	}
	return api(ctx)
}

func api(ctx context.Context, flags ...string) error {
	return run(ctx, ".", nil, "go", append([]string{"run", "./compat/cmd/api"}, flags...)...)
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

// Tidy brings go.mod and go.sum of every module up to date.
func Tidy(ctx context.Context) error {
	for _, module := range modules {
		if err := run(ctx, module, []string{"GOWORK=off"}, "go", "mod", "tidy"); err != nil {
			return err
		}
	}
	return nil
}
