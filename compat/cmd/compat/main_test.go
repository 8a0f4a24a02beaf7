package main

import (
	"bytes"
	"context"
	"net"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/remote-events/remote-events/compat/internal/report"
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

// TestOriginalQuickRun plays the quick run on a real Redis, and a part of it on
// the embedded one, and holds what it writes.
func TestOriginalQuickRun(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes many seconds")
	}
	for redis, args := range map[string][]string{
		"local":    {"run", "--quick", "-o", "json", "--timeout", "1m"},
		"embedded": {"run", "--quick", "-o", "json", "--timeout", "1m", "--redis", "embedded", "--family", "wire,send,dispatch,redis,fleet"},
	} {
		t.Run(redis, func(t *testing.T) {
			t.Parallel()
			code, out, diagnostics := compat(t, args...)
			result, err := report.Read(strings.NewReader(out))
			if err != nil {
				t.Fatalf("exit code %d: %s: %v", code, diagnostics, err)
			}
			for _, r := range result.Results {
				if r.Outcome == report.Failed {
					t.Errorf("%s %s → %s: %q %q", r.Case, r.Sender, r.Receiver, r.Observed, r.Problems)
				}
			}
			if code != exitDone || len(result.Implementations) != 5 || result.Tally().Deviates == 0 {
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
	code, out, diagnostics = compat(t, "show", "poison/byte-order-mark")
	for _, says := range []string{"[JSON-1] A message MUST be valid UTF-8", "malformed", "original    dies", "--case 'poison/byte-order-mark'"} {
		if code != exitDone || !strings.Contains(out, says) {
			t.Errorf("exit code %d without %q: %s%s", code, says, diagnostics, out)
		}
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
		{[]string{"run", "--case", "wier/*"}, exitUsage, "no case matches"},
		{[]string{"run", "--family", "wier"}, exitUsage, "there are "},
		{[]string{"run", "--original", "2.0"}, exitUsage, "there are 0.1"},
		{[]string{"run", "--impl", "'unclosed"}, exitUsage, "--impl"},
		{[]string{"show", "wire/none"}, exitUsage, "no case is called"},
		{[]string{"run", "--no-originals", "--redis", "locla"}, exitUsage, "say local, "},
		{[]string{"run", "--no-originals", "--redis", "redis://:secret@" + closed + "/0"}, exitConnection, closed},
	} {
		code, _, diagnostics := compat(t, c.args...)
		if code != c.code || !strings.Contains(diagnostics, c.says) || strings.Contains(diagnostics, "secret") {
			t.Errorf("%q: exit code %d: %s", c.args, code, diagnostics)
		}
	}
}
