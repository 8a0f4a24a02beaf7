package implementations_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/remote-events/remote-events/compat/internal/cache"
	"github.com/remote-events/remote-events/spec"
)

// cargo runs Cargo in a directory. It builds with the feature tls into the subdirectory
// target of a copy of the crate, without what debuggers and later builds need.
func cargo(ctx context.Context, target, dir, command string, args ...string) error {
	settings := []string{
		"CARGO_TARGET_DIR=" + filepath.Join(target, "target"), "CARGO_PROFILE_DEV_DEBUG=0", "CARGO_INCREMENTAL=0",
		"CARGO_BUILD_JOBS=2", "cargo", command,
	}
	return execute(ctx, dir, "env", append(settings, args...)...)
}

// installRust returns a copy of the crate, with all that Cargo builds of it. Its directory
// consumer has the programs of the README, built with the crate from its archive.
func installRust(t *testing.T, s source) string {
	t.Helper()
	dir, err := cache.Default()
	must(t, err)
	version, err := exec.CommandContext(t.Context(), "rustc", "--version", "--verbose").Output()
	must(t, err)
	path, err := dir.Build(t.Context(), "rust-package-"+cache.Key(s.key, string(version)), func(ctx context.Context, dir string) error {
		if err := s.copyTo(dir); err != nil {
			return err
		}
		if err := cargo(ctx, dir, dir, "test", "--no-run", "--locked", "--features", "tls"); err != nil {
			return err
		}
		if err := cargo(ctx, dir, dir, "package", "--no-verify", "--allow-dirty", "--locked"); err != nil {
			return err
		}
		if err := execute(ctx, dir, "tar", "-xzf", filepath.Join("target", "package", "remote-event-0.1.0.crate")); err != nil {
			return err
		}
		receive, send, err := s.programs("rust,no_run")
		if err != nil {
			return err
		}
		lock, err := os.ReadFile(filepath.Join(dir, "Cargo.lock"))
		if err != nil {
			return err
		}
		consumer := filepath.Join(dir, "consumer")
		const manifest = `[package]
name = "consumer"
edition = "2024"

[dependencies]
redis = { version = "1", default-features = false }
remote-event = { path = "../remote-event-0.1.0", features = ["tls"] }
`
		for name, content := range map[string]string{
			"Cargo.toml": manifest, "Cargo.lock": string(lock), "src/bin/receive.rs": receive, "src/bin/send.rs": send,
		} {
			path := filepath.Join(consumer, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				return err
			}
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				return err
			}
		}
		return cargo(ctx, dir, consumer, "build", "--offline")
	})
	must(t, err)
	return path
}

// TestPackageInRust runs the crate's own tests, and the first programs of its README with
// the crate from its archive.
func TestPackageInRust(t *testing.T) {
	t.Parallel()
	s := newSource(t, "rust")
	dir := installRust(t, s)
	must(t, cargo(t.Context(), dir, dir, "test", "--offline", "--locked", "--features", "tls"))
	server, client := start(t)
	command := func(name string) *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), filepath.Join(dir, "target", "debug", name))
		cmd.Env = append(os.Environ(), "REDIS_URL="+server.URL())
		return cmd
	}
	receiver := command("receive")
	stdin, err := receiver.StdinPipe()
	must(t, err)
	converse(t, client, receiver, command("send"), "new_file_event {\"path\": \"/uploads/video1.mp4\"}\n", stdin.Close)
}

// TestScriptsInRust compares the scripts of the crate with those of the specification.
func TestScriptsInRust(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("../../examples/rust/lua/*.lua")
	must(t, err)
	if len(paths) != 3 {
		t.Errorf("the crate has the scripts %v", paths)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		must(t, err)
		if want, err := spec.Files.ReadFile("lua/" + filepath.Base(path)); err != nil || !bytes.Equal(text, want) {
			t.Errorf("%s is not the script of the specification: %v", path, err)
		}
	}
}

func TestSuiteInRust(t *testing.T) {
	t.Parallel()
	conforms(t, filepath.Join(installRust(t, newSource(t, "rust")), "target", "debug", "examples", "adapter"))
}
