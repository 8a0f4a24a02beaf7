//go:build mage

package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
)

// platforms are the systems that every module is built and vetted for.
var platforms = []string{"windows/amd64", "darwin/arm64", "freebsd/amd64", "linux/arm64", "linux/386"}

// Platforms builds and vets every module, its tests included, for Windows, macOS,
// FreeBSD, arm64 and 32 bits, and runs the fast tests of the library on 32 bits.
func Platforms(ctx context.Context) error {
	var failures []error
	for _, platform := range platforms {
		for _, module := range modules {
			for _, command := range []string{"build", "vet"} {
				if err := run(ctx, module, target(platform), "go", command, "./..."); err != nil {
					failures = append(failures, fmt.Errorf("go %s of %s for %s: %w", command, module, platform, err))
				}
			}
		}
	}
	found, err := setup(ctx, []skipped{{need: need{name: "originals"}}, {need: need{name: "docker"}}})
	if err != nil {
		return errors.Join(append(failures, err)...)
	}
	env := append(target("linux/386"), "REMOTE_EVENT_REDIS_SERVER="+found.RedisServer)
	if err := run(ctx, ".", env, "go", "test", "-short", "./..."); err != nil {
		failures = append(failures, fmt.Errorf("fast tests of the library on 32 bits: %w", err))
	}
	return errors.Join(failures...)
}

// libraryElsewhere is the part of Platforms that Test includes. Platforms takes
// some minutes more.
func libraryElsewhere(ctx context.Context, _ []string) error {
	var failures []error
	for _, platform := range []string{"windows/amd64", "linux/386"} {
		if err := run(ctx, ".", target(platform), "go", "vet", "./..."); err != nil {
			failures = append(failures, fmt.Errorf("go vet for %s: %w", platform, err))
		}
	}
	packages, err := withoutServer(ctx, ".")
	if err == nil {
		err = run(ctx, ".", target("linux/386"), "go", append([]string{"test", "-short"}, packages...)...)
	}
	return errors.Join(append(failures, err)...)
}

// target returns the environment in which Go builds for a platform, without cgo.
func target(platform string) []string {
	system, architecture, _ := strings.Cut(platform, "/")
	return []string{"GOOS=" + system, "GOARCH=" + architecture, "CGO_ENABLED=0"}
}

// Portable runs the fast tests of the library, of the command and of the test
// helpers that need nothing but Go. Where redis-server is installed it runs all their fast tests;
// elsewhere it skips the packages whose tests start one, and lists them.
func Portable(ctx context.Context) error {
	_, noServer := exec.LookPath("redis-server")
	var failures []error
	for _, module := range []string{".", "go/cmd/remote-event", "go/remoteeventtest"} {
		if err := run(ctx, module, nil, "go", "vet", "./..."); err != nil {
			failures = append(failures, fmt.Errorf("build and vet %s: %w", module, err))
		}
		packages := []string{"./..."}
		if noServer != nil {
			var err error
			if packages, err = withoutServer(ctx, module); err != nil {
				return err
			}
		}
		if len(packages) == 0 {
			continue
		}
		if err := run(ctx, module, nil, "go", append([]string{"test", "-short"}, packages...)...); err != nil {
			failures = append(failures, fmt.Errorf("fast tests of %s: %w", module, err))
		}
	}
	return errors.Join(failures...)
}

// withoutServer returns the packages of a module whose tests start no Redis, and
// prints the others.
func withoutServer(ctx context.Context, module string) (packages []string, err error) {
	lines, err := list(ctx, module, "{{.ImportPath}} {{.TestImports}} {{.XTestImports}}")
	if err != nil {
		return nil, err
	}
	for _, line := range lines {
		name, imports, _ := strings.Cut(line, " ")
		if strings.Contains(imports, "/redistest") || strings.HasSuffix(name, "/redistest") {
			fmt.Printf("Not tested in this step, since its tests start a redis-server: %s\n", name)
			continue
		}
		packages = append(packages, name)
	}
	return packages, nil
}
