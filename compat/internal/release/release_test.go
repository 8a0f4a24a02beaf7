package release

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const repository = "../../.."

// TestWorkspace holds every go.mod and go.work to what a release needs.
func TestWorkspace(t *testing.T) {
	t.Parallel()
	w, err := Load(repository)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Version(); err != nil {
		t.Error(err)
	}
	changelog, err := os.ReadFile(filepath.Join(repository, changelogFile))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(changelog), unreleasedTitle+"\n") {
		t.Errorf("%s has no section %q", changelogFile, unreleasedTitle)
	}
}

// TestTag prepares and tags a release in a small repository, step by step. After each step, it
// checks the error about the next one.
func TestTag(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	write(t, root, map[string]string{
		"go.work":        "go 1.26.0\n\nuse (\n\t.\n\t./examples\n\t./go/tool\n)\n\nreplace example.org/a v0.0.0 => .\n",
		"go.mod":         "module example.org/a\n\ngo 1.26.0\n",
		"go/tool/go.mod": "module example.org/a/go/tool\n\ngo 1.26.0\n\nrequire example.org/a v0.0.0\n\nreplace example.org/a => ../..\n",
		"examples/go.mod": "module example.org/a/examples\n\ngo 1.26.0\n\n" +
			"require (\n\texample.org/a v0.0.0\n\texample.org/a/go/tool v0.0.1\n)\n",
		changelogFile: "# Changelog\n\n## Unreleased\n\n- Everything.\n",
	})
	commit(t, root, "init", "--quiet")
	refused := func(version string, faults ...string) {
		t.Helper()
		err := Tag(t.Context(), root, version)
		if err == nil {
			t.Fatalf("%s is tagged, in spite of: %q", version, faults)
		}
		for _, fault := range faults {
			if !strings.Contains(err.Error(), fault) {
				t.Errorf("%v\ndoes not have: %s", err, fault)
			}
		}
	}
	refused("0.1.0", `"0.1.0" is no version`)
	refused("v2.0.0", "the path of every module has to end with /v2")
	refused("v0.1.0",
		"go/tool/go.mod replaces example.org/a",
		"examples/go.mod requires example.org/a/go/tool@v0.0.1, other modules of the workspace are required at v0.0.0",
		"go.work does not replace example.org/a/go/tool v0.0.0 by ./go/tool",
		`no section "## 0.1.0 - YYYY-MM-DD"`, "changes that are not committed")

	write(t, root, map[string]string{"go/tool/go.mod": "module example.org/a/go/tool\n\ngo 1.26.0\n\nrequire example.org/a v0.0.0\n"})
	if err := Prepare(root, "v0.1.0", time.Date(2026, 11, 26, 1, 0, 0, 0, time.FixedZone("", 7200))); err != nil {
		t.Fatal(err)
	}
	refused("v0.1.0", "changes that are not committed")
	commit(t, root, "add", ".")
	commit(t, root, "commit", "--quiet", "--message", "Release v0.1.0")
	refused("v0.2.0", "the modules require each other at v0.1.0, not at v0.2.0", `no section "## 0.2.0`)
	tags, err := Tags(t.Context(), root, "v0.1.0")
	if want := []string{"v0.1.0", "go/tool/v0.1.0"}; err != nil || !slices.Equal(tags, want) {
		t.Fatalf("tags: %v, %v", tags, err)
	}
	if err := Tag(t.Context(), root, "v0.1.0"); err != nil {
		t.Fatal(err)
	}
	refused("v0.1.0", "tags that exist: go/tool/v0.1.0, v0.1.0")
	changes, err := Changes(root, "v0.1.0")
	if err != nil || changes != "- Everything." {
		t.Errorf("changes: %q, %v", changes, err)
	}
	for file, want := range map[string]string{
		changelogFile:     "## Unreleased\n\n## 0.1.0 - 2026-11-25\n\n- Everything.\n",
		"examples/go.mod": "example.org/a v0.1.0\n\texample.org/a/go/tool v0.1.0\n",
		"go.work":         "replace example.org/a v0.1.0 => .\n\nreplace example.org/a/go/tool v0.1.0 => ./go/tool\n",
	} {
		if text, err := os.ReadFile(filepath.Join(root, file)); err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s, %v:\n%s", file, err, text)
		}
	}
	if err := Prepare(root, "v0.2.0", time.Now()); err == nil || !strings.Contains(err.Error(), "no changes in its section Unreleased") {
		t.Errorf("a release without changes: %v", err)
	}
}

// TestInstall releases the tree, as it is, in another directory, serves the tags as a
// module proxy does, and installs the command from there.
func TestInstall(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes many seconds")
	}
	const version = "v0.99.0"
	root := copyTree(t)
	commit(t, root, "init", "--quiet")
	if err := Prepare(root, version, time.Now()); err != nil {
		t.Fatal(err)
	}
	commit(t, root, "add", ".")
	commit(t, root, "commit", "--quiet", "--message", "Release "+version)
	if err := Tag(t.Context(), root, version); err != nil {
		t.Fatal(err)
	}
	proxy := t.TempDir()
	if err := WriteProxy(t.Context(), root, version, proxy); err != nil {
		t.Fatal(err)
	}

	cache, err := exec.CommandContext(t.Context(), "go", "env", "GOMODCACHE", "GOPROXY").Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Fields(string(cache))
	// The module cache of this machine serves downloads. A separate module cache keeps the
	// test's version out of the user's cache.
	home := t.TempDir()
	env := append(os.Environ(), "GOWORK=off", "GOFLAGS=-modcacherw", "GOBIN="+home,
		"GOMODCACHE="+filepath.Join(home, "mod"), "GONOSUMDB=github.com/remote-events/*",
		"GOPROXY=file://"+proxy+",file://"+filepath.Join(lines[0], "cache", "download")+","+strings.Join(lines[1:], ","))
	goCommand := func(dir string, args ...string) {
		t.Helper()
		command := exec.CommandContext(t.Context(), "go", args...)
		command.Dir, command.Env = dir, env
		if output, err := command.CombinedOutput(); err != nil {
			t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, output)
		}
	}
	goCommand(home, "install", "github.com/remote-events/remote-events/go/cmd/remote-event@"+version)
	output, err := exec.CommandContext(t.Context(), filepath.Join(home, "remote-event"), "version").CombinedOutput()
	if err != nil || !strings.Contains(string(output), "remote-event "+version+"\n") {
		t.Errorf("remote-event version: %v\n%s", err, output)
	}

	// A program that requires every released module.
	w, err := Load(root)
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(home, "program")
	write(t, program, map[string]string{"go.mod": "module example.org/program\n\ngo 1.26.0\n"})
	get := []string{"get"}
	for _, m := range w.Modules {
		if m.Released() {
			get = append(get, m.Path+"@"+version)
		}
	}
	goCommand(program, get...)
}

// copyTree copies the files of the tree that git has or would add.
func copyTree(t *testing.T) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	command.Dir = repository
	output, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	for name := range strings.SplitSeq(strings.TrimSuffix(string(output), "\x00"), "\x00") {
		text, err := os.ReadFile(filepath.Join(repository, name))
		if os.IsNotExist(err) {
			continue // deleted, and not yet committed
		}
		if err != nil {
			t.Fatal(err)
		}
		write(t, root, map[string]string{name: string(text)})
	}
	return root
}

func write(t *testing.T, root string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		name = filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// commit runs git without the user's configuration.
func commit(t *testing.T, root string, args ...string) {
	t.Helper()
	args = append([]string{"-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false"}, args...)
	command := exec.CommandContext(context.WithoutCancel(t.Context()), "git", args...)
	command.Dir = root
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, output)
	}
}
