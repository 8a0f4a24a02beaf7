// Package examples_test runs the examples as their READMEs say.
package examples_test

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
)

func TestQuickstart(t *testing.T) {
	t.Parallel()
	env := "REDIS_URL=redis://" + startRedis(t) + "/0"
	sender := start(t, ".", []string{env}, build(t, "./quickstart/sender"), "/uploads/video1.mp4")
	sender.expect(t, "sent /uploads/video1.mp4")
	receiver := start(t, ".", []string{env}, build(t, "./quickstart/receiver"))
	receiver.expect(t, "New file received /uploads/video1.mp4")
}

// TestMixedOriginal lets both applications compete for what the original sends,
// and then has the original receive what Go sends.
func TestMixedOriginal(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes many seconds")
	}
	addr := startRedis(t)
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	env := []string{"REDIS_HOST=" + host, "REDIS_PORT=" + port, "REDIS_URL=redis://" + addr + "/0"}

	inGo := start(t, "mixed", env, build(t, "./mixed/app"))
	inGo.expect(t, "go is ready")
	args := []string{"app.py"}
	for i := range 20 {
		args = append(args, fmt.Sprintf("/from/python/%02d", i))
	}
	inPython := start(t, "mixed", env, original(t), append(args, "--probe")...)
	var handled []string
	for byGo := 0; len(handled) < 20 || byGo == 0; {
		var line string
		select {
		case line = <-inGo.lines:
			byGo++
		case line = <-inPython.lines:
		case <-time.After(deadline):
			t.Fatalf("handled so far, %d of it by Go: %v", byGo, handled)
		}
		if _, path, ok := strings.Cut(line, "handled "); ok {
			handled = append(handled, path)
		}
	}
	slices.Sort(handled)
	if !slices.Equal(handled, args[1:]) {
		t.Errorf("handled %v", handled)
	}

	inGo.stop(t)
	start(t, ".", env, build(t, "./quickstart/sender"), "/from/go")
	inPython.expect(t, "python handled /from/go")

	live := exec.CommandContext(t.Context(), "go", "run", "./cmd/compat", "live", "--redis", "redis://"+addr+"/0", "--family", "wire,payload", "--timeout", "1m")
	live.Dir = filepath.Join("..", "compat")
	if output, err := live.CombinedOutput(); err != nil || !strings.Contains(string(output), "the application itself listens to new_file_event") {
		t.Errorf("compat live: %v\n%s", err, output)
	}
	start(t, ".", env, build(t, "./quickstart/sender"), "/after/the/test")
	inPython.expect(t, "python handled /after/the/test")
}

// TestService runs the service against a Redis with TLS whose certificate authority is
// not a public one, as a container would, and stops it.
func TestService(t *testing.T) {
	t.Parallel()
	certified := httptest.NewTLSServer(nil) // has a certificate for 127.0.0.1
	defer certified.Close()
	authority := filepath.Join(t.TempDir(), "ca.pem")
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certified.Certificate().Raw})
	if err := os.WriteFile(authority, certificate, 0o600); err != nil {
		t.Fatal(err)
	}
	redis := miniredis.NewMiniRedis()
	if err := redis.StartTLS(&tls.Config{Certificates: certified.TLS.Certificates}); err != nil {
		t.Fatal(err)
	}
	defer redis.Close()
	files := t.TempDir()
	if err := os.WriteFile(filepath.Join(files, "empty"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	env := []string{"REDIS_URL=rediss://" + redis.Addr() + "/0", "SSL_CERT_FILE=" + authority, "FILES=" + files, "HTTP_ADDR=127.0.0.1:0"}
	service := start(t, ".", env, build(t, "./service"))
	var started struct{ HTTP string }
	if err := json.Unmarshal([]byte(service.expect(t, `"service started"`)), &started); err != nil {
		t.Fatal(err)
	}
	for _, sha256 := range []string{"0000", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"} {
		message := `{"data": {"path": "empty", "sha256": "` + sha256 + `"}, "signals": ["verify_file_event"]}`
		if _, err := redis.Lpush("verify_file_event", message); err != nil {
			t.Fatal(err)
		}
	}
	service.expect(t, "the file does not have the checksum")
	service.expect(t, "file verified")
	for path, want := range map[string]string{
		"/metrics": `events_handled_total{disposition="dead-lettered",queue="verify_file_event"} 1`,
		"/livez":   "",
		"/readyz":  "",
	} {
		response, err := http.Get("http://" + started.HTTP + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil || response.StatusCode != http.StatusOK || !strings.Contains(string(body), want) {
			t.Errorf("GET %s: %s, %v\n%s", path, response.Status, err, body)
		}
	}
	service.stop(t)
}

// deadline is for a machine that has much else to do.
const deadline = 60 * time.Second

// program is a running example, and what it prints.
type program struct {
	command *exec.Cmd
	lines   chan string
}

func start(t *testing.T, dir string, env []string, command string, args ...string) *program {
	t.Helper()
	p := &program{command: exec.CommandContext(t.Context(), command, args...), lines: make(chan string, 1000)}
	p.command.Dir = dir
	p.command.Env = append(os.Environ(), env...)
	p.command.Stderr = t.Output()
	p.command.Cancel = func() error { return p.command.Process.Signal(os.Interrupt) }
	p.command.WaitDelay = 10 * time.Second
	stdout, err := p.command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.command.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for s := bufio.NewScanner(stdout); s.Scan(); {
			p.lines <- s.Text()
		}
	}()
	t.Cleanup(func() {
		<-ended
		_ = p.command.Wait()
	})
	return p
}

// expect waits for a line and returns it.
func (p *program) expect(t *testing.T, want string) string {
	t.Helper()
	for {
		select {
		case line := <-p.lines:
			if strings.Contains(line, want) {
				return line
			}
		case <-time.After(deadline):
			t.Fatalf("%s does not print %q", p.command, want)
		}
	}
}

// stop interrupts a Go example, which ends without an error.
func (p *program) stop(t *testing.T) {
	t.Helper()
	if err := p.command.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := p.command.Wait(); err != nil {
		t.Errorf("%s: %v", p.command, err)
	}
}

func build(t *testing.T, pkg string) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), filepath.Base(pkg))
	if output, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, pkg).CombinedOutput(); err != nil {
		t.Fatalf("go build %s: %v\n%s", pkg, err, output)
	}
	return binary
}

// original returns the Python interpreter of the original's environment.
func original(t *testing.T) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "go", "run", "./cmd/compat", "python", "1.6")
	command.Dir = filepath.Join("..", "compat")
	command.Stderr = t.Output()
	output, err := command.Output()
	if err != nil {
		t.Fatalf("compat python 1.6: %v", err)
	}
	return strings.TrimSpace(string(output))
}

// startRedis starts a real Redis until the test ends, and returns its address.
func startRedis(t *testing.T) string {
	t.Helper()
	server := os.Getenv("REMOTE_EVENT_REDIS_SERVER")
	if server == "" {
		server = "redis-server"
	}
	// Systems assign ports above this range, so that no other program gets the port
	// before Redis does.
	const first, last = 11_000, 32_000
	var addr, port string
	for addr == "" {
		port = strconv.Itoa(first + rand.IntN(last-first))
		listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", net.JoinHostPort("127.0.0.1", port))
		if t.Context().Err() != nil {
			t.Fatal(err)
		}
		if err == nil {
			addr = listener.Addr().String()
			_ = listener.Close()
		}
	}
	redis := start(t, t.TempDir(), nil, server, "--bind", "127.0.0.1", "--port", port, "--save", "")
	redis.expect(t, "Ready to accept connections")
	return addr
}
