package remoteevent_test

import (
	"context"
	"crypto/sha1"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/redistest"
	"github.com/remote-events/remote-events/go/remoteevent"
	"github.com/remote-events/remote-events/spec"
)

func TestLostConnections(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes many seconds")
	}
	addr := redistest.FreeAddr(t)
	server := redistest.Start(t, addr)
	client := redis.NewClient(&redis.Options{Addr: addr})
	defer client.Close()
	logged, option := newLog()
	got := make(chan string, 10)
	mux, r := receiver(t, client, option)
	must(t, remoteevent.Handle(mux, func(_ context.Context, e FileEvent) error { got <- e.Path; return nil }))
	start(t, r)
	send := func(path string) {
		t.Helper()
		must(t, sender(t, client).Send(t.Context(), FileEvent{path}))
		if received := next(t, got); received != path {
			t.Errorf("got %s, want %s", received, path)
		}
	}
	send("before")
	for !strings.Contains(client.Info(t.Context(), "clients").Val(), "blocked_clients:1") {
		must(t, t.Context().Err())
	}
	must(t, client.ClientKillByFilter(t.Context(), "TYPE", "normal", "SKIPME", "yes").Err())
	logged.wait(t, "receiving again")
	send("after CLIENT KILL")
	server.Stop()
	logged.wait(t, "cannot receive; retrying")
	redistest.Start(t, addr)
	logged.wait(t, "receiving again")
	send("after a restart")
	must(t, client.ConfigSet(t.Context(), "requirepass", "s3cret").Err())
	must(t, client.Do(t.Context(), "AUTH", "s3cret").Err())
	if strings.Contains(logged.String(), "s3cret") {
		t.Error("a password is logged")
	}
}

// TestStartBeforeRedis: who starts first waits.
func TestStartBeforeRedis(t *testing.T) {
	t.Parallel()
	for name, options := range map[string][]remoteevent.ReceiverOption{
		"at least once": nil, "at most once": {remoteevent.WithAtMostOnce()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			addr := redistest.FreeAddr(t)
			client := redis.NewClient(&redis.Options{Addr: addr, DialerRetries: 1})
			defer client.Close()
			logged, option := newLog()
			got := make(chan string, 10)
			mux, r := receiver(t, client, append(options, option)...)
			must(t, remoteevent.Handle(mux, func(_ context.Context, e FileEvent) error { got <- e.Path; return nil }))
			start(t, r)
			logged.wait(t, "cannot receive; retrying")
			if err := sender(t, client).Send(t.Context(), FileEvent{"too soon"}); !errors.Is(err, remoteevent.ErrNotSent) {
				t.Errorf("got %v", err)
			}
			redistest.Start(t, addr)
			must(t, sender(t, client).Send(t.Context(), FileEvent{"now"}))
			if path := next(t, got); path != "now" {
				t.Errorf("got %s", path)
			}
		})
	}
}

func TestWrongType(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		logged, option := newLog()
		got := make(chan string, 10)
		must(t, client.Set(t.Context(), "file_event", "x", 0).Err())
		mux, r := receiver(t, client, option)
		must(t, remoteevent.Handle(mux, func(_ context.Context, e FileEvent) error { got <- e.Path; return nil }))
		start(t, r)
		logged.wait(t, "WRONGTYPE")
		must(t, client.Del(t.Context(), "file_event").Err())
		must(t, sender(t, client).Send(t.Context(), FileEvent{"x"}))
		next(t, got)
	})
}

// passing is what Redis says when it cannot serve for a while.
func passing() []string {
	return []string{
		"-LOADING Redis is loading the dataset in memory\r\n",
		"-READONLY You can't write against a read only replica.\r\n",
		"-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.\r\n",
		"-OOM command not allowed when used memory > 'maxmemory'.\r\n",
		"-UNBLOCKED force unblock from blocking operation\r\n",
		"-BUSY Redis is busy running a script.\r\n",
		"what no Redis says\r\n",
	}
}

func TestAnswersThatPass(t *testing.T) {
	t.Parallel()
	exchange, err := spec.Files.ReadFile("lua/exchange.lua")
	must(t, err)
	const message = `{"data": {"path": "at last"}, "signals": ["file_event"]}`
	body := fmt.Sprintf("$%d\r\n%s\r\n", len(message), message)
	for name, c := range map[string]struct {
		options []remoteevent.ReceiverOption
		verb    string
		last    string
		others  map[string]string
	}{
		"at most once": {
			[]remoteevent.ReceiverOption{remoteevent.WithAtMostOnce()}, "brpop", "*2\r\n$10\r\nfile_event\r\n" + body, map[string]string{"brpop": "*-1\r\n", "rpop": "$-1\r\n"},
		},
		"at least once": {
			nil, fmt.Sprintf("evalsha %x", sha1.Sum(exchange)), "*3\r\n:-1\r\n$5\r\n1-x-1\r\n*1\r\n" + body,
			map[string]string{
				fmt.Sprintf("evalsha %x", sha1.Sum(exchange)): "*3\r\n:-1\r\n$0\r\n\r\n*0\r\n", "evalsha": "*0\r\n", "blmove": "$-1\r\n",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answers := make(chan string, 10)
			for _, answer := range append(passing(), c.last) {
				answers <- answer
			}
			addr, _ := impostor(t, func(command string) (string, bool) {
				if strings.HasPrefix(command, c.verb) {
					select {
					case answer := <-answers:
						return answer, false
					default:
					}
				}
				best := ""
				for verb := range c.others {
					if strings.HasPrefix(command, verb) && len(verb) > len(best) {
						best = verb
					}
				}
				if best == "" {
					return "-ERR unknown command\r\n", false
				}
				return c.others[best], false
			})
			client := redis.NewClient(&redis.Options{Addr: addr})
			defer client.Close()
			_, option := newLog()
			got := make(chan string, 1)
			mux, r := receiver(t, client, append(c.options, option)...)
			must(t, remoteevent.Handle(mux, func(_ context.Context, e FileEvent) error { got <- e.Path; return nil }))
			start(t, r)
			if path := next(t, got); path != "at last" {
				t.Errorf("got %s", path)
			}
		})
	}
}

// TestReceivingWithoutRPOP: at most once, a user who may run BRPOP alone gets events.
func TestReceivingWithoutRPOP(t *testing.T) {
	t.Parallel()
	addr := redistest.FreeAddr(t)
	redistest.Start(t, addr)
	client := redis.NewClient(&redis.Options{Addr: addr})
	defer client.Close()
	must(t, client.Do(t.Context(), "ACL", "SETUSER", "u", "on", ">p", "~*", "&*", "+@all", "-rpop").Err())
	limited := redis.NewClient(&redis.Options{Addr: addr, Username: "u", Password: "p"})
	defer limited.Close()
	_, option := newLog()
	got := make(chan string, 10)
	mux, r := receiver(t, limited, option, remoteevent.WithAtMostOnce(), remoteevent.WithConcurrency(2))
	must(t, remoteevent.Handle(mux, func(_ context.Context, e FileEvent) error { got <- e.Path; return nil }))
	start(t, r)
	for i := range 5 {
		must(t, sender(t, client).Send(t.Context(), FileEvent{fmt.Sprint(i)}))
		if path := next(t, got); path != fmt.Sprint(i) {
			t.Errorf("got %s", path)
		}
	}
}
