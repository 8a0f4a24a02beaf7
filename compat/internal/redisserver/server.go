// Package redisserver provides the Redis that cases run on: a redis-server of
// its own, one in a container, an embedded one, or one that runs already.
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

// Server is a Redis to run cases on.
type Server struct {
	url     string
	name    string
	version string
	kind    Kind
	image   string // of a container
	pid     int
	close   func() error
}

// URL is the server's address, redis:// or unix://, with its password if it has
// one: it is for programs, not for print.
func (s *Server) URL() string { return s.url }

// Name is what the server is: "redis", "valkey", "miniredis".
func (s *Server) Name() string { return s.name }

// Version is the server's version, "" where it does not tell.
func (s *Server) Version() string { return s.version }

// String describes the server: "redis 7.0.15".
func (s *Server) String() string { return strings.TrimSpace(s.name + " " + s.version) }

// Report says of the server what a report holds.
func (s *Server) Report() report.Server {
	id := strings.TrimSuffix(s.name+"-"+s.version, "-")
	if s.kind == KindContainer || s.kind == KindURL {
		id += "-" + string(s.kind) // the same version may also run locally
	}
	return report.Server{ID: id, Name: s.name, Version: s.version, Provider: string(s.kind), Image: s.image}
}

// Shared is whether others may use this Redis: then only keys with a prefix of
// one's own may be touched.
func (s *Server) Shared() bool { return s.kind == KindURL }

// Close stops a server that was started for this, and leaves others alone.
func (s *Server) Close() error {
	if s.close == nil {
		return nil
	}
	return s.close()
}

var errInvalidURL = errors.New("the URL of Redis is not valid: expected redis://[user:password@]host:port[/db], rediss://… or unix://path")

// External is a server that somebody else started. It must answer. Close calls
// the function given, if any: whoever wraps a container passes its end.
func External(ctx context.Context, url string, onClose func() error) (*Server, error) {
	options, err := redis.ParseURL(url)
	if err != nil {
		// The parser's error holds the URL, and so the password.
		return nil, errInvalidURL
	}
	server := &Server{kind: KindURL, url: url, close: onClose}
	if err := server.identify(ctx, options); err != nil {
		return nil, fmt.Errorf("connect to Redis at %s: %w", options.Addr, err)
	}
	return server, nil
}

// identify asks the server who it is. A server that answers but may not tell is
// a redis without a version.
func (s *Server) identify(ctx context.Context, options *redis.Options) (err error) {
	// The client logs every connection that fails, and this asks until one does not.
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
		if refused := new(redis.Error); errors.As(err, refused) && !authentication((*refused).Error()) {
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

// authentication tells errors that mean a wrong or missing password from a
// command that is not permitted or not known.
func authentication(message string) bool {
	return strings.HasPrefix(message, "NOAUTH") || strings.HasPrefix(message, "WRONGPASS") ||
		strings.HasPrefix(message, "LOADING") || strings.Contains(message, "invalid password") || strings.Contains(message, "invalid username-password")
}

// moduleVersion is the version of a module that this program is built with.
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

// pause waits, but not longer than ctx.
func pause(ctx context.Context, duration time.Duration, ended <-chan struct{}) {
	timer := time.NewTimer(duration)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	case <-ended:
	}
}
