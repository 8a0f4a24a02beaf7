package ui

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/redistest"
)

// events reads the events of a stream.
func events(t *testing.T, client *http.Client, address string) (next func() (map[string]string, error)) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	must(t, err)
	r.Header.Set("Accept", "text/event-stream")
	response, err := client.Do(r)
	must(t, err)
	t.Cleanup(func() { _ = response.Body.Close() })
	if got := response.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Fatalf("%s: %s", response.Status, got)
	}
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, 1<<22)
	return func() (map[string]string, error) {
		for lines.Scan() {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				var parts map[string]string
				return parts, json.Unmarshal([]byte(data), &parts)
			}
		}
		return nil, io.EOF
	}
}

// TestStream checks that a stream has all live parts first, and then those that changed.
func TestStream(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		must(t, client.LPush(t.Context(), "x", message("x", 1)).Err())
		bury(t, client, "x", letter(message("x", 2), "failed", "why"))
		s := serve(t, client, Options{})
		s.until("/", ">x</bdi>")
		for path, names := range map[string][]string{
			"/": {"status", "totals", "rows"}, "/queue?queue=x": {"status", "queue-tiles", "queue-facts"}, "/dead": {"status", "dead-total"}, "/dead/letter?queue=x&id=x": {"status"},
		} {
			first, err := events(t, s.client, s.server.URL+path)()
			if err != nil || len(first) != len(names) {
				t.Errorf("%s: %v, %d parts", path, err, len(first))
			}
			for _, name := range names {
				if _, ok := first[name]; !ok {
					t.Errorf("%s lacks %s", path, name)
				}
			}
		}
		next := events(t, s.client, s.server.URL+"/")
		must(t, client.LPush(t.Context(), "appears", message("x", 1)).Err())
		for {
			parts, err := next()
			must(t, err)
			if strings.Contains(parts["rows"], ">appears</bdi>") {
				break
			}
		}
	})
}

// TestStreamLimit checks that streams beyond the maximum are denied, and that others end.
func TestStreamLimit(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", MaxRetries: -1, DialerRetries: 1})
	defer client.Close()
	s := serve(t, client, Options{})
	for range maxStreams {
		s.ui.streams <- struct{}{}
	}
	response, _ := s.request(http.MethodGet, "/", nil, func(r *http.Request) { r.Header.Set("Accept", "text/event-stream") })
	if response.StatusCode != http.StatusServiceUnavailable {
		t.Error(response.Status)
	}
	s.get("/", http.StatusOK, "Redis cannot be reached")
}

// TestServe checks that the end of the context ends streams and the server.
func TestServe(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		u, err := New(Options{Client: client, Interval: 10 * time.Millisecond})
		must(t, err)
		listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		must(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		served := make(chan error, 1)
		go func() { served <- u.Serve(ctx, listener) }()
		transport := &http.Transport{}
		defer transport.CloseIdleConnections()
		next := events(t, &http.Client{Transport: transport}, "http://"+listener.Addr().String()+"/")
		if _, err := next(); err != nil {
			t.Fatal(err)
		}
		cancel()
		for {
			if _, err := next(); err != nil {
				break
			}
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
		if _, err := new(net.Dialer).DialContext(t.Context(), "tcp", listener.Addr().String()); err == nil {
			t.Error("the server still listens")
		}
	})
}
