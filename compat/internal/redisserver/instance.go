package redisserver

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/compat/internal/process"
)

// Instance is a redis-server that can be stopped and started again, with the same port
// and data. It is not safe for concurrent use.
type Instance struct {
	server   *Server
	binary   string
	dir      string
	port     string
	settings []string
	env      []string
	timeout  time.Duration
	run      *run // nil while it does not run
}

// Durable returns the settings of a server that writes data to disk before it replies.
func Durable() []string { return []string{"appendonly yes", "appendfsync always"} }

// StartInstance starts an Instance on a TCP port and waits until it serves. The caller
// must close it. ctx bounds the start only.
func StartInstance(ctx context.Context, options Options) (*Instance, error) {
	binary, err := options.Find(ctx)
	if err != nil {
		return nil, err
	}
	if options.Timeout <= 0 {
		options.Timeout = 30 * time.Second
	}
	for attempt := 1; ; attempt++ {
		i, err := newInstance(ctx, binary, options)
		if err != nil {
			return nil, err
		}
		err = i.Start(ctx)
		if err == nil {
			return i, nil
		}
		err = errors.Join(err, i.Close())
		if attempt == 3 || !strings.Contains(err.Error(), "Address already in use") {
			return nil, err
		}
	}
}

func newInstance(ctx context.Context, binary string, options Options) (*Instance, error) {
	port, err := lastingPort(ctx)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "remote-event-redis-")
	if err != nil {
		return nil, err
	}
	settings := append([]string{
		"daemonize no", `save ""`, "appendonly no", `logfile ""`, "protected-mode no", "bind 127.0.0.1", "port " + port,
		"repl-diskless-sync-delay 0", // do not wait for further replicas
	}, options.Settings...)
	server := &Server{kind: KindLocal, url: "redis://" + net.JoinHostPort("127.0.0.1", port) + "/0"}
	var env []string
	if options.Clock != nil {
		env = options.Clock.env()
	}
	return &Instance{server: server, binary: binary, dir: dir, port: port, settings: settings, env: env, timeout: options.Timeout}, nil
}

// lastingPort returns a free port that stays free while a server restarts: it is below the
// range from which systems assign ports to connections and to listeners. The bus port of
// cluster nodes, higher by 10,000, is also free and below the range.
func lastingPort(ctx context.Context) (string, error) {
	const first, last, bus = 11_000, 22_000, 10_000
	for range 100 {
		number := first + rand.IntN(last-first)
		if isFree(ctx, number) && isFree(ctx, number+bus) {
			return strconv.Itoa(number), nil
		}
	}
	return "", errors.New("no free TCP port on 127.0.0.1")
}

func isFree(ctx context.Context, port int) bool {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	return err == nil && listener.Close() == nil
}

// Addr returns the address as host:port.
func (i *Instance) Addr() string { return net.JoinHostPort("127.0.0.1", i.port) }

// URL returns the server's address as a redis:// URL.
func (i *Instance) URL() string { return i.server.URL() }

// Dir returns the directory of the server's data.
func (i *Instance) Dir() string { return i.dir }

// String describes the server: "redis 7.0.15".
func (i *Instance) String() string { return i.server.String() }

// Start starts the stopped server, and waits until it has loaded its data and serves.
func (i *Instance) Start(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, i.timeout, fmt.Errorf("it does not serve within %v", i.timeout))
	defer cancel()
	run, err := launch(ctx, i.dir, i.settings, i.env, i.binary, "-")
	if err != nil {
		return fmt.Errorf("start %s: %w", i.binary, err)
	}
	i.run = run
	err = i.server.await(ctx, run)
	for err == nil {
		if err = i.Do(ctx, "PING"); err == nil {
			return nil
		}
		if redis.HasErrorPrefix(err, "LOADING") {
			pause(ctx, 2*time.Millisecond, run.ended)
			err = context.Cause(ctx)
		}
	}
	return fmt.Errorf("start %s: %w", i.binary, errors.Join(err, i.Kill()))
}

// Do executes one command on a new connection.
func (i *Instance) Do(ctx context.Context, args ...any) error {
	client := i.Client()
	defer func() { _ = client.Close() }()
	return client.Do(ctx, args...).Err()
}

// Client returns a client without automatic retries that observes the deadlines of
// contexts. The caller must close it.
func (i *Instance) Client() *redis.Client {
	return redis.NewClient(&redis.Options{Addr: i.Addr(), MaxRetries: -1, DialerRetries: 1, ContextTimeoutEnabled: true})
}

// Kill kills the server (SIGKILL).
func (i *Instance) Kill() error {
	if i.run == nil {
		return nil
	}
	run := i.run
	i.run = nil
	return run.kill()
}

// Terminate stops the server in good order (SIGTERM): it writes its data to disk.
func (i *Instance) Terminate() error {
	if i.run == nil {
		return nil
	}
	if err := process.Terminate(i.run.cmd); err != nil {
		return err
	}
	select {
	case <-i.run.ended:
		i.run = nil
		return nil
	case <-time.After(i.timeout):
		return errors.Join(fmt.Errorf("the server does not end within %v", i.timeout), i.Kill())
	}
}

// Suspend stops the server until Resume (SIGSTOP). It does not reply, but the system
// still accepts connections for it.
func (i *Instance) Suspend() error { return i.signal(process.Suspend) }

// Resume continues a suspended server (SIGCONT).
func (i *Instance) Resume() error { return i.signal(process.Resume) }

func (i *Instance) signal(send func(*exec.Cmd) error) error {
	if i.run == nil {
		return errors.New("the server is not running")
	}
	return send(i.run.cmd)
}

// Close stops the server and removes its data.
func (i *Instance) Close() error { return errors.Join(i.Kill(), os.RemoveAll(i.dir)) }
