package main

import (
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/redistest"
)

// live is a running top with its terminal.
type live struct {
	t       *testing.T
	master  *os.File
	command *exec.Cmd
	stderr  bytes.Buffer
	read    chan string
	all     string // what it wrote
	seen    int    // how much of it was awaited
}

// startTop starts top on a terminal of so many columns.
func startTop(t *testing.T, columns uint16, client *redis.Client, environ ...string) *live {
	t.Helper()
	path, err := buildBinary()
	if err != nil {
		t.Fatal(err)
	}
	master, terminal := openTerminal(t, columns)
	l := &live{t: t, master: master, read: make(chan string, 1000)}
	t.Cleanup(func() { _ = master.Close() })
	l.command = exec.CommandContext(t.Context(), path, "top", "--interval", "100ms")
	l.command.Env = append(os.Environ(), append([]string{redisURLEnv + "=" + urlOfClient(client), "TERM=xterm"}, environ...)...)
	l.command.Stdin, l.command.Stdout, l.command.Stderr = terminal, terminal, &l.stderr
	if err := l.command.Start(); err != nil {
		t.Fatal(err)
	}
	_ = terminal.Close()
	go func() {
		defer close(l.read)
		buffer := make([]byte, 1<<16)
		for {
			n, err := master.Read(buffer)
			if n > 0 {
				l.read <- string(buffer[:n])
			}
			if err != nil {
				return
			}
		}
	}()
	return l
}

// await waits until the view shows a text that it did not show before.
func (l *live) await(text string) {
	l.t.Helper()
	for limit := time.After(time.Minute); ; {
		if i := strings.Index(l.all[l.seen:], text); i >= 0 {
			l.seen += i + len(text)
			return
		}
		select {
		case more, ok := <-l.read:
			if !ok {
				l.t.Fatalf("top has ended before %q: %s\n%q", text, l.stderr.String(), l.all)
			}
			l.all += more
		case <-limit:
			l.t.Fatalf("top does not show %q: %q", text, l.all)
		}
	}
}

func (l *live) press(keys string) {
	l.t.Helper()
	if _, err := l.master.WriteString(keys); err != nil {
		l.t.Fatal(err)
	}
}

// end presses q and waits for the end.
func (l *live) end() {
	l.t.Helper()
	l.press("q")
	for more := range l.read {
		l.all += more
	}
	if err := l.command.Wait(); err != nil || l.stderr.Len() > 0 {
		l.t.Errorf("%v: %s", err, l.stderr.String())
	}
}

// terminalControl matches the sequences that a program for terminals writes.
var terminalControl = regexp.MustCompile(`\x1b\[[?0-9;]*[A-Za-z]`)

// TestTop drives top: every screen, an action with its question, and a Redis that goes away
// and returns.
func TestTop(t *testing.T) {
	t.Parallel()
	addr := redistest.FreeAddr(t)
	server := redistest.Start(t, addr)
	client := redis.NewClient(&redis.Options{Addr: addr})
	defer client.Close()
	push(t, client, "a", message("a", 1), message("a", 2))
	importLetters(t, client, "a", letter("dead", "failed"))
	push(t, client, "b\x1b]0;x\a", `{"data": {"c": "`+"\x1b]0;x\a"+`"}, "signals": ["b"]}`)
	l := startTop(t, 80, client, "LC_ALL=C.UTF-8", "NO_COLOR=1")
	l.await("2 queues, 3 waiting, 1 dead")
	l.await(`b\u001b]0;x`)
	l.press("?")
	l.await("pause this view only")
	l.press("qp")
	l.await("next messages of a")
	l.await(message("a", 1)[:40])
	l.press("q")
	l.await("queued")
	l.press("\rqd")
	l.await("dead letters of a")
	l.await("failed")
	l.press("\r")
	l.await("attempts")
	for _, answer := range []string{"n", "y"} {
		l.press("r")
		l.await("Requeue the dead letter ")
		l.await("of a at " + urlOf(addr) + "?")
		expectLength(t, client, "a", 2)
		l.press(answer)
		l.await("requeued")
	}
	expectLength(t, client, "a", 3)
	l.await("2 queues, 4 waiting, 0 dead")
	l.press("qjp")
	l.await(`next messages of "b\u001b]0;x\u0007"`)
	l.press("qs/zzz")
	l.await("no queue")
	l.press("\x1b")
	l.await("sort: waiting")
	l.press(" ")
	l.await("PAUSED")
	l.press(" ")
	server.Stop()
	l.await("Redis is away")
	redistest.Start(t, addr)
	push(t, client, "c", "x")
	l.await("3 queues, 1 waiting")
	l.end()
	if strings.Contains(l.all, "\x1b]0;") || regexp.MustCompile(`\x1b\[[0-9;]*[1-9][0-9;]*m`).MatchString(l.all) {
		t.Errorf("top writes colours, or a text from Redis unescaped: %q", l.all)
	}
}

// TestTopWidths checks that no line is wider than the terminal, that colours mark a dead letter, and
// that a terminal without Unicode gets ASCII.
func TestTopWidths(t *testing.T) {
	t.Parallel()
	client := embedded(t)
	push(t, client, "日本"+strings.Repeat("x", 300), "x")
	importLetters(t, client, "a", letter("dead", "failed"))
	for columns, last := range map[uint16]string{40: "dead queue", 80: "memory queue", 200: "memory queue"} {
		l := startTop(t, columns, client, "LC_ALL=C", "NO_COLOR=")
		l.await(last)
		l.await(`\u65e5\u672c`)
		l.press("d")
		l.await("dead letters of")
		l.press("q?")
		l.await("originals name none")
		l.press("q")
		l.end()
		for line := range strings.SplitSeq(terminalControl.ReplaceAllString(l.all, "\n"), "\n") {
			line = strings.Trim(line, "\r")
			if len(line) > int(columns) || strings.ContainsFunc(line, func(r rune) bool { return r >= 0x80 }) {
				t.Errorf("%d columns: %q", columns, line)
			}
		}
		if !strings.Contains(l.all, "\x1b[7m") {
			t.Errorf("no colour: %q", l.all)
		}
	}
}

// TestTopWithoutATerminal: top names the command for scripts.
func TestTopWithoutATerminal(t *testing.T) {
	t.Parallel()
	client := embedded(t)
	invoke(t, "top", "--redis", urlOfClient(client)).expect(t, exitUsage, "must be a terminal", "remote-event queue ls")
	invoke(t, "top", "--interval", "1ms").expect(t, exitUsage, "--interval")
}
