package remoteevent_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/remote-events/remote-events/go/remoteevent"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// log collects what a receiver logs.
type log struct {
	mu    sync.Mutex
	text  strings.Builder
	lines chan string
}

func newLog() (*log, remoteevent.Option) {
	l := &log{lines: make(chan string, 1000)}
	return l, remoteevent.WithLogger(slog.New(slog.NewTextHandler(l, nil)))
}

func (l *log) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Write(line)
	l.lines <- string(line)
	return len(line), nil
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// wait returns the next line that holds the words.
func (l *log) wait(t *testing.T, words string) string {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		select {
		case line := <-l.lines:
			if strings.Contains(line, words) {
				return line
			}
		case <-deadline:
			t.Fatalf("nothing was logged of %q\n%s", words, l)
		}
	}
}

// start runs a receiver until the test ends or stop is called, which returns
// what Run did.
func start(t *testing.T, r *remoteevent.Receiver) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	var once sync.Once
	var err error
	stop = func() error {
		once.Do(func() {
			cancel()
			select {
			case err = <-done:
			case <-time.After(30 * time.Second):
				err = errors.New("Run does not return")
			}
		})
		return err
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	return stop
}

// receiver returns a receiver of a mux, for listeners.
func receiver(t *testing.T, client redis.UniversalClient, options ...remoteevent.ReceiverOption) (*remoteevent.Mux, *remoteevent.Receiver) {
	t.Helper()
	mux, err := remoteevent.NewMux()
	must(t, err)
	return mux, receiverOf(t, client, mux, options...)
}

func receiverOf(t *testing.T, client redis.UniversalClient, handler remoteevent.Handler, options ...remoteevent.ReceiverOption) *remoteevent.Receiver {
	t.Helper()
	r, err := remoteevent.NewReceiver(client, handler, options...)
	must(t, err)
	return r
}

// numberedQueues returns the names q0, q1, and so on.
func numberedQueues(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprint("q", i)
	}
	return names
}

func sender(t *testing.T, client redis.UniversalClient, options ...remoteevent.SenderOption) *remoteevent.Sender {
	t.Helper()
	s, err := remoteevent.NewSender(client, options...)
	must(t, err)
	return s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func next[T any](t *testing.T, values <-chan T) T {
	t.Helper()
	select {
	case v := <-values:
		return v
	case <-time.After(20 * time.Second):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}
