package redisserver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/remote-events/remote-events/compat/internal/process"
)

// Options configure a server. The zero value is a server from Finder on a free TCP port.
type Options struct {
	Finder

	// Unix makes the server listen on a unix socket instead of a TCP port.
	Unix bool
	// TLS makes the server accept TLS only. Its certificate is for 127.0.0.1.
	TLS bool
	// User, if not empty, is the only user, with Password.
	User string
	// Password, if not empty, is required of clients.
	Password string
	// Settings are further lines of redis.conf: "maxmemory 64mb".
	Settings []string
	// Clock, if not nil, replaces the system's clock for an [Instance].
	Clock *Clock
	// Timeout is the deadline for the start of the server. The default is 10 s.
	Timeout time.Duration
}

// Start starts a redis-server without persistence and waits until it answers. Close, or
// the end of this process, stops it. ctx bounds the start only.
func Start(ctx context.Context, options Options) (*Server, error) {
	binary, err := options.Find(ctx)
	if err != nil {
		return nil, err
	}
	if options.Timeout <= 0 {
		options.Timeout = 10 * time.Second
	}
	ctx, cancel := context.WithTimeoutCause(ctx, options.Timeout, fmt.Errorf("no answer within %v", options.Timeout))
	defer cancel()
	// Another process may take the free port before the server listens on it.
	for attempt := 1; ; attempt++ {
		server, err := start(ctx, binary, options)
		if err == nil {
			return server, nil
		}
		if attempt == 3 || options.Unix || !strings.Contains(err.Error(), "Address already in use") {
			return nil, fmt.Errorf("start %s: %w", binary, err)
		}
	}
}

// run is a redis-server process.
type run struct {
	cmd    *exec.Cmd
	output bytes.Buffer // read it only after ended
	ended  chan struct{}
}

func start(ctx context.Context, binary string, options Options) (server *Server, err error) {
	dir, err := os.MkdirTemp("", "remote-event-redis-")
	if err != nil {
		return nil, err
	}
	server = &Server{kind: KindLocal}
	settings, err := server.listen(ctx, dir, options)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	r, err := launch(ctx, dir, settings, nil, binary, "-")
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	server.close = sync.OnceValue(func() error {
		return errors.Join(r.kill(), os.RemoveAll(dir))
	})
	if err := server.await(ctx, r); err != nil {
		return nil, errors.Join(err, server.Close())
	}
	return server, nil
}

// launch starts a process, which continues after the end of ctx. It passes the
// configuration on stdin, because every user can read a command line.
func launch(ctx context.Context, dir string, settings, env []string, binary string, args ...string) (*run, error) {
	r := &run{ended: make(chan struct{})}
	r.cmd = process.Command(context.WithoutCancel(ctx), binary, args...)
	r.cmd.Dir = dir
	r.cmd.Env = append(os.Environ(), env...)
	r.cmd.Stdin = strings.NewReader(strings.Join(settings, "\n") + "\n")
	r.cmd.Stdout = &r.output
	r.cmd.Stderr = &r.output
	if err := r.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = r.cmd.Wait() // the output has the reason of the end
		close(r.ended)
	}()
	return r, nil
}

// listen chooses the server's address and returns the settings.
func (s *Server) listen(ctx context.Context, dir string, options Options) (settings []string, err error) {
	var address *url.URL
	settings = []string{"daemonize no", `save ""`, "appendonly no", `logfile ""`, "protected-mode no"}
	if options.Unix {
		socket := filepath.Join(dir, "redis.sock")
		address = &url.URL{Scheme: "unix", Path: socket}
		settings = append(settings, "port 0", "unixsocket "+quote(socket))
	} else {
		port, err := lastingPort(ctx)
		if err != nil {
			return nil, err
		}
		address = &url.URL{Scheme: "redis", Host: net.JoinHostPort("127.0.0.1", port), Path: "/0"}
		settings = append(settings, "bind 127.0.0.1")
		if options.TLS {
			authority, certificate, key, err := certify(dir)
			if err != nil {
				return nil, err
			}
			address.Scheme, s.authority = "rediss", authority
			settings = append(settings, "port 0", "tls-port "+port, "tls-auth-clients no",
				"tls-cert-file "+quote(certificate), "tls-key-file "+quote(key), "tls-ca-cert-file "+quote(authority))
		} else {
			settings = append(settings, "port "+port)
		}
	}
	switch {
	case options.User != "":
		address.User = url.UserPassword(options.User, options.Password)
		settings = append(settings, "user default off", "user "+quote(options.User)+" on "+quote(">"+options.Password)+" ~* &* +@all")
	case options.Password != "":
		address.User = url.UserPassword("", options.Password)
		settings = append(settings, "requirepass "+quote(options.Password))
	}
	s.url = address.String()
	return append(settings, options.Settings...), nil
}

// quote quotes a string for redis.conf.
func quote(text string) string {
	var quoted strings.Builder
	quoted.WriteByte('"')
	for _, c := range []byte(text) {
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			fmt.Fprintf(&quoted, `\x%02x`, c)
		} else {
			quoted.WriteByte(c)
		}
	}
	quoted.WriteByte('"')
	return quoted.String()
}

// await waits until the started process answers.
func (s *Server) await(ctx context.Context, r *run) error {
	options, err := s.Options()
	if err != nil {
		return err
	}
	var last error
	for {
		if last = s.identify(ctx, options); last == nil {
			if s.pid == r.cmd.Process.Pid {
				return nil
			}
			last = errors.New("another server answers")
		}
		pause(ctx, 2*time.Millisecond, r.ended)
		select {
		case <-r.ended:
			return fmt.Errorf("the server ended at once: %s", lastLines(r.output.Bytes(), 5))
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", context.Cause(ctx), last)
		default:
		}
	}
}

// kill kills the process and waits for its end.
func (r *run) kill() error {
	err := process.Kill(r.cmd)
	<-r.ended
	return err
}
