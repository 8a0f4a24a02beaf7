package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/remote-events/remote-events/compat/internal/environment"
	"github.com/remote-events/remote-events/compat/internal/pairing"
)

// TestMain lets the test binary be the adapter of the Go library, as the command
// is when it starts itself.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "adapter" {
		os.Exit(run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	goleak.VerifyTestMain(m)
}

func compat(t *testing.T, args ...string) (code int, out, diagnostics string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = run(t.Context(), args, strings.NewReader(""), &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

// TestOriginalPairings plays everything, as `compat run` does.
func TestOriginalPairings(t *testing.T) {
	t.Parallel()
	for _, redis := range []string{"local", "embedded"} {
		t.Run(redis, func(t *testing.T) {
			t.Parallel()
			code, out, diagnostics := compat(t, "run", "--redis", redis, "-o", "json")
			if code != 0 {
				t.Fatalf("exit code %d: %s\n%s", code, diagnostics, out)
			}
			var report pairing.Report
			if err := json.Unmarshal([]byte(out), &report); err != nil {
				t.Fatal(err)
			}
			cases, err := pairing.Cases("")
			if err != nil {
				t.Fatal(err)
			}
			all := len(environment.Originals()) + 1
			if len(report.Participants) != all || len(report.Results) != all*all*len(cases) {
				t.Errorf("%d participants and %d results", len(report.Participants), len(report.Results))
			}
			// Only the originals' lack of metadata is no fault.
			if n := report.Count(pairing.Unsupported); n != (all-1)*all {
				t.Errorf("%d results are unsupported", n)
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
	closed := listener.Addr().String()
	_ = listener.Close()
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"rnu"}, exitUsage, "Did you mean this?\n\trun"},
		{[]string{"run", "--rediss"}, exitUsage, "unknown flag: --rediss"},
		{[]string{"run", "-o", "yaml"}, exitUsage, "the formats are text and json"},
		{[]string{"python"}, exitUsage, "accepts 1 arg"},
		{[]string{"python", "2.0"}, exitUsage, "there are 0.1"},
		{[]string{"run", "--redis", "locla"}, exitUsage, "say local, embedded or a URL"},
		{[]string{"run", "--redis", "redis://:secret@" + closed + "/0"}, exitConnection, closed},
	} {
		code, _, diagnostics := compat(t, c.args...)
		if code != c.code || !strings.Contains(diagnostics, c.says) || strings.Contains(diagnostics, "secret") {
			t.Errorf("%q: exit code %d: %s", c.args, code, diagnostics)
		}
	}
}
