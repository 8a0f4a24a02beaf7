package main

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/queueadmin"
	"github.com/remote-events/remote-events/go/remoteevent"
	"github.com/remote-events/remote-events/go/remoteeventtest"
)

const helloSHA256 = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"

// directory returns a directory with a file hello.txt.
func directory(t *testing.T) *os.Root {
	t.Helper()
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "hello.txt"), []byte("hello"), 0o600))
	root, err := os.OpenRoot(dir)
	must(t, err)
	t.Cleanup(func() { _ = root.Close() })
	return root
}

// listeners returns a mux with the listeners of the service, and the Redis to which
// they send.
func listeners(t *testing.T) (*remoteevent.Mux, *redis.Client) {
	t.Helper()
	sender, client := remoteeventtest.NewSender(t)
	mux, err := remoteevent.NewMux()
	must(t, err)
	must(t, (&files{directory(t), sender, slog.New(slog.DiscardHandler)}).register(mux))
	return mux, client
}

func TestNewFile(t *testing.T) {
	t.Parallel()
	mux, client := listeners(t)
	must(t, remoteeventtest.Deliver(t, mux, NewFileEvent{Path: "hello.txt"}))
	if event := remoteeventtest.RequireSent[ChecksumEvent](t, client); event != (ChecksumEvent{"hello.txt", helloSHA256}) {
		t.Errorf("%+v was sent", event)
	}
}

func TestMissingFile(t *testing.T) {
	t.Parallel()
	mux, client := listeners(t)
	if err := remoteeventtest.Deliver(t, mux, NewFileEvent{Path: "missing.txt"}); err == nil {
		t.Error("a missing file is not an error")
	}
	remoteeventtest.RequireNotSent[ChecksumEvent](t, client)
}

func TestRedisAway(t *testing.T) {
	t.Parallel()
	mux, client := listeners(t)
	must(t, client.Close())
	if err := remoteeventtest.Deliver(t, mux, NewFileEvent{Path: "hello.txt"}); err == nil {
		t.Error("an event that was not sent is not an error, and would not be retried")
	}
}

// TestService runs the whole service in virtual time: a file appears after the first
// attempt, a wrong checksum is a dead letter, and the figures count both.
func TestService(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sender, client := remoteeventtest.NewSender(t)
		root := directory(t)
		receiver, handler, err := newService(client, root, slog.New(slog.DiscardHandler))
		must(t, err)
		must(t, sender.SendBatch(t.Context(), NewFileEvent{Path: "late.txt"},
			VerifyFileEvent{"hello.txt", helloSHA256}, VerifyFileEvent{"hello.txt", "0000"}, VerifyFileEvent{"../etc/passwd", "0000"}))

		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- receiver.Run(ctx) }()
		time.Sleep(400 * time.Millisecond) //nolint:forbidigo // in the time of the bubble
		must(t, root.WriteFile("late.txt", []byte("hello"), 0o600))
		time.Sleep(10 * time.Second) //nolint:forbidigo // in the time of the bubble
		for _, line := range []string{
			`events_handled_total{disposition="acknowledged",queue="new_file_event"} 1`,
			`events_handled_total{disposition="retried",queue="new_file_event"} 1`,
			`events_handled_total{disposition="acknowledged",queue="verify_file_event"} 1`,
			`events_handled_total{disposition="dead-lettered",queue="verify_file_event"} 2`,
			`events_sent_total{event="checksum_event",outcome="stored"} 1`,
		} {
			if metrics := get(handler, "/metrics").Body.String(); !strings.Contains(metrics, line+"\n") {
				t.Errorf("the metrics do not have %s\n%s", line, metrics)
			}
		}
		if code := get(handler, "/readyz").Code; code != http.StatusOK {
			t.Errorf("/readyz answers %d while the service runs", code)
		}
		stop()
		must(t, <-done)
		if code := get(handler, "/readyz").Code; code != http.StatusServiceUnavailable {
			t.Errorf("/readyz answers %d after the shutdown", code)
		}

		if event := remoteeventtest.RequireSent[ChecksumEvent](t, client); event.Path != "late.txt" {
			t.Errorf("%+v was sent", event)
		}
		queue, err := queueadmin.Open(client, "verify_file_event")
		must(t, err)
		for letter, err := range queue.DeadLetters(t.Context()) {
			if err != nil || letter.Code != queueadmin.CodePermanent || letter.Attempts != 1 {
				t.Errorf("dead letter %+v, %v", letter, err)
			}
		}
	})
}

func get(handler http.Handler, path string) *httptest.ResponseRecorder {
	response := httptest.NewRecorder()
	handler.ServeHTTP(response, httptest.NewRequest(http.MethodGet, path, nil))
	return response
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
