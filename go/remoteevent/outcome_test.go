package remoteevent_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/redistest"
	"github.com/remote-events/remote-events/go/remoteevent"
	"github.com/remote-events/remote-events/go/wire"
)

// impostor starts a server that replies to commands with the results of answer. It returns
// its address, and the LPUSH commands that reach it.
func impostor(t *testing.T, answer func(command string) (reply string, hangUp bool)) (addr string, pushes <-chan string) {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	seen := make(chan string, 100)
	served := make(chan struct{})
	go func() {
		defer close(served)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				for r := bufio.NewReader(conn); ; {
					command, err := readCommand(r)
					if err != nil {
						return
					}
					if strings.HasPrefix(command, "lpush") {
						seen <- command
					}
					reply, hangUp := answer(command)
					if hangUp {
						return
					}
					if _, err := io.WriteString(conn, reply); err != nil {
						return
					}
				}
			}()
		}
	}()
	t.Cleanup(func() { _ = listener.Close(); <-served })
	return listener.Addr().String(), seen
}

func readCommand(r *bufio.Reader) (string, error) {
	var n int
	if _, err := fmt.Fscanf(r, "*%d\r\n", &n); err != nil {
		return "", err
	}
	args := make([]string, n)
	for i := range args {
		var size int
		if _, err := fmt.Fscanf(r, "$%d\r\n", &size); err != nil {
			return "", err
		}
		arg := make([]byte, size+2)
		if _, err := io.ReadFull(r, arg); err != nil {
			return "", err
		}
		args[i] = string(arg[:size])
	}
	return strings.ToLower(strings.Join(args, " ")), nil
}

func TestOutcomes(t *testing.T) {
	t.Parallel()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		name   string
		ctx    context.Context //nolint:containedctx // of one call
		answer func(command string) (string, bool)
		want   error
		pushes int
	}{
		{"the answer is lost", t.Context(), func(command string) (string, bool) {
			return "-ERR unknown command\r\n", strings.HasPrefix(command, "lpush")
		}, remoteevent.ErrUnknown, 1},
		{"the connection is lost before", t.Context(), func(string) (string, bool) { return "", true }, remoteevent.ErrNotSent, 0},
		{"the context has ended", ended, func(string) (string, bool) { return "-ERR unknown command\r\n", false }, remoteevent.ErrNotSent, 0},
		{"Redis loads", t.Context(), func(command string) (string, bool) {
			if strings.HasPrefix(command, "lpush") {
				return "-LOADING Redis is loading the dataset in memory\r\n", false
			}
			return "-ERR unknown command\r\n", false
		}, nil, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			addr, pushes := impostor(t, c.answer)
			client := redis.NewClient(&redis.Options{Addr: addr})
			defer client.Close()
			err := sender(t, client).Send(c.ctx, FileEvent{"/x"})
			if c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("got %v", err)
			}
			if c.want == nil && (!redis.HasErrorPrefix(err, "LOADING") || errors.Is(err, remoteevent.ErrUnknown)) {
				t.Errorf("got %v", err)
			}
			if len(pushes) != c.pushes {
				t.Errorf("%d pushes reached the server", len(pushes))
			}
		})
	}
}

// TestRefusedPassword: what the server says before it takes a command is no
// doubt about the command.
func TestRefusedPassword(t *testing.T) {
	t.Parallel()
	addr := redistest.FreeAddr(t)
	redistest.Start(t, addr, "--requirepass", "s3cret")
	client := redis.NewClient(&redis.Options{Addr: addr, Password: "wr0ng"})
	defer client.Close()
	err := sender(t, client).SendBatch(t.Context(), FileEvent{"/x"}, Tags{})
	var batch *remoteevent.BatchError
	if !errors.As(err, &batch) || batch.Count(remoteevent.Rejected) != 2 || strings.Contains(err.Error(), "wr0ng") {
		t.Errorf("got %v", err)
	}
}

func TestHostileSignals(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		got := make(chan int, 10)
		_, quiet := newLog()
		mux, r := receiver(t, client, quiet, remoteevent.WithQueues("q"))
		must(t, mux.Listen("event", func(_ context.Context, d *remoteevent.Delivery) error {
			got <- len(d.Envelope().Metadata.Signals)
			return nil
		}))
		start(t, r)
		var b strings.Builder
		for i := range 500_000 {
			fmt.Fprintf(&b, "%q, ", fmt.Sprint(i))
		}
		for _, signals := range []string{b.String(), strings.Repeat(`"q", `, 500_000), strings.Repeat(`0, `, 500_000)} {
			must(t, client.LPush(t.Context(), "q", `{"data": {}, "signals": [`+signals+`"event"]}`).Err())
		}
		for range 3 {
			next(t, got)
		}
	})
}

func TestListenerThatEndsItsGoroutine(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		logged, option := newLog()
		got := make(chan string, 10)
		mux, r := receiver(t, client, option)
		must(t, remoteevent.Handle(mux, func(_ context.Context, e FileEvent) error {
			if e.Path == "exit" {
				runtime.Goexit()
			}
			got <- e.Path
			return nil
		}))
		must(t, sender(t, client).SendBatch(t.Context(), FileEvent{"exit"}, FileEvent{"on"}))
		start(t, r)
		if path := next(t, got); path != "on" {
			t.Errorf("got %s", path)
		}
		logged.wait(t, "runtime.Goexit")
	})
}

func TestStopIdle(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		_, r := receiver(t, client, remoteevent.WithShutdownTimeout(0), remoteevent.WithQueues("q"))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		must(t, r.Run(ctx))
	})
}

func TestEnvelopesAreTheCallers(t *testing.T) {
	t.Parallel()
	env, err := remoteevent.NewEnvelope(FileEvent{})
	must(t, err)
	env.Metadata.Signals[0] = "changed"
	again, err := remoteevent.NewEnvelope(FileEvent{})
	must(t, err)
	if again.EventName != "file_event" || again.Metadata.Signals[0] != "file_event" {
		t.Errorf("%+v", again)
	}
	stamped := remoteevent.Stamp(wire.Envelope{Metadata: wire.Metadata{Attributes: map[string]string{"time": "now"}}})
	if a := stamped.Metadata.Attributes; a["id"] == "" || a["time"] != "now" {
		t.Errorf("%v", a)
	}
}

func failing(context.Context, FileEvent) error { return errors.New("at the disk") }

func failingToo(context.Context, *remoteevent.Delivery) error { panic("at the network") }

// TestLogNamesListeners: who reads the log knows where to look.
func TestLogNamesListeners(t *testing.T) {
	t.Parallel()
	addr := redistest.FreeAddr(t)
	redistest.Start(t, addr)
	client := redis.NewClient(&redis.Options{Addr: addr})
	defer client.Close()
	logged, option := newLog()
	mux, r := receiver(t, client, option)
	must(t, remoteevent.Handle(mux, failing))
	must(t, mux.Listen("event", failingToo))
	must(t, mux.Listen("event", func(context.Context, *remoteevent.Delivery) error { return nil }))
	start(t, r)
	must(t, sender(t, client).Send(t.Context(), FileEvent{"x"}))
	line := logged.wait(t, "will be retried")
	if !strings.Contains(line, "remoteevent_test.failing github.com/") || !strings.Contains(line, "remoteevent_test.failingToo\" error=") {
		t.Error(line)
	}
}
