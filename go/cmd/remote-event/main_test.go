package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, goleak.Cleanup(removeBinary)) }

// invocation is one run of the command within the test's process.
type invocation struct {
	args   []string
	stdin  io.Reader
	env    []string
	stdout io.Writer // where it is not to be collected
}

// noContexts is a file that does not exist, in place of that of the user.
var noContexts = filepath.Join(os.TempDir(), "remote-event-test", "no-contexts.json")

type result struct {
	code           int
	stdout, stderr string
}

// buffer may be written to by several goroutines.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func (i invocation) run(ctx context.Context) result {
	var stdout, stderr buffer
	if i.stdin == nil {
		i.stdin = strings.NewReader("")
	}
	if i.stdout == nil {
		i.stdout = &stdout
	}
	env := append(slices.Clone(i.env), contextFileEnv+"="+noContexts) // the first one counts
	code := run(ctx, i.args, i.stdin, i.stdout, &stderr, env)
	return result{code, stdout.String(), stderr.String()}
}

// invoke runs the command with arguments and nothing else.
func invoke(t *testing.T, args ...string) result {
	t.Helper()
	return invocation{args: args}.run(t.Context())
}

// expect checks the exit code, and that standard error has the texts.
func (r result) expect(t *testing.T, code int, texts ...string) result {
	t.Helper()
	if r.code != code {
		t.Errorf("exit code %d, want %d; stderr:\n%s", r.code, code, r.stderr)
	}
	for _, text := range texts {
		if !strings.Contains(r.stderr, text) {
			t.Errorf("stderr lacks %q:\n%s", text, r.stderr)
		}
	}
	return r
}

func TestUsage(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		args string
		want []string
	}{
		{"unknown command", "lisen", []string{`unknown command "lisen"`, "did you mean remote-event listen?"}},
		{"unknown command, none near", "zzzzzzz", []string{`unknown command "zzzzzzz"`, "remote-event --help"}},
		{"no queue to drain", "queue drain", []string{"remote-event: queue drain: name a queue"}},
		{"unknown reason", "dead ls --match reason=faild", []string{`"faild"`, "did you mean failed?"}},
		{"unknown reason, none near", "dead ls --match reason=zzzzzzzzz", []string{"failed, panicked"}},
		{"unknown clause", "dead ls --match reson=failed", []string{"did you mean reason?"}},
		{"too many selections", "dead drop --id x --all", []string{"[all id]"}},
		{"no selection", "dead drop", []string{"at least one"}},
		{"unknown flag", "listen --coutn 3", []string{"--coutn", "did you mean --count?"}},
		{"unknown global flag", "send x --redsi=redis://h", []string{"did you mean --redis?"}},
		{"unknown flag, none near", "listen --zzzzzzzzz", []string{"listen --help"}},
		{"unknown shorthand", "listen -z", []string{"'z'"}},
		{"no name", "send", []string{"event's name"}},
		{"too many arguments", "send a {} {}", []string{"event's name"}},
		{"nothing to listen to", "listen", []string{"no event to listen to", "--config"}},
		{"count", "listen x --count 0", []string{"--count"}},
		{"timeout", "listen x --timeout 0s", []string{"--timeout"}},
		{"not a number", "listen x --count many", []string{"--count"}},
		{"output", "validate -o yaml", []string{"text, json, ndjson"}},
		{"plain metadata", "send x {} --plain --metadata a=b", []string{"--plain"}},
		{"payload and ndjson", "send x {} --ndjson -", []string{"--ndjson"}},
		{"metadata", "send x {} --metadata a", []string{"NAME=VALUE"}},
		{"metadata twice", "send x {} --metadata a=b --metadata a=c", []string{"twice"}},
		{"one id for many", "send x --ndjson - --metadata id=1", []string{"id"}},
		{"argument of demo", "demo now", []string{"takes no argument"}},
		{"address of dev", "dev --addr 6379", []string{"HOST:PORT"}},
		{"no TLS", "send x {} --redis redis://localhost --tls-ca ca.pem", []string{"rediss://"}},
		{"certificate without key", "send x {} --redis rediss://localhost --tls-cert c.pem", []string{"--tls-key"}},
		{"connect timeout", "send x {} --connect-timeout 0s", []string{"--connect-timeout"}},
		{"Redis for nothing", "validate --redis redis://localhost", []string{"not connect to Redis", "--redis"}},
		{"help", "help nobody", []string{"nobody"}},
		{"shell", "completion csh", []string{"csh"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := invoke(t, strings.Fields(test.args)...).expect(t, exitUsage, append(test.want, "\nhint: ")...)
			if r.stdout != "" {
				t.Errorf("stdout: %s", r.stdout)
			}
			if strings.Contains(r.stderr, "remote-event: remote-event") || strings.Count(r.stderr, "\n") != 2 {
				t.Errorf("stderr: %s", r.stderr)
			}
		})
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	for _, args := range []string{
		"help", "--help", "help send", "demo --help", "dev --help", "send --help", "listen --help", "validate --help",
		"version --help", "completion --help", "completion bash", "completion zsh", "completion fish", "completion powershell",
	} {
		r := invoke(t, strings.Fields(args)...).expect(t, exitDone)
		if r.stdout == "" || r.stderr != "" {
			t.Errorf("%q: stdout %q, stderr %q", args, r.stdout, r.stderr)
		}
	}
	if help := invoke(t, "--help").stdout; !strings.Contains(help, "Events:") || !strings.Contains(help, defaultRedisURL) {
		t.Errorf("help: %s", help)
	}
	if help := invoke(t, "demo", "--help").stdout; strings.Contains(help, "--redis") {
		t.Errorf("help of demo, which connects to no Redis: %s", help)
	}
}

// TestMissingCommand: every command with subcommands that is called without one prints its
// help as a diagnostic, and is a usage error.
func TestMissingCommand(t *testing.T) {
	t.Parallel()
	for _, args := range []string{"", "queue", "dead", "completion"} {
		help := invoke(t, append(strings.Fields(args), "--help")...).expect(t, exitDone).stdout
		if r := invoke(t, strings.Fields(args)...); r.code != exitUsage || r.stdout != "" || r.stderr != help || help == "" {
			t.Errorf("%q: exit code %d, stdout %q, stderr %q", args, r.code, r.stdout, r.stderr)
		}
	}
}

// TestHelpFitsATerminal reads the help of every command at 80 columns. Examples, which
// people copy, may be longer.
func TestHelpFitsATerminal(t *testing.T) {
	t.Parallel()
	var commands []string
	for _, line := range commandLines(t, "x", "x", "x") {
		commands = append(commands, line.path)
	}
	for _, command := range append(commands, "", "queue", "dead", "completion") {
		help := invoke(t, append(strings.Fields(command), "--help")...).stdout
		for line := range strings.Lines(help) {
			if utf8.RuneCountInString(strings.TrimSuffix(line, "\n")) > 80 && !strings.Contains(line, " remote-event ") && !strings.Contains(line, "redis-cli ") {
				t.Errorf("%q: %d columns: %s", command, utf8.RuneCountInString(line)-1, line)
			}
		}
	}
}
