package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/config"
)

// connection is a connected Redis: a single server, the primary that
// Sentinels name, or a cluster.
type connection struct {
	client redis.UniversalClient
	target *target
	// mode is the mode that the first server reports: modeCluster, modeSentinel, another,
	// or "" if it reports none.
	mode string
}

// The modes of a server that differ from a single server.
const (
	modeCluster  = "cluster"
	modeSentinel = "sentinel"
)

// close closes the connections.
func (s *connection) close() { _ = s.client.Close() }

// connectConfigured connects to the Redis of the flags, the environment or the
// configuration file.
func (a *app) connectConfigured(ctx context.Context) (*connection, error) {
	c, err := a.configuration(ctx)
	if err != nil {
		return nil, err
	}
	return a.connect(ctx, c)
}

// connect connects to the Redis that has the queues. A Sentinel has none.
func (a *app) connect(ctx context.Context, c *config.Config) (*connection, error) {
	s, err := a.connectAny(ctx, c)
	if err != nil || s.mode != modeSentinel {
		return s, err
	}
	defer s.close()
	return nil, withHint(&connectionError{address: s.target.String(), err: errors.New("this is a Sentinel, which has no queues")},
		s.sentinelHint(ctx))
}

// sentinelHint returns a hint with the primaries that a Sentinel monitors.
func (s *connection) sentinelHint(ctx context.Context) string {
	t := *s.target
	t.master = "NAME"
	hint := "let the Sentinel name the primary: " + t.String()
	reply, err := s.client.Do(ctx, "SENTINEL", "MASTERS").Slice()
	if err != nil {
		return hint
	}
	var names []string
	for _, entry := range reply {
		if name, ok := replyMap(entry)["name"].(string); ok {
			names = append(names, named(name))
		}
	}
	if len(names) == 0 {
		return hint + "; this Sentinel monitors no primary"
	}
	return hint + ", where NAME is " + strings.Join(names, " or ")
}

// connectAny connects to Redis, even to a Sentinel, and waits for a reply. It fails
// immediately if the connection or the password is denied, and after --connect-timeout if
// there is no reply or Redis is still loading. The caller closes the server.
func (a *app) connectAny(ctx context.Context, c *config.Config) (*connection, error) {
	settings, err := a.settings()
	if err != nil {
		return nil, err
	}
	t, err := a.target(c)
	if err == nil {
		err = a.password(ctx, settings, t)
	}
	if err != nil {
		return nil, err
	}
	bounded, cancel := context.WithTimeout(ctx, settings.timeout)
	defer cancel()
	s := &connection{target: t, mode: modeCluster}
	if len(t.addrs) == 1 || t.master != "" {
		err = s.connectOne(ctx, bounded)
	}
	if err == nil && s.mode == modeCluster {
		s.client = t.cluster()
		err = s.await(ctx, func() error { return ping(bounded, s.client) })
	}
	switch {
	case err == nil:
		return s, nil
	case ctx.Err() != nil:
		err = errInterrupted
	case t.master != "" && errors.Is(err, redis.Nil):
		err = a.explain(t, errUnknownMaster)
	case (bounded.Err() != nil || isTimeout(err)) && !isAnswer(err):
		err = a.explain(t, fmt.Errorf("no reply within %v", settings.timeout))
	default:
		err = a.explain(t, err)
	}
	s.close()
	return nil, err
}

var errUnknownMaster = errors.New("the Sentinels know no primary of this name")

// connectOne connects to the server, or to the primary that the Sentinels name, and learns
// its mode. It closes the client of a node of a cluster.
func (s *connection) connectOne(ctx, bounded context.Context) error {
	client := s.target.client()
	s.client = client
	err := s.await(ctx, func() (err error) {
		if err = ping(bounded, client); err == nil {
			s.mode, err = modeOf(bounded, client)
		}
		return err
	})
	if err == nil && s.mode == modeCluster {
		s.close()
	}
	return err
}

// await calls a function that waits for Redis. It closes the client when the context ends,
// which does not interrupt a read.
func (s *connection) await(ctx context.Context, call func() error) error {
	answer := make(chan error, 1)
	go func() { answer <- call() }()
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		s.close()
		<-answer //nolint:errcheck // the error is that the client is closed
		return errInterrupted
	}
}

// modeOf returns the mode of a server, or "" if it does not report one: HELLO exists since
// Redis 6, and proxies may not support it. No ACL denies it.
func modeOf(ctx context.Context, client *redis.Client) (string, error) {
	reply, err := client.Do(ctx, "HELLO").Result()
	if err != nil && !isAnswer(err) {
		return "", err
	}
	mode, _ := replyMap(reply)["mode"].(string)
	return mode, nil
}

// replyMap returns a reply of names and values as a map. RESP2 has no maps, and lists them.
func replyMap(reply any) map[any]any {
	list, ok := reply.([]any)
	if !ok {
		values, _ := reply.(map[any]any)
		return values
	}
	values := map[any]any{}
	for i := 0; i+1 < len(list); i += 2 {
		values[list[i]] = list[i+1]
	}
	return values
}

// ping sends PING, and repeats it while Redis is loading or starting. If the time ends
// first, it returns the reason why Redis was not ready.
func ping(ctx context.Context, client redis.UniversalClient) error {
	var notReady error
	for {
		err := client.Ping(ctx).Err()
		switch {
		case redis.IsPermissionError(err), isUnknownCommand(err): // the user is authenticated, but may not PING
			return nil
		case redis.IsLoadingError(err), redis.IsMasterDownError(err), redis.IsMaxClientsError(err):
			notReady = err
		case notReady != nil && (ctx.Err() != nil || isTimeout(err)): // a read may end just before the context
			return notReady
		default:
			return err
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return notReady
		}
	}
}

// isUnknownCommand reports whether Redis has disabled or renamed a command.
func isUnknownCommand(err error) bool {
	var answer redis.Error
	return errors.As(err, &answer) && strings.Contains(answer.Error(), "unknown command")
}

func isTimeout(err error) bool {
	failed, ok := errors.AsType[net.Error](err)
	return ok && failed.Timeout()
}

// connectionError explains why Redis cannot be used.
type connectionError struct {
	address string
	secret  string // the part before an @ in the host, which is not shown
	err     error
}

func (e *connectionError) Error() string {
	text := fmt.Sprintf("cannot use Redis at %s: %v", e.address, e.err)
	if e.secret != "" {
		text = strings.ReplaceAll(text, e.secret, "[redacted]")
	}
	return text
}
func (e *connectionError) Unwrap() error { return e.err }

func isConnectionError(err error) bool {
	var failed *connectionError
	return errors.As(err, &failed)
}

// explain adds a hint to a connection error.
func (a *app) explain(t *target, err error) error {
	// A likely mistake is a URL as the host, or credentials in the host.
	secret := ""
	if at := strings.LastIndexByte(t.Addr, '@'); at > 0 && t.Network != "unix" {
		secret = strings.TrimPrefix(t.Addr[:at], "[") // as net.JoinHostPort writes it
	}
	return withHint(&connectionError{t.place(), secret, err}, hintFor(t, err))
}
