package engine_test

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/remote-events/remote-events/compat/internal/engine"
	"github.com/remote-events/remote-events/compat/internal/goadapter"
	"github.com/remote-events/remote-events/compat/internal/protocol"
	"github.com/remote-events/remote-events/compat/internal/redisserver"
	"github.com/remote-events/remote-events/compat/internal/report"
	"github.com/remote-events/remote-events/compat/internal/suite"
)

// TestMain lets the test binary be the adapter of the Go library.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "adapter" {
		if err := goadapter.Run(context.Background(), os.Getenv("REDIS_URL"), "test", os.Stdin, os.Stdout, os.Stderr); err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

func library() engine.Implementation { return engine.Command("go", false, os.Args[0], "adapter") }

// plain is the library as a sender and a plain receiver only.
func plain() engine.Implementation {
	one := library()
	start := one.Start
	one.Start = func(ctx context.Context, setting engine.Setting) (engine.Process, error) {
		process, err := start(ctx, setting)
		return plainProcess{process}, err
	}
	return one
}

type plainProcess struct{ engine.Process }

func (p plainProcess) Hello(ctx context.Context) (protocol.Identity, error) {
	who, err := p.Process.Hello(ctx)
	who.Classes = []protocol.Class{protocol.LegacySafeSender, protocol.Receiver}
	return who, err
}

// selected are cases by pattern.
func selected(t *testing.T, patterns ...string) []suite.Case {
	t.Helper()
	cases, err := suite.Load()
	if err == nil {
		cases, err = suite.Select(cases, suite.Selection{Patterns: patterns})
	}
	if err != nil {
		t.Fatal(err)
	}
	return cases
}

func local(ctx context.Context) (*redisserver.Server, error) {
	return redisserver.Start(ctx, redisserver.Options{})
}

func embedded(context.Context) (*redisserver.Server, error) { return redisserver.Embedded() }

func serve(t *testing.T, start func(context.Context) (*redisserver.Server, error)) engine.Server {
	t.Helper()
	server, err := start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return engine.Server{Server: report.Server{ID: "it"}, URL: server.URL(), Another: start, Listening: redisserver.Start}
}

func run(t *testing.T, config engine.Config) *report.Report {
	t.Helper()
	result, err := engine.Run(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func assertAllPass(t *testing.T, r *report.Report) {
	t.Helper()
	for _, result := range r.Results {
		if result.Outcome != report.Passed {
			t.Errorf("%s %s → %s %s: %s, %q", result.Case, result.Sender, result.Receiver, result.Outcome, result.Observed, result.Problems)
			for _, step := range result.Trace[max(0, len(result.Trace)-20):] {
				t.Logf("%.3f s  %s  %s  %.300s", step.Seconds, step.Who, step.What, step.Data)
			}
		}
		// The trace of a result has the bytes that the harness pushed or read. If a receiver
		// was faster, it has the request to send the event.
		if !slices.ContainsFunc(result.Trace, func(s report.Step) bool {
			return s.Who == "redis" && s.Data != "" || strings.Contains(s.Data, `{"op":"send",`) || strings.Contains(s.Data, `{"op":"evaluate",`)
		}) {
			t.Errorf("%s %s → %s: the trace has no bytes: %v", result.Case, result.Sender, result.Receiver, result.Trace)
		}
	}
}

// patient is a timeout for what passes: it is never waited for, and a busy
// machine with the race detector is slow.
const patient = 30 * time.Second

// The library passes every case that is not slow, on either Redis; with -short, on the
// embedded one.
func TestLibrary(t *testing.T) {
	t.Parallel()
	cases, err := suite.Load()
	if err == nil {
		cases, err = suite.Select(cases, suite.Selection{Quick: true})
	}
	if err != nil {
		t.Fatal(err)
	}
	servers := map[string]func(context.Context) (*redisserver.Server, error){"local": local, "embedded": embedded}
	if testing.Short() {
		delete(servers, "local")
	}
	for name, start := range servers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := run(t, engine.Config{Cases: cases, Implementations: []engine.Implementation{library()}, Servers: []engine.Server{serve(t, start)}, Timeout: patient})
			assertAllPass(t, r)
			played := map[string]bool{}
			for _, result := range r.Results {
				played[result.Case] = true
			}
			for _, c := range cases {
				if !played[c.ID] && (name == "local" || c.Script == nil) {
					t.Errorf("%s did not run", c.ID)
				}
			}
		})
	}
}

// On a Redis that others use, all keys have a prefix, and none stays.
func TestSharedServer(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes many seconds")
	}
	server := serve(t, local)
	server.Prefix, server.Another = "compat:test:", nil
	options, err := redis.ParseURL(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(options)
	t.Cleanup(func() { _ = client.Close() })
	if err := client.LPush(t.Context(), "new_file_event", "another's").Err(); err != nil {
		t.Fatal(err)
	}
	assertAllPass(t, run(t, engine.Config{
		Cases:           selected(t, "wire", "payload", "redis/fifo", "redis/itself", "redis/restart", "fleet/one-queue"),
		Implementations: []engine.Implementation{library(), library()}, Servers: []engine.Server{server}, Timeout: patient,
	}))
	if keys := client.Keys(t.Context(), "*").Val(); len(keys) != 1 || client.LRange(t.Context(), "new_file_event", 0, -1).Val()[0] != "another's" {
		t.Errorf("it left the keys %q", keys)
	}
}

// stderr is what a result's trace has of stderr.
func stderr(result report.Result) []string {
	var lines []string
	for _, step := range result.Trace {
		if step.What == report.Stderr {
			lines = append(lines, step.Data)
		}
	}
	return lines
}

// A result quotes stderr of its own case and of none before it; and a long trace
// keeps its beginning and its end.
func TestTrace(t *testing.T) {
	t.Parallel()
	const script = hello + `echo 'first words' >&2; sleep 0.2; echo '{"op":"failed","id":1,"error":"no"}'; read l; i=0; ` +
		`while [ $i -lt 300 ]; do i=$((i+1)); echo "line $i" >&2; done; echo 'last words' >&2; exit 3`
	r := run(t, engine.Config{
		Cases: selected(t, "send/the-original-readme", "send/empty-payload"), Implementations: []engine.Implementation{instead(script, 2)},
		Servers: []engine.Server{serve(t, embedded)}, Timeout: patient, Once: true,
	})
	if len(r.Results) != 2 {
		t.Fatalf("%d results", len(r.Results))
	}
	if lines := stderr(r.Results[0]); !slices.Equal(lines, []string{"first words"}) {
		t.Errorf("the first result quotes %q", lines)
	}
	lines := stderr(r.Results[1])
	if len(lines) == 0 || lines[0] != "line 1" || !slices.Contains(lines, "last words") || slices.Contains(lines, "first words") || len(r.Results[1].Trace) > 201 {
		t.Errorf("the second quotes %d lines: %q", len(lines), lines)
	}
	if !slices.ContainsFunc(r.Results[1].Trace, func(s report.Step) bool { return s.What == "skips" }) {
		t.Error("the trace does not say that it skips steps")
	}
}

const hello = `read l; echo '{"op":"hello","protocol":1,"name":"fake","version":"1","classes":["legacy-safe sender","receiver"]}'; read l; `

// Of an adapter that misbehaves nothing is found out, and what it did is said; the
// run goes on, each time with a fresh process, and ends.
func TestMisbehaviour(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes many seconds")
	}
	const ready = `echo '{"op":"ready","id":1}'; `
	for name, test := range map[string]struct{ script, says string }{
		"silence":        {hello + "exec sleep 600", "does not answer"},
		"ready and deaf": {hello + ready + "exec sleep 600", "left in the list"},
		"garbage":        {hello + "echo 'Hello!'; exec sleep 600", "violates the protocol"},
		"exit":           {hello + "echo 'out of memory' >&2; exit 3", "out of memory"},
		"exit later":     {hello + ready + "exit 3", "exit status 3"},
		"another id":     {hello + `echo '{"op":"ready","id":7}'; echo '{"op":"sent","id":7}'; exec sleep 600`, "not made"},
		"100 MB":         {hello + ready + `head -c 100000000 /dev/zero | tr '\0' x; exec sleep 600`, "line that is too long|does not answer"},
		"flood":          {hello + ready + `exec yes '{"op":"event","signal":"e","event_name":"e","signals":["e"],"payload_text":"{}"}'`, "too many unread observations|does not answer|more than 10000 calls"}, // whichever comes first
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := run(t, engine.Config{
				Cases:           selected(t, "wire/the-plainest", "poison/byte-order-mark", "payload/readme", "redis/one-at-a-time", "send/the-original-readme"),
				Implementations: []engine.Implementation{engine.Command("", false, "/bin/sh", "-c", test.script), library()},
				Servers:         []engine.Server{serve(t, embedded)}, Timeout: 500 * time.Millisecond, Once: true,
			})
			said := false
			for _, result := range r.Results {
				its := result.Sender == "fake-1" && result.Receiver == "" || result.Receiver == "fake-1"
				if its == (result.Outcome == report.Passed) {
					t.Errorf("%s %s → %s %s: %q", result.Case, result.Sender, result.Receiver, result.Outcome, result.Problems)
				}
				for says := range strings.SplitSeq(test.says, "|") {
					said = said || strings.Contains(strings.Join(append(result.Problems, stderr(result)...), "\n"), says)
				}
				if its && name != "flood" && result.Outcome != report.Errored && result.Outcome != report.Inconclusive {
					t.Errorf("%s %s → %s %s: nothing was seen of what it does", result.Case, result.Sender, result.Receiver, result.Outcome)
				}
				if its && len(result.Trace) == 0 {
					t.Errorf("%s has no trace", result.Case)
				}
			}
			if !said {
				t.Errorf("nothing says %q", test.says)
			}
		})
	}
}

// One that does not even say who it is, or does not end as it should, does not
// keep the others from being played.
func TestHello(t *testing.T) {
	t.Parallel()
	const identity = `{"op":"hello","protocol":1,"name":"fake","version":"1","classes":["sender"]}`
	for name, test := range map[string]struct{ script, says string }{
		"no module":   {"echo 'no module' >&2; exit 1", "no module"},
		"hello twice": {"read l; echo '" + identity + "'; echo '" + identity + "'; read l", "second answer"},
		"exit code":   {"read l; echo '" + identity + "'; read l; exit 7", "exit status 7, not exit status 0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := run(t, engine.Config{
				Cases: selected(t, "wire/the-plainest"), Servers: []engine.Server{serve(t, embedded)}, Timeout: patient,
				Implementations: []engine.Implementation{plain(), engine.Command("mine", false, "/bin/sh", "-c", test.script)},
			})
			assertAllPass(t, r)
			if len(r.Results) != 1 || len(r.Implementations) != 2 || r.Implementations[1].Name != "mine" || !strings.Contains(r.Implementations[1].Problem, test.says) {
				t.Errorf("%d results of %+v", len(r.Results), r.Implementations)
			}
			if r.Unexpected() == 0 {
				t.Error("nothing is unexpected")
			}
		})
	}
}

// Variants are played with all but each other, and everybody only the cases of
// its families.
func TestVariants(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes many seconds")
	}
	variant := func(id, of string, families ...string) engine.Implementation {
		one := plain()
		one.ID, one.VariantOf, one.Families = id, of, families
		return one
	}
	r := run(t, engine.Config{
		Cases:           selected(t, "payload/readme", "poison/byte-order-mark", "fleet/one-queue"),
		Implementations: []engine.Implementation{variant("a", ""), variant("b", "a"), variant("c", "a"), variant("p", "a", "poison")},
		Servers:         []engine.Server{serve(t, embedded)}, Timeout: patient,
	})
	assertAllPass(t, r)
	played := map[string]int{}
	for _, result := range r.Results {
		if strings.Contains(result.Receiver, " + ") {
			t.Errorf("%s is played by %s", result.Case, result.Receiver)
		}
		played[result.Case+" "+result.Sender+">"+result.Receiver]++
	}
	for key, want := range map[string]int{
		"payload/readme a>b": 1, "payload/readme b>a": 1, "payload/readme b>b": 1, "payload/readme b>c": 0, "payload/readme c>b": 0,
		"payload/readme p>": 0, "payload/readme a>p": 0, "poison/byte-order-mark >p": 1, "poison/byte-order-mark >c": 1,
	} {
		if played[key] != want {
			t.Errorf("%s: %d results, want %d; there are %v", key, played[key], want, played)
		}
	}
}
