package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sys/unix"

	"github.com/remote-events/remote-events/go/internal/redistest"
)

// onTerminal runs the built command with its standard error on a terminal of so
// many columns, and returns what it wrote there.
func onTerminal(t *testing.T, columns uint16, client *redis.Client, args ...string) string {
	t.Helper()
	path, err := buildBinary()
	if err != nil {
		t.Fatal(err)
	}
	master, terminal := openTerminal(t, columns)
	defer func() { _ = master.Close() }()
	command := exec.CommandContext(t.Context(), path, args...)
	command.Env = append(os.Environ(), redisURLEnv+"="+urlOfClient(client), "TERM=xterm", "NO_COLOR=")
	command.Stderr = terminal
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	_ = terminal.Close()
	text := make(chan string, 1)
	go func() {
		read, _ := io.ReadAll(master) // it ends with an error where nobody writes any more
		text <- string(read)
	}()
	if err := command.Wait(); err != nil {
		t.Error(err)
	}
	select {
	case written := <-text:
		return written
	case <-time.After(20 * time.Second):
		t.Fatal("the terminal does not end")
		return ""
	}
}

// openTerminal opens a terminal of so many columns, and its other end.
func openTerminal(t *testing.T, columns uint16) (master, terminal *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(int(terminal.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: columns, Row: 24}); err != nil {
		t.Fatal(err)
	}
	return master, terminal
}

var controlSequence = regexp.MustCompile(`\x1b\[[0-9;]*[A-Za-z]`)

// TestProgressOnATerminal: one line, drawn anew, that fits and counts events.
func TestProgressOnATerminal(t *testing.T) {
	t.Parallel()
	addr := redistest.FreeAddr(t)
	redistest.Start(t, addr)
	client := redis.NewClient(&redis.Options{Addr: addr})
	defer client.Close()
	const n = 60_000
	file := writeFile(t, numbered(1, n))
	for _, columns := range []uint16{40, 80} {
		client.FlushAll(t.Context())
		text := onTerminal(t, columns, client, "send", "new_file_event", "--ndjson", file)
		frames := strings.Split(text, "\r")
		last, drawn := "", 0
		for _, frame := range frames {
			frame = controlSequence.ReplaceAllString(frame, "")
			if strings.Contains(frame, " events") {
				drawn++
				last = frame
				if width := len([]rune(frame)); width >= int(columns) {
					t.Errorf("%d columns: %q has %d", columns, frame, width)
				}
				if strings.Contains(frame, "\n") {
					t.Errorf("%d columns: a new line in %q", columns, frame)
				}
			}
		}
		if lines := strings.Count(text, "\n"); lines != 1 || drawn < 2 {
			t.Errorf("%d columns: %d frames, %d lines: %q", columns, drawn, lines, text)
		}
		var events int
		if _, err := fmt.Sscan(last[strings.Index(last, ": ")+2:], &events); err != nil || events < 1 || events > n {
			t.Errorf("%d columns: the last frame is %q", columns, last)
		}
		if !strings.Contains(text, fmt.Sprintf(" %d of new_file_event to ", n)) {
			t.Errorf("%d columns: %q", columns, text)
		}
		if strings.Contains(last, "new_file_event") != (columns == 80) {
			t.Errorf("%d columns: the last frame is %q", columns, last)
		}
		expectLength(t, client, "new_file_event", n)
	}
}

// TestChangesNameTheirRedis checks that a command which changes Redis without a question
// first names it on a terminal.
func TestChangesNameTheirRedis(t *testing.T) {
	t.Parallel()
	client := embedded(t)
	for args, what := range map[string]string{
		"dead requeue --all":                  "about to requeue 1 dead letter at ",
		"dead drop --all --yes":               "about to drop 1 dead letter at ",
		"queue purge x --yes":                 "about to purge 1 message of x at ",
		"queue drain x":                       "about to drain 1 queue at ",
		"queue move x y":                      "about to move messages of x at ",
		"doctor x --repair":                   "about to repair queues at ",
		"dead import " + writeFile(t, record): "about to import dead letters at ",
	} {
		fill(t, client, "x")
		if text := onTerminal(t, 80, client, strings.Fields(args)...); !strings.Contains(controlSequence.ReplaceAllString(text, ""), what+urlOfClient(client)) {
			t.Errorf("%s: %q", args, text)
		}
	}
	named := &target{Options: &redis.Options{Addr: "h:1"}, addrs: []string{"h:1"}, context: "staging"}
	if got := named.place(); got != "redis://h:1/0 (context staging)" {
		t.Errorf("got %s", got)
	}
}

// TestTerminalWithoutUTF8 checks that a terminal of the locale C gets ASCII, and that JSON
// keeps its meaning.
func TestTerminalWithoutUTF8(t *testing.T) {
	t.Parallel()
	s := &screen{ascii: true}
	if got := s.form("\"é日\U0001f49b…█\"" + "\n"); got != `"\u00e9\u65e5\ud83d\udc9b...#"`+"\n" {
		t.Errorf("got %s", got)
	}
	if isASCII(&buffer{}, []string{"LC_ALL=C"}) {
		t.Error("a pipe is no terminal")
	}
}
