package main

import (
	"bytes"
	"encoding/json"
	"net"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/redistest"
	"github.com/remote-events/remote-events/go/queueadmin"
)

// These tests run every command of the tree with what goes wrong in earnest. A new command
// is included without a change here.

// call returns the invocation of a command line at a Redis.
func (l commandLine) call(t *testing.T, url string, more ...string) invocation {
	t.Helper()
	args := append(slices.Clone(l.args), more...)
	if l.redis {
		args = append(args, "--redis", url)
	}
	contexts := writeFile(t, `{"version": 1, "current": "x", "contexts": {"x": {"redis": "redis://h"}}}`)
	return invocation{args: args, env: []string{contextFileEnv + "=" + contexts}}
}

// monitors are the commands that continue whatever Redis replies, until a signal or a key.
// They have tests of their own.
var monitors = []string{"exporter", "relay", "top", "ui"}

// lines returns the command lines except those of some paths and of the monitors.
func lines(t *testing.T, queue string, except ...string) []commandLine {
	t.Helper()
	all := commandLines(t, queue, writeFile(t, record), writeFile(t, message("x", 1)))
	for _, path := range except {
		if !slices.ContainsFunc(all, func(l commandLine) bool { return l.path == path }) {
			t.Errorf("there is no command %q", path)
		}
	}
	return slices.DeleteFunc(all, func(l commandLine) bool { return slices.Contains(append(monitors, except...), l.path) })
}

// TestUnknownQueue checks that a queue that does not exist is never counted as empty.
func TestUnknownQueue(t *testing.T) {
	t.Parallel()
	client := embedded(t)
	// acl and keda need no queue; listen waits for it; for check, a queue without a message
	// exceeds no limit.
	for _, line := range lines(t, "missing", "acl", "queue keda", "listen", "check") {
		if !line.queue {
			continue
		}
		for _, format := range []string{formatText, formatJSON, formatNDJSON} {
			fill(t, client, "x")
			r := line.call(t, urlOfClient(client), "-o", format).run(t.Context()).expect(t, exitNothing, `the queue "missing" does not exist`)
			if line.path != "doctor" && strings.Trim(r.stdout, "[]\n") != "" {
				t.Errorf("%s prints %s", line.path, r.stdout)
			}
		}
	}
}

// TestNoPermission checks that a denied command prints the rule that permits it, and works
// after an administrator has run that rule.
func TestNoPermission(t *testing.T) {
	t.Parallel()
	addr := redistest.Start(t, redistest.FreeAddr(t)).Addr
	admin := redis.NewClient(&redis.Options{Addr: addr})
	defer admin.Close()
	do := func(words ...string) {
		t.Helper()
		args := make([]any, len(words))
		for i, word := range words {
			args[i] = word
		}
		if err := admin.Do(t.Context(), args...).Err(); err != nil {
			t.Errorf("%q: %v", words, err)
		}
	}
	// doctor reports the rule as a finding; acl needs no permission; bench uses a queue with
	// a random name.
	for _, line := range lines(t, "x", "doctor", "acl", "bench") {
		if !line.redis || strings.HasPrefix(line.path, "context ") {
			continue
		}
		fill(t, admin, "x")
		do("ACL", "SETUSER", "anna", "reset", "on", ">"+password)
		i := line.call(t, "redis://anna:"+password+"@"+addr)
		r := i.run(t.Context()).expect(t, exitConnection, "NOPERM", "ACL SETUSER anna ")
		_, rule, _ := strings.Cut(r.stderr, "ACL SETUSER anna ")
		rule, _, _ = strings.Cut(rule, "\n")
		if strings.Trim(r.stdout, "[]\n") != "" {
			t.Errorf("%s prints %s", line.path, r.stdout)
		}
		do(append([]string{"ACL", "SETUSER", "anna"}, strings.Fields(rule)...)...)
		if r := i.run(t.Context()); r.code != exitDone && r.code != exitFindings {
			t.Errorf("%s: exit code %d with the rule %s: %s", line.path, r.code, rule, r.stderr)
		}
	}
	denied := lineOf(t, "bench").call(t, "redis://anna:"+password+"@"+addr)
	do("ACL", "SETUSER", "anna", "reset", "on", ">"+password)
	denied.run(t.Context()).expect(t, exitConnection, "NOPERM", "remote-event acl QUEUE --role viewer")
}

// lineOf returns the command line of a command for the queue x.
func lineOf(t *testing.T, path string) commandLine {
	t.Helper()
	for _, l := range lines(t, "x") {
		if l.path == path {
			return l
		}
	}
	t.Fatalf("there is no command %q", path)
	return commandLine{}
}

// TestHostileNames checks that no command lets a name act on a terminal, and that its JSON
// has the exact name.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	client := embedded(t)
	for _, name := range []string{"h" + hostile, "a b\"c'd\\", "\xff"} {
		for _, line := range lines(t, name) {
			if !line.redis || !line.queue {
				continue
			}
			for _, format := range []string{formatText, formatJSON, formatNDJSON} {
				fill(t, client, name)
				args := []string{"-o", format}
				if !line.data {
					args = nil
				}
				r := line.call(t, urlOfClient(client), args...).run(t.Context())
				expectHarmless(t, line.path+" -o "+format, r.stdout)
				expectHarmless(t, line.path+" -o "+format+", stderr", r.stderr)
				if format == formatNDJSON && line.data {
					for text := range strings.Lines(r.stdout) {
						var record struct {
							Queue *exact `json:"queue"`
						}
						if err := json.Unmarshal([]byte(text), &record); err != nil || record.Queue != nil && string(*record.Queue) != name {
							t.Errorf("%s: %v: %s", line.path, err, text)
						}
					}
				}
				if format == formatJSON && line.data && r.stdout != "" && !json.Valid([]byte(r.stdout)) {
					t.Errorf("%s -o json prints %s", line.path, r.stdout)
				}
			}
		}
	}
}

// TestFullOutput checks that what cannot be written is an error, whatever writes it, and
// that a reader that ends early is none.
func TestFullOutput(t *testing.T) {
	t.Parallel()
	client := embedded(t)
	for _, line := range lines(t, "x", "demo") {
		formats := []string{formatText, formatJSON, formatNDJSON}
		if !line.data {
			formats = formats[:1]
		}
		for _, format := range formats {
			if line.path == "send" && format == formatText {
				continue // it writes nothing
			}
			for err, code := range map[error]int{syscall.ENOSPC: exitFailed, syscall.EPIPE: exitDone} {
				fill(t, client, "x")
				var args []string
				if line.data {
					args = []string{"-o", format}
				}
				i := line.call(t, urlOfClient(client), args...)
				i.stdout = &failing{0, &os.PathError{Op: "write", Path: "/dev/stdout", Err: err}}
				r := i.run(t.Context())
				if r.code != code {
					t.Errorf("%s -o %s, %v: exit code %d, not %d: %s", line.path, format, err, r.code, code, r.stderr)
				}
				if code == exitFailed && !strings.Contains(r.stderr, "remote-event: cannot write to standard output: no space left on device\n") {
					t.Errorf("%s -o %s: %s", line.path, format, r.stderr)
				}
			}
		}
	}
}

// proxy passes connections on to a Redis, counts what clients send, and can break.
type proxy struct {
	addr  string
	turns atomic.Int64 // the requests so far, of one packet each
	limit atomic.Int64 // break at this number of turns; 0 never
	delay time.Duration
}

func startProxy(t *testing.T, to string, delay time.Duration) *proxy {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	p := &proxy{addr: listener.Addr().String(), delay: delay}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go p.pass(t, client, to)
		}
	}()
	return p
}

func (p *proxy) pass(t *testing.T, client net.Conn, to string) {
	defer client.Close()
	server, err := new(net.Dialer).DialContext(t.Context(), "tcp", to)
	if err != nil {
		return
	}
	defer server.Close()
	go func() {
		defer client.Close()
		buffer := make([]byte, 1<<16)
		for {
			n, err := server.Read(buffer)
			if _, failed := client.Write(buffer[:n]); err != nil || failed != nil {
				return
			}
		}
	}()
	buffer := make([]byte, 1<<20)
	for {
		n, err := client.Read(buffer)
		if err != nil {
			return
		}
		if turn, limit := p.turns.Add(1), p.limit.Load(); limit > 0 && turn > limit {
			return
		}
		if p.delay > 0 {
			<-time.After(p.delay)
		}
		if _, err := server.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// TestRedisDiesInTheMiddle breaks the connection after each number of requests: every
// command ends, with an error that names Redis or how far it got, and its JSON is whole.
func TestRedisDiesInTheMiddle(t *testing.T) {
	t.Parallel()
	client := embedded(t)
	p := startProxy(t, client.Options().Addr, 0)
	// listen connects again until a signal; bench runs for long; acl knows the user of the URL.
	for _, line := range lines(t, "x", "listen", "bench", "acl") {
		if !line.redis || strings.HasPrefix(line.path, "context ") {
			continue
		}
		for limit := int64(1); ; limit++ {
			fill(t, client, "x")
			p.turns.Store(0)
			p.limit.Store(limit)
			more := []string{"-o", formatJSON, "--connect-timeout", "20s"}
			r := line.call(t, "redis://"+p.addr, more...).run(t.Context())
			if p.turns.Load() <= limit {
				if r.code != exitDone && r.code != exitFindings {
					t.Errorf("%s: exit code %d: %s", line.path, r.code, r.stderr)
				}
				break
			}
			if r.code != exitConnection && r.code != exitFailed || !strings.Contains(r.stderr, "remote-event: ") {
				t.Errorf("%s after %d requests: exit code %d: %s%s", line.path, limit, r.code, r.stdout, r.stderr)
			}
			if r.stdout != "" && !json.Valid([]byte(r.stdout)) {
				t.Errorf("%s after %d requests prints %s", line.path, limit, r.stdout)
			}
		}
	}
}

// TestDeadLettersInBatches counts the requests of the commands of dead letters: at 10 ms
// each, 2,000 letters take about a second.
func TestDeadLettersInBatches(t *testing.T) {
	t.Parallel()
	client := embedded(t)
	const n, most = 2000, 60
	letters := make([]queueadmin.DeadLetter, n)
	for i := range letters {
		letters[i] = letter(message("x", i), "failed")
	}
	p := startProxy(t, client.Options().Addr, 10*time.Millisecond)
	url := "redis://" + p.addr
	stock := func() {
		client.FlushAll(t.Context())
		importLetters(t, client, "x", letters...)
	}
	exported := writeFile(t, "")
	for _, args := range []string{
		"dead ls", "dead show", "dead export", "dead ls --match reason=failed", "dead show --ids " + exported, "dead requeue --all", "dead requeue --all --dry-run",
		"dead drop --all --yes", "dead import " + exported,
	} {
		stock()
		overwrite(t, exported, []byte(invoke(t, "dead", "export", "--redis", url).expect(t, exitDone).stdout))
		p.turns.Store(0)
		invoke(t, append(strings.Fields(args), "--redis", url)...).expect(t, exitDone)
		if turns := p.turns.Load(); turns > most {
			t.Errorf("%s takes %d requests", args, turns)
		}
	}
}

// TestLargeMessages checks that a queue of messages of 20 MB is shown with the memory of
// few of them.
func TestLargeMessages(t *testing.T) {
	t.Parallel()
	addr := redistest.Start(t, redistest.FreeAddr(t)).Addr
	client := redis.NewClient(&redis.Options{Addr: addr})
	defer client.Close()
	large := `{"data": {"a": "` + strings.Repeat("x", 20<<20) + `"}, "signals": ["x", "remote_event", "event"]}`
	for range 3 {
		push(t, client, "x", large)
	}
	for _, args := range []string{"queue ls", "queue show x", "doctor x", "check x --max-queued 9"} {
		began := time.Now()
		r := invoke(t, append(strings.Fields(args), "--redis", urlOf(addr))...).expect(t, exitDone)
		if len(r.stdout) > 2000 || time.Since(began) > 30*time.Second {
			t.Errorf("%s prints %d bytes in %v", args, len(r.stdout), time.Since(began))
		}
	}
	r := invoke(t, "queue", "peek", "x", "--limit", "1", "-o", "ndjson", "--redis", urlOf(addr)).expect(t, exitDone)
	var peeked struct {
		Message []byte `json:"message"`
	}
	if err := json.Unmarshal([]byte(r.stdout), &peeked); err != nil || !bytes.Equal(peeked.Message, []byte(large)) {
		t.Errorf("%v: %d bytes", err, len(peeked.Message))
	}
}
