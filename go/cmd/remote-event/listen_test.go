package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/redistest"
)

func push(t *testing.T, client *redis.Client, key string, messages ...string) {
	t.Helper()
	for _, m := range messages {
		if err := client.LPush(t.Context(), key, m).Err(); err != nil {
			t.Fatal(err)
		}
	}
}

func expectLength(t *testing.T, client *redis.Client, key string, want int64) {
	t.Helper()
	if got, err := client.LLen(t.Context(), key).Result(); err != nil || got != want {
		t.Errorf("%s holds %d messages, want %d (%v)", key, got, want, err)
	}
}

func message(name string, n int, parents ...string) string {
	signals := ""
	for _, p := range append([]string{name}, parents...) {
		signals += fmt.Sprintf("%q, ", p)
	}
	return fmt.Sprintf(`{"data": {"n": %d}, "signals": [%s"remote_event", "event"]}`, n, signals)
}

func TestListen(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		url := urlOfClient(client)
		push(t, client, "x",
			message("x", 1, "y"),
			malformedMessage,
			`{"data": {"n": NaN}, "signals": ["x", "remote_event", "event"]}`,
			`{"data": {"s": "<a&b>"}, "signals": ["other"], "metadata": {"id": "7"}}`,
			message("x", 5))
		r := invoke(t, "listen", "x", "--count", "3", "-o", "ndjson", "--redis", url).expect(t, exitDone, "moved to dead letters", "verdict=malformed")
		want := `{"event_name":"x","payload":{"n":1},"metadata":{"signals":["x","y","remote_event","event"]},"queue":"x"}
{"event_name":"x","payload_text":"{\"n\": NaN}","metadata":{"signals":["x","remote_event","event"]},"queue":"x"}
{"event_name":"other","payload":{"s":"<a&b>"},"metadata":{"signals":["other"],"id":"7"},"queue":"x"}
`
		if r.stdout != want {
			t.Errorf("got:\n%swant:\n%s", r.stdout, want)
		}
		for line := range strings.Lines(r.stdout) {
			if !json.Valid([]byte(line)) {
				t.Errorf("not JSON: %s", line)
			}
		}
		expectLength(t, client, "x", 1)
	})
}

// afterAnnouncement returns what listen writes to standard error after its first line,
// which warns that listen takes events away.
func afterAnnouncement(t *testing.T, stderr string) string {
	t.Helper()
	first, rest, _ := strings.Cut(stderr, "\n")
	if !strings.HasPrefix(first, "taking events away from your application: ") || !strings.Contains(first, " at redis://") {
		t.Errorf("the first line of standard error is %q", first)
	}
	return rest
}

// TestListenPeek checks that --peek prints what listen would, and changes nothing.
func TestListenPeek(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		url := urlOfClient(client)
		push(t, client, "x", message("x", 1), "not JSON", message("x", 2), message("x", 3))
		push(t, client, "y", message("x", 4))
		before := client.LRange(t.Context(), "x", 0, -1).Val()
		peek := []string{"listen", "x", "y", "--peek", "-o", "ndjson", "--redis", url}
		peeked := invoke(t, peek...).expect(t, exitDone, "queue x: ", "dead letter")
		if strings.Contains(peeked.stderr, "taking") || strings.Count(peeked.stdout, "\n") != 4 {
			t.Errorf("got %s%s", peeked.stdout, peeked.stderr)
		}
		if after := client.LRange(t.Context(), "x", 0, -1).Val(); !slices.Equal(after, before) || client.DBSize(t.Context()).Val() != 2 {
			t.Errorf("x has %q", after)
		}
		two := invoke(t, append(peek, "--count", "2")...).expect(t, exitDone)
		if two.stdout == "" || !strings.HasPrefix(peeked.stdout, two.stdout) || strings.Count(two.stdout, "\n") != 2 {
			t.Errorf("--count 2 prints %s", two.stdout)
		}
		listened := invoke(t, "listen", "x", "--count", "3", "-o", "ndjson", "--redis", url).expect(t, exitDone)
		if listened.stdout == "" || !strings.HasPrefix(peeked.stdout, listened.stdout) {
			t.Errorf("peeked\n%slistened\n%s", peeked.stdout, listened.stdout)
		}
		if text := invoke(t, "listen", "y", "--peek", "--redis", url).expect(t, exitDone).stdout; !strings.HasPrefix(text, "--:--:-- x ") {
			t.Errorf("got %s", text)
		}
		invoke(t, "listen", "x", "--peek", "--redis", url).expect(t, exitNothing, "no event waits")
		invoke(t, "listen", "z", "--peek", "--redis", url).expect(t, exitNothing, "does not exist")
		invoke(t, "listen", "z", "--peek", "--at-most-once", "--redis", url).expect(t, exitUsage, "peek")
	})
}

func TestListenText(t *testing.T) {
	t.Parallel()
	client := embedded(t)
	push(t, client, "x", `{"data": {"s":
"\u001b"}, "signals": ["x", "y", "remote_event", "event"], "metadata": {"id": "7"}}`, message("z", 2))
	r := invoke(t, "listen", "x", "--count", "2", "--redis", urlOfClient(client)).expect(t, exitDone)
	lines := strings.Split(r.stdout, "\n")
	if len(lines) != 3 || !strings.HasSuffix(lines[0], ` x {"s": "\u001b"} parents=y id=7`) || !strings.HasSuffix(lines[1], ` z {"n": 2} queue=x`) {
		t.Errorf("got %q", lines)
	}
}

// Of several queues, too, no more is taken than was asked for.
func TestListenTakesNoMoreThanItsCount(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		queues := []string{"a", "b", "c"}
		for _, listened := range [][]string{{"a"}, queues, {"a", "b", "c", "a"}} {
			for count := 1; count <= 4; count++ {
				if err := client.Del(t.Context(), queues...).Err(); err != nil {
					t.Fatal(err)
				}
				for n := range 5 {
					for _, q := range queues {
						push(t, client, q, message(q, n))
					}
				}
				args := append([]string{"listen", "-o", "ndjson", "--count", fmt.Sprint(count), "--redis", urlOfClient(client)}, listened...)
				r := invoke(t, args...).expect(t, exitDone)
				if got := strings.Count(r.stdout, "\n"); got != count {
					t.Errorf("%d lines for a count of %d", got, count)
				}
				left := int64(0)
				for _, q := range queues {
					n, err := client.LLen(t.Context(), q).Result()
					if err != nil {
						t.Fatal(err)
					}
					left += n
				}
				if left != int64(15-count) {
					t.Errorf("%v: %d are left of 15 after a count of %d", listened, left, count)
				}
			}
		}
	})
}

// listenInBackground starts listen and returns its lines.
func listenInBackground(t *testing.T, args ...string) (lines *bufio.Reader, cancel func(), ended <-chan result) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	read, write := io.Pipe()
	end := make(chan result, 1)
	go func() {
		r := invocation{args: append([]string{"listen", "-o", "ndjson"}, args...), stdout: write}.run(ctx)
		_ = write.Close()
		end <- r
	}()
	t.Cleanup(func() { cancel(); _ = read.Close() })
	return bufio.NewReader(read), cancel, end
}

func readLine(t *testing.T, lines *bufio.Reader) string {
	t.Helper()
	line, err := lines.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return line
}

// A queue that waits for its first message takes none once another queue has
// had the last.
func TestListenStopsWaiting(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		lines, _, ended := listenInBackground(t, "a", "b", "--count", "1", "--redis", urlOfClient(client))
		push(t, client, "b", message("b", 1))
		readLine(t, lines)
		push(t, client, "a", message("a", 2))
		push(t, client, "b", message("b", 3))
		(<-ended).expect(t, exitDone)
		expectLength(t, client, "a", 1)
		expectLength(t, client, "b", 1)
	})
}

func TestListenUntilInterrupted(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		lines, cancel, ended := listenInBackground(t, "a", "b", "c", "--redis", urlOfClient(client))
		for n := range 20 {
			q := []string{"a", "b", "c"}[n%3]
			push(t, client, q, message(q, n))
			if got, want := readLine(t, lines), fmt.Sprintf(`"payload":{"n":%d}`, n); !strings.Contains(got, want) {
				t.Errorf("got %s, want %s", got, want)
			}
		}
		cancel()
		(<-ended).expect(t, exitDone)
	})
}

func TestListenTimeout(t *testing.T) {
	t.Parallel()
	client := embedded(t)
	url := urlOfClient(client)
	invoke(t, "listen", "x", "y", "--timeout", "50ms", "--redis", url).expect(t, exitNothing, "no event within 50ms")
	push(t, client, "x", message("x", 1))
	if r := invoke(t, "listen", "x", "--timeout", "50ms", "--redis", url).expect(t, exitDone); !strings.Contains(r.stdout, `{"n": 1}`) {
		t.Errorf("stdout: %s", r.stdout)
	}
}

func TestListenToTheConfiguredEvents(t *testing.T) {
	t.Parallel()
	client := embedded(t)
	host, port, _ := strings.Cut(client.Options().Addr, ":")
	directory := t.TempDir()
	file := filepath.Join(directory, "config.yml")
	text := fmt.Sprintf("redis:\n  host: %s\n  port: %s\nremote_event:\n  events:\n    - name: a\n    - name: b\n", host, port)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	push(t, client, "a", message("a", 1))
	push(t, client, "b", message("b", 2))
	r := invoke(t, "listen", "--config", file, "--count", "2").expect(t, exitDone, "warning: "+file, "backend")
	if !strings.Contains(r.stdout, `{"n": 1}`) || !strings.Contains(r.stdout, `{"n": 2}`) {
		t.Errorf("stdout: %s", r.stdout)
	}
	invoke(t, "listen", "--config", filepath.Join(directory, "missing.yml")).expect(t, exitFailed, "missing.yml")
	if err := os.WriteFile(file, []byte("other: 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	invoke(t, "listen", "--config", file).expect(t, exitUsage, "no event to listen to")
}

// failing is an output that takes some writes and then fails.
type failing struct {
	writes int
	err    error
}

func (f *failing) Write(p []byte) (int, error) {
	if f.writes--; f.writes < 0 {
		return 0, f.err
	}
	return len(p), nil
}

// TestListenWhereTheOutputFails checks that an event that cannot be printed returns to its
// queue.
func TestListenWhereTheOutputFails(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		for _, test := range []struct {
			err  error
			code int
		}{{syscall.EPIPE, exitDone}, {syscall.ENOSPC, exitFailed}} {
			push(t, client, "x", message("x", 1), message("x", 2), message("x", 3))
			i := invocation{args: []string{"listen", "x", "y", "--redis", urlOfClient(client)}, stdout: &failing{1, test.err}}
			r := i.run(t.Context()).expect(t, test.code)
			if quiet := afterAnnouncement(t, r.stderr) == ""; quiet != (test.code == exitDone) {
				t.Errorf("stderr: %s", r.stderr)
			}
			if got := strings.Join(stored(t, client, "x"), " "); got != message("x", 2)+" "+message("x", 3) {
				t.Errorf("left: %s", got)
			}
			client.Del(t.Context(), "x")
		}
	})
}

func TestListenWhereRedisRefuses(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		if err := client.Set(t.Context(), "x", "a string", 0).Err(); err != nil {
			t.Fatal(err)
		}
		invoke(t, "listen", "x", "y", "--redis", urlOfClient(client)).expect(t, exitFailed, "WRONGTYPE", "hint:")
	})
}

func TestListenGoesOnAfterALostConnection(t *testing.T) {
	t.Parallel()
	addr := redistest.FreeAddr(t)
	first := redistest.Start(t, addr)
	lines, cancel, ended := listenInBackground(t, "a", "b", "--redis", urlOf(addr))
	client := redis.NewClient(&redis.Options{Addr: addr, MaxRetries: 100})
	defer client.Close()
	push(t, client, "a", message("a", 1))
	readLine(t, lines)
	first.Stop()
	redistest.Start(t, addr)
	push(t, client, "b", message("b", 2))
	if got := readLine(t, lines); !strings.Contains(got, `"n":2`) {
		t.Errorf("got %s", got)
	}
	// The outage ends with a successful wait: a claim may have taken the event above.
	for n := 3; n <= 4; n++ {
		push(t, client, "b", message("b", n))
		readLine(t, lines)
	}
	cancel()
	(<-ended).expect(t, exitDone, "cannot receive; retrying", "receiving again")
}
