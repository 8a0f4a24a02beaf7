package remoteevent_test

import (
	"context"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/auth"

	"github.com/remote-events/remote-events/go/internal/redistest"
	"github.com/remote-events/remote-events/go/remoteevent"
)

// TestLogBelongsToTheLogger: whatever a receiver meets while Redis is away goes to
// its logger alone, and nothing to the standard error, where go-redis logs. The
// log of go-redis is that of the whole process: a process of its own is watched.
func TestLogBelongsToTheLogger(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes many seconds")
	}
	if os.Getenv("REMOTE_EVENT_TEST_QUIET") != "" {
		receiveWithoutRedis(t)
		return
	}
	command := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestLogBelongsToTheLogger$")
	command.Env = append(os.Environ(), "REMOTE_EVENT_TEST_QUIET=1")
	var errors strings.Builder
	command.Stderr = &errors
	if output, err := command.Output(); err != nil {
		t.Errorf("%v: %s", err, output)
	}
	if errors.Len() > 0 {
		t.Errorf("it is written to the standard error:\n%s", errors.String())
	}
}

// streaming is a streaming provider that calls the function for each subscription.
type streaming func() auth.Credentials

func (s streaming) Subscribe(auth.CredentialsListener) (auth.Credentials, auth.UnsubscribeFunc, error) {
	return s(), nil, nil
}

func receiveWithoutRedis(t *testing.T) {
	t.Helper()
	addr := redistest.FreeAddr(t)
	there := miniredis.RunT(t).Addr()
	for name, client := range map[string]redis.UniversalClient{
		"a server":  redis.NewClient(&redis.Options{Addr: addr}),
		"a cluster": redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{addr}}),
		"a dialer that panics": redis.NewClient(&redis.Options{Addr: addr, Dialer: func(context.Context, string, string) (net.Conn, error) {
			panic("a dialer of the user")
		}}),
		"a cluster's dialer that panics": redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{addr}, Dialer: func(context.Context, string, string) (net.Conn, error) {
			panic("a dialer of the user")
		}}),
		"a callback that panics": redis.NewClient(&redis.Options{Addr: there, OnConnect: func(context.Context, *redis.Conn) error {
			panic("of the user")
		}}),
		"credentials that panic": redis.NewClient(&redis.Options{Addr: there, CredentialsProvider: func() (string, string) {
			panic("s3cret")
		}}),
		"credentials with a context that panic": redis.NewClient(&redis.Options{Addr: there, CredentialsProviderContext: func(context.Context) (string, string, error) {
			panic("s3cret")
		}}),
		"streamed credentials that panic": redis.NewClient(&redis.Options{Addr: there, StreamingCredentialsProvider: streaming(func() auth.Credentials {
			panic("s3cret")
		})}),
		"streamed credentials that are nil": redis.NewClient(&redis.Options{Addr: there, StreamingCredentialsProvider: streaming(func() auth.Credentials {
			return nil
		})}),
		"a cluster's streamed credentials that panic": redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{there}, StreamingCredentialsProvider: streaming(func() auth.Credentials {
			panic("s3cret")
		})}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			defer func() { must(t, client.Close()) }()
			logged, option := newLog()
			_, r := receiver(t, client, option, remoteevent.WithQueues(strings.Fields("a b c d e f g h")...))
			stop := start(t, r)
			line := logged.wait(t, "cannot receive; retrying")
			for range 7 {
				logged.wait(t, "cannot receive; retrying")
			}
			if !strings.Contains(line, "connection refused") && !strings.Contains(line, "panicked") && !strings.Contains(line, "returned no credentials") || strings.Contains(line, "s3cret") {
				t.Errorf("%s: %s", name, line)
			}
			must(t, stop())
		})
	}
}
