// Package redistest provides Redis servers for tests: an embedded one and a real one.
package redistest

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/embeddedredis"
)

// Each runs a test on the embedded Redis and on a real one. Both are empty.
func Each(t *testing.T, test func(t *testing.T, client *redis.Client)) {
	t.Helper()
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		server, err := embeddedredis.Listen("127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = server.Close() })
		test(t, connect(t, server.Addr()))
	})
	t.Run("redis", func(t *testing.T) {
		t.Parallel()
		test(t, connect(t, Start(t, FreeAddr(t)).Addr))
	})
}

// Server is a real Redis on a loopback port, without persistence.
type Server struct {
	Addr string

	command *exec.Cmd
}

// Start starts a real Redis, waits until it accepts connections, and stops it when the
// test ends. It runs the program that REMOTE_EVENT_REDIS_SERVER names, else redis-server
// from the PATH. The test fails without a program.
func Start(t testing.TB, addr string, args ...string) *Server {
	t.Helper()
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	args = append([]string{"--bind", host, "--port", port, "--save", "", "--dir", t.TempDir()}, args...)
	return start(t, addr, "Ready to accept connections", args...)
}

// start starts a server with these arguments, and waits until it prints a text.
func start(t testing.TB, addr, ready string, args ...string) *Server {
	t.Helper()
	program := os.Getenv("REMOTE_EVENT_REDIS_SERVER")
	if program == "" {
		program = "redis-server"
	}
	path, err := exec.LookPath(program)
	if err != nil {
		t.Fatalf("no %s: install Redis, or run the tests with `go tool mage test`, which installs it (%v)", program, err)
	}
	s := &Server{Addr: addr, command: exec.CommandContext(context.Background(), path, args...)} //nolint:gosec // the test names the program
	output, err := s.command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	lines := bufio.NewScanner(output)
	for lines.Scan() {
		if strings.Contains(lines.Text(), ready) {
			go func() {
				for lines.Scan() {
				}
			}()
			return s
		}
	}
	t.Fatalf("%s %s ended before it was ready", filepath.Base(path), addr)
	return nil
}

// Stop kills the server. It may be called more than once.
func (s *Server) Stop() {
	_ = s.command.Process.Kill()
	_ = s.command.Wait()
}

// FreeAddr returns a loopback address that a server of the test can listen on, end,
// and listen on again. Its port is below those that systems assign to connections and
// to listeners without a port, so that no other program gets it in between. So is the
// port 10,000 above it, on which a node of a cluster listens as well.
func FreeAddr(t testing.TB) string {
	t.Helper()
	const first, last = 11_000, 21_000
	for range 100 {
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(first+rand.IntN(last-first)))
		if _, given := addresses.LoadOrStore(addr, true); given {
			continue
		}
		listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", addr)
		if err == nil && listener.Close() == nil {
			return addr
		}
	}
	t.Fatal("no free TCP port on 127.0.0.1")
	return ""
}

// addresses holds the addresses that FreeAddr has returned in this process.
var addresses sync.Map

func connect(t *testing.T, addr string) *redis.Client {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: addr})
	t.Cleanup(func() { _ = client.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := client.Ping(ctx).Err(); err != nil {
		t.Fatal(fmt.Errorf("ping: %w", err))
	}
	return client
}
