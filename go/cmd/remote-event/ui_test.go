package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/redistest"
)

// running is a command that prints a record and then runs until the test ends it.
type running struct {
	record map[string]any
	end    func() result
}

func startServing(t *testing.T, env []string, args ...string) running {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	read, write := io.Pipe()
	ended := make(chan result, 1)
	go func() {
		r := invocation{args: append(args, "-o", "json"), env: env, stdout: write}.run(ctx)
		_ = write.Close()
		ended <- r
	}()
	line, err := bufio.NewReader(read).ReadString('\n')
	if err != nil {
		cancel()
		t.Fatalf("%v: %+v", err, <-ended)
	}
	r := running{end: func() result { cancel(); return <-ended }}
	if err := json.Unmarshal([]byte(line), &r.record); err != nil {
		t.Fatal(err)
	}
	return r
}

// status returns the status of a page, for a user if one is given.
func status(t *testing.T, method, url string, credentials ...string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(credentials) == 2 {
		request.SetBasicAuth(credentials[0], credentials[1])
	}
	request.Close = true
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	return response.StatusCode
}

func TestUI(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		redisURL := urlOfClient(client)
		r := startServing(t, nil, "ui", "--addr", "127.0.0.1:0", "--redis", redisURL)
		page, _ := r.record["url"].(string)
		if !strings.HasPrefix(page, "http://127.0.0.1:") || r.record["redis"] != redisURL || r.record["allow_write"] != false {
			t.Errorf("%v", r.record)
		}
		if got := status(t, http.MethodGet, page); got != http.StatusOK {
			t.Errorf("GET: %d", got)
		}
		if got := status(t, http.MethodPost, page+"operation"); got != http.StatusForbidden {
			t.Errorf("POST: %d", got)
		}
		r.end().expect(t, exitDone)

		r = startServing(t, nil, "ui", "--addr", "127.0.0.1:0", "--redis", redisURL, "--allow-write")
		page, _ = r.record["url"].(string)
		if got := status(t, http.MethodPost, page+"operation"); got != http.StatusBadRequest {
			t.Errorf("POST with --allow-write: %d", got)
		}
		r.end().expect(t, exitDone)
	})
}

// TestUIPassword checks that another interface requires a password, that it comes from a file
// or from the environment, and that it is never shown.
func TestUIPassword(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		redisURL := urlOfClient(client)
		file := filepath.Join(t.TempDir(), "auth")
		if err := os.WriteFile(file, []byte("ann:se:cret\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		invoke(t, "ui", "--addr", "0.0.0.0:0", "--redis", redisURL).expect(t, exitUsage, "reachable from other machines", "--auth-file")
		for _, test := range []struct {
			env  []string
			args []string
		}{{nil, []string{"--auth-file", file}}, {[]string{uiAuthEnv + "=ann:se:cret"}, nil}} {
			r := startServing(t, test.env, append([]string{"ui", "--addr", "0.0.0.0:0", "--redis", redisURL}, test.args...)...)
			page, _ := r.record["url"].(string)
			if got := status(t, http.MethodGet, page); got != http.StatusUnauthorized {
				t.Errorf("without a password: %d", got)
			}
			if got := status(t, http.MethodGet, page, "ann", "other"); got != http.StatusUnauthorized {
				t.Errorf("with another password: %d", got)
			}
			if got := status(t, http.MethodGet, page, "ann", "se:cret"); got != http.StatusOK {
				t.Errorf("with the password: %d", got)
			}
			if ended := r.end().expect(t, exitDone, "clear text"); strings.Contains(ended.stdout+ended.stderr, "cret") {
				t.Errorf("the output has the password: %+v", ended)
			}
		}
		for _, text := range []string{"", "ann", ":secret", "ann:", "ann:se\ncret"} {
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if r := invoke(t, "ui", "--addr", "127.0.0.1:0", "--redis", redisURL, "--auth-file", file).expect(t, exitUsage, "USER:PASSWORD"); strings.Contains(r.stderr, "cret") {
				t.Errorf("%q: %s", text, r.stderr)
			}
		}
		invoke(t, "ui", "--auth-file", file+"x", "--redis", redisURL).expect(t, exitFailed, "--auth-file")
		invoke(t, "ui", "--addr", "7379", "--redis", redisURL).expect(t, exitUsage, "HOST:PORT")
		invoke(t, "ui", "--https-cert", file, "--https-key", file, "--redis", redisURL).expect(t, exitFailed, "--https-cert")
		invoke(t, "ui", "--addr", client.Options().Addr, "--redis", redisURL).expect(t, exitFailed, "cannot listen", "port 0")
		r := invocation{args: []string{"ui", "--no-auth", "--redis", redisURL}, env: []string{uiAuthEnv + "=a:b"}}.run(t.Context())
		r.expect(t, exitUsage, "--no-auth")
	})
}

func TestDevUI(t *testing.T) {
	t.Parallel()
	r := startServing(t, nil, "dev", "--addr", "127.0.0.1:0")
	page, _ := r.record["ui"].(string)
	if got := status(t, http.MethodGet, page); got != http.StatusOK {
		t.Errorf("GET %s: %d", page, got)
	}
	if got := status(t, http.MethodPost, page+"operation"); got != http.StatusBadRequest { // and not 403
		t.Errorf("POST: %d", got)
	}
	r.end().expect(t, exitDone)
	r = startServing(t, nil, "dev", "--addr", "127.0.0.1:0", "--ui", "")
	if page := r.record["ui"]; page != nil {
		t.Errorf("a page: %v", page)
	}
	r.end().expect(t, exitDone)
	invoke(t, "dev", "--addr", "127.0.0.1:0", "--ui", "0.0.0.0:0").expect(t, exitUsage, "loopback", "remote-event ui")
	invoke(t, "dev", "--addr", "127.0.0.1:0", "--ui", "7379").expect(t, exitUsage, "HOST:PORT")
}
