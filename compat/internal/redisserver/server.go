// Package redisserver provides Redis servers for cases: a local process, a container, a
// server in this process, or a running server.
package redisserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/compat/internal/report"
)

// Server is a Redis server for cases.
type Server struct {
	url     string
	name    string
	version string
	kind    Kind
	image   string // of a container
	pid     int
	// authority is the file of the certificate that signs the server's, if any.
	authority string
	close     func() error
}

// URL returns the server's address, redis://, rediss:// or unix://, with its password if it has
// one. It must not be printed.
func (s *Server) URL() string { return s.url }

// Name returns the name of the software: "redis", "valkey", "miniredis".
func (s *Server) Name() string { return s.name }

// Version returns the server's version, "" if unknown.
func (s *Server) Version() string { return s.version }

// String describes the server: "redis 7.0.15".
func (s *Server) String() string { return strings.TrimSpace(s.name + " " + s.version) }

// Report returns the description of the server in a report.
func (s *Server) Report() report.Server {
	id := strings.TrimSuffix(s.name+"-"+s.version, "-")
	if s.kind == KindContainer || s.kind == KindURL {
		id += "-" + string(s.kind) // the same version may also run locally
	}
	return report.Server{ID: id, Name: s.name, Version: s.version, Provider: string(s.kind), Image: s.image}
}

// Shared reports whether others may use this Redis. Then only keys with a prefix of the
// run may be changed.
func (s *Server) Shared() bool { return s.kind == KindURL }

// Close stops a server that this package started. It does not stop a server at a URL.
func (s *Server) Close() error {
	if s.close == nil {
		return nil
	}
	return s.close()
}

var errInvalidURL = errors.New("the URL of Redis is not valid: expected redis://[user:password@]host:port[/db], rediss://… or unix://path")

// External returns the running server at url. It must answer. Close calls onClose if it
// is not nil: the caller may stop a container there.
func External(ctx context.Context, url string, onClose func() error) (*Server, error) {
	options, err := redis.ParseURL(url)
	if err != nil {
		// The parser's error contains the URL, and therefore the password.
		return nil, errInvalidURL
	}
	server := &Server{kind: KindURL, url: url, close: onClose}
	if err := server.identify(ctx, options); err != nil {
		return nil, fmt.Errorf("connect to Redis at %s: %w", options.Addr, err)
	}
	return server, nil
}

// identify requests the name and version of the server. A server that answers but denies
// INFO is a redis without a version.
func (s *Server) identify(ctx context.Context, options *redis.Options) (err error) {
	// The client logs every failed connection, and this function is called until one succeeds.
	connection, err := (&net.Dialer{Timeout: options.DialTimeout}).DialContext(ctx, options.Network, options.Addr)
	if err != nil {
		return err
	}
	if err := connection.Close(); err != nil {
		return err
	}
	options.MaxRetries = -1
	options.DialerRetries = 1
	options.PoolSize = 1
	client := redis.NewClient(options)
	defer func() { err = errors.Join(err, client.Close()) }()
	s.name = "redis"
	info, err := client.Info(ctx, "server").Result()
	if err != nil {
		if denied := new(redis.Error); errors.As(err, denied) && !authentication((*denied).Error()) {
			return nil
		}
		return err
	}
	fields := map[string]string{}
	for line := range strings.Lines(info) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		fields[key] = value
	}
	s.version = fields["redis_version"]
	if version := fields["valkey_version"]; version != "" {
		s.name, s.version = "valkey", version
	}
	s.pid, _ = strconv.Atoi(fields["process_id"])
	return nil
}

// authentication distinguishes a wrong or missing password from a denied or unknown
// command.
func authentication(message string) bool {
	return strings.HasPrefix(message, "NOAUTH") || strings.HasPrefix(message, "WRONGPASS") ||
		strings.HasPrefix(message, "LOADING") || strings.Contains(message, "invalid password") || strings.Contains(message, "invalid username-password")
}

// moduleVersion returns the version of a module of this program.
func moduleVersion(path string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, module := range info.Deps {
		if module.Path == path {
			return strings.TrimPrefix(module.Version, "v")
		}
	}
	return ""
}

// pause waits for duration, or until ctx or ended ends.
func pause(ctx context.Context, duration time.Duration, ended <-chan struct{}) {
	timer := time.NewTimer(duration)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	case <-ended:
	}
}
