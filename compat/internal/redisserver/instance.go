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

// Instance is a redis-server that can end and start again, with its port and its
// data. It is for one goroutine at a time.
type Instance struct {
	server   *Server
	binary   string
	dir      string
	port     string
	settings []string
	env      []string
	timeout  time.Duration
	run      *run // nil while none runs
}

// Durable are the settings of a server that has on disk what it has acknowledged.
func Durable() []string { return []string{"appendonly yes", "appendfsync always"} }

// StartInstance starts one on a TCP port and waits until it serves. Close it:
// ctx is for the start only.
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
		"repl-diskless-sync-delay 0", // no waiting for further replicas
	}, options.Settings...)
	server := &Server{kind: KindLocal, url: "redis://" + net.JoinHostPort("127.0.0.1", port) + "/0"}
	var env []string
	if options.Clock != nil {
		env = options.Clock.env()
	}
	return &Instance{server: server, binary: binary, dir: dir, port: port, settings: settings, env: env, timeout: options.Timeout}, nil
}

// lastingPort returns a free port that is still free when a server has ended and starts
// again: it is below the ports that systems assign to connections and to listeners
// without a port. The port higher by 10,000, on which the nodes of a cluster
// communicate, is such a port too, and free.
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

// Addr is host and port.
func (i *Instance) Addr() string { return net.JoinHostPort("127.0.0.1", i.port) }

// URL is the address.
func (i *Instance) URL() string { return i.server.URL() }

// Dir is where its data are.
func (i *Instance) Dir() string { return i.dir }

// String describes the server: "redis 7.0.15".
func (i *Instance) String() string { return i.server.String() }

// Start starts the server after its end, and waits until it has loaded its data
// and serves.
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

// Do sends one command over a connection of its own, and expects no error.
func (i *Instance) Do(ctx context.Context, args ...any) error {
	client := i.Client()
	defer func() { _ = client.Close() }()
	return client.Do(ctx, args...).Err()
}

// Client returns a client without automatic retries, which contexts bound. The
// caller closes it.
func (i *Instance) Client() *redis.Client {
	return redis.NewClient(&redis.Options{Addr: i.Addr(), MaxRetries: -1, DialerRetries: 1, ContextTimeoutEnabled: true})
}

// Kill ends the server at once (SIGKILL).
func (i *Instance) Kill() error {
	if i.run == nil {
		return nil
	}
	run := i.run
	i.run = nil
	return run.kill()
}

// Terminate ends the server in good order (SIGTERM): it writes out what it has
// in memory.
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

// Suspend stops the server until Resume (SIGSTOP): it answers nobody, and the
// system goes on taking connections for it.
func (i *Instance) Suspend() error { return i.signal(process.Suspend) }

// Resume lets a suspended server go on (SIGCONT).
func (i *Instance) Resume() error { return i.signal(process.Resume) }

func (i *Instance) signal(send func(*exec.Cmd) error) error {
	if i.run == nil {
		return errors.New("the server does not run")
	}
	return send(i.run.cmd)
}

// Close ends the server and removes its data.
func (i *Instance) Close() error { return errors.Join(i.Kill(), os.RemoveAll(i.dir)) }
