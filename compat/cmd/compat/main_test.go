package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/remote-events/remote-events/compat/internal/environment"
	"github.com/remote-events/remote-events/compat/internal/report"
	"github.com/remote-events/remote-events/spec"
)

// TestMain lets the test binary be the adapter of the Go library, as the command
// is when it starts itself.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "adapter" {
		os.Exit(run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	if os.Getenv(asCommand) != "" {
		os.Exit(run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	goleak.VerifyTestMain(m)
}

// asCommand is the environment variable that makes the test binary the command.
const asCommand = "COMPAT_TEST_AS_COMMAND"

func compat(t *testing.T, args ...string) (code int, out, diagnostics string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = run(t.Context(), args, strings.NewReader(""), &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

// TestOriginalQuickRun plays the quick run on a real Redis. On the embedded one it plays
// the cases that depend on the server, with the originals on the oldest and on the newest
// dependencies: the Redis client matters there, not the bundle.
func TestOriginalQuickRun(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes many seconds")
	}
	originals, err := environment.Select(t.Context(), environment.Quick)
	if err != nil {
		t.Fatal(err)
	}
	oldest, newest := originals[0].ID(), originals[len(originals)-1].ID()
	for redis, test := range map[string]struct {
		args         []string
		participants int
	}{
		"local":    {nil, 1 + len(originals)},
		"embedded": {[]string{"--redis", "embedded", "--family", "wire,send,dispatch,redis,fleet", "--original", oldest + "," + newest}, 3},
	} {
		t.Run(redis, func(t *testing.T) {
			t.Parallel()
			code, out, diagnostics := compat(t, append([]string{"run", "--quick", "-o", "json"}, test.args...)...)
			result, err := report.Read(strings.NewReader(out))
			if err != nil {
				t.Fatalf("exit code %d: %s: %v", code, diagnostics, err)
			}
			for _, r := range result.Results {
				if r.Outcome == report.Failed {
					t.Errorf("%s %s → %s: %q %q", r.Case, r.Sender, r.Receiver, r.Observed, r.Problems)
				}
			}
			if code != exitDone || len(result.Implementations) != test.participants || result.Tally().Deviates == 0 {
				t.Errorf("exit code %d with %d implementations: %s", code, len(result.Implementations), diagnostics)
			}
		})
	}
}

// TestListAndShow reads the cases without playing any.
func TestListAndShow(t *testing.T) {
	t.Parallel()
	code, out, diagnostics := compat(t, "list", "poison/byte-*", "payload")
	if code != exitDone || !strings.Contains(out, "poison/byte-order-mark") || !strings.Contains(out, "payload/readme") || strings.Contains(out, "wire/nan") {
		t.Errorf("exit code %d: %s%s", code, diagnostics, out)
	}
	// The cases are data on stdout, and the versions are not.
	if lines := strings.Count(out, "\n"); !strings.Contains(diagnostics, fmt.Sprintf("%d cases (suite ", lines)) {
		t.Errorf("%d lines, and on stderr %s", lines, diagnostics)
	}
	manifest, err := spec.ReadManifest()
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("compat devel, suite %s, specification %s\n", manifest.SuiteVersion, manifest.Specification)
	if code, out, diagnostics := compat(t, "version"); code != exitDone || out != want {
		t.Errorf("compat version: exit code %d, %q, want %q: %s", code, out, want, diagnostics)
	}
	code, out, diagnostics = compat(t, "show", "poison/byte-order-mark")
	for _, says := range []string{"[JSON-1] A message MUST be valid UTF-8", "malformed", "original    dies", "--case 'poison/byte-order-mark'", `message     \ufeff{"data"`, "58 bytes, the first of them ef bb bf 7b"} {
		if code != exitDone || !strings.Contains(out, says) {
			t.Errorf("exit code %d without %q: %s%s", code, says, diagnostics, out)
		}
	}
}

// TestImplementationsThatDoNothing holds that a run is not as it should be where
// an --impl passes nothing, and that one that does not start does not cost the
// others their report.
func TestImplementationsThatDoNothing(t *testing.T) {
	t.Parallel()
	const hello = `read l; echo "{\"op\":\"hello\",\"protocol\":1,\"name\":\"fake\",\"version\":\"1\",\"classes\":[%s]}"; `
	const unsupported = `n=0; while read l; do case "$l" in *stop*) exit;; esac; n=$((n+1)); echo "{\"op\":\"failed\",\"id\":$n,\"error\":\"unsupported\"}"; done`
	for name, test := range map[string]struct{ script, says string }{
		"without a class":     {fmt.Sprintf(hello, ""), "✗ it-fake: it passed nothing: no case tests its classes"},
		"unsupported":         {fmt.Sprintf(hello, `\"sender\",\"receiver\"`) + unsupported, "✗ it-fake: it passed nothing: all 2 results are unsupported"},
		"does not start":      {"echo 'no module' >&2; exit 1", "no module"},
		"ends with a failure": {fmt.Sprintf(hello, `\"sender\"`) + "read l; exit 7", "exit status 7, not exit status 0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "report.json")
			script := filepath.Join(t.TempDir(), "adapter.sh")
			if err := os.WriteFile(script, []byte(test.script), 0o600); err != nil {
				t.Fatal(err)
			}
			code, out, diagnostics := compat(t, "run", "--no-originals", "--redis", "embedded", "--timeout", "10s", "--case", "wire/the-plainest", "--case", "send/the-original-readme",
				"--impl", "it-fake=sh "+script, "--report", path)
			says := strings.Replace(test.says, "it-fake:", "it-fake-1:", 1)
			if code != exitFindings || !strings.Contains(out, says) && !strings.Contains(out, test.says) {
				t.Errorf("exit code %d: %s%s", code, diagnostics, out)
			}
			if _, err := os.Stat(path); err != nil {
				t.Error(err)
			}
			code, out, diagnostics = compat(t, "report", path, "--badge", "-")
			if code != exitDone || strings.Contains(out, "green") {
				t.Errorf("exit code %d: %s%s", code, diagnostics, out)
			}
		})
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() { // no Redis: each connection is closed at once
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_ = conn.Close()
		}
	}()
	closed := listener.Addr().String()
	globs, missing := filepath.Join(t.TempDir(), "globs"), filepath.Join(t.TempDir(), "none")
	if err := os.WriteFile(globs, []byte("# slow\n\n wire \n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"rnu"}, exitUsage, "Did you mean this?\n\trun"},
		{[]string{"run", "--rediss"}, exitUsage, "unknown flag: --rediss"},
		{[]string{"run", "-o", "yaml"}, exitUsage, "the formats are text and json"},
		{[]string{"python"}, exitUsage, "accepts 1 arg"},
		{[]string{"python", "2.0"}, exitUsage, "use one of 0.1"},
		{[]string{"run", "--case", "wier/*"}, exitUsage, "no case matches"},
		{[]string{"run", "--skip", "wier"}, exitUsage, "no case matches"},
		{[]string{"run", "--case", "@" + missing}, exitUsage, missing},
		{[]string{"run", "--case", "wire/nan", "--skip", "@" + globs}, exitUsage, "no case is left"},
		{[]string{"run", "--family", "wier"}, exitUsage, "there are "},
		{[]string{"run", "--original", "2.0"}, exitUsage, "there are 0.1"},
		{[]string{"run", "--impl", "'unclosed"}, exitUsage, "--impl"},
		{[]string{"show", "wire/none"}, exitUsage, `no case "wire/none"`},
		{[]string{"run", "--no-originals", "--redis", "locla"}, exitUsage, "say local, "},
		{[]string{"run", "--no-originals", "--redis", "redis://:secret@" + closed + "/0"}, exitConnection, closed},
	} {
		code, _, diagnostics := compat(t, c.args...)
		if code != c.code || !strings.Contains(diagnostics, c.says) || strings.Contains(diagnostics, "secret") {
			t.Errorf("%q: exit code %d: %s", c.args, code, diagnostics)
		}
	}
}

// TestMissingCommand: a command with subcommands that is called without one prints its
// help as a diagnostic, and is a usage error.
func TestMissingCommand(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{nil, {"completion"}} {
		code, help, _ := compat(t, append(args, "--help")...)
		if code != exitDone || help == "" {
			t.Errorf("%q --help: exit code %d: %s", args, code, help)
		}
		if code, out, diagnostics := compat(t, args...); code != exitUsage || out != "" || diagnostics != help {
			t.Errorf("%q: exit code %d, stdout %q, stderr %q", args, code, out, diagnostics)
		}
	}
}
