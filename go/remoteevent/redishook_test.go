package remoteevent_test

import (
	"context"
	"log/slog"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/remoteevent"
)

// tracing is a hook of go-redis that calls a function with the name of each command, and
// notes the errors of connections.
type tracing struct {
	call func(name string)

	mu    sync.Mutex
	dials []error
}

func newTracing(call func(name string)) *tracing { return &tracing{call: call} }

func (h *tracing) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := next(ctx, network, addr)
		h.mu.Lock()
		h.dials = append(h.dials, err)
		h.mu.Unlock()
		h.call("dial")
		return conn, err
	}
}

func (h *tracing) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		h.call(cmd.Name())
		return next(ctx, cmd)
	}
}

func (h *tracing) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		for _, cmd := range cmds {
			h.call(cmd.Name())
		}
		return next(ctx, cmds)
	}
}

// TestRedisHooks: hooks see the commands and connections of a receiver, of each kind
// of client.
func TestRedisHooks(t *testing.T) {
	t.Parallel()
	server := miniredis.RunT(t)
	addrs := map[string]string{"a": server.Addr()}
	for name, client := range map[string]redis.UniversalClient{
		"client":  redis.NewClient(&redis.Options{Addr: server.Addr()}),
		"cluster": redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{server.Addr()}}),
		"ring":    redis.NewRing(&redis.RingOptions{Addrs: addrs}),
	} {
		for delivery, c := range map[string]struct {
			commands []string // in their order
			options  []remoteevent.ReceiverOption
		}{
			"at least once": {[]string{"evalsha", "blmove"}, nil},
			"at most once":  {[]string{"brpop"}, []remoteevent.ReceiverOption{remoteevent.WithAtMostOnce()}},
		} {
			names := make(chan string, 1000)
			seen := newTracing(func(name string) {
				select {
				case names <- name:
				default:
				}
			})
			handled := make(chan struct{}, 10)
			handler := remoteevent.HandlerFunc(func(context.Context, *remoteevent.Delivery) error { handled <- struct{}{}; return nil })
			queue := name + " " + delivery
			options := append([]remoteevent.ReceiverOption{remoteevent.WithRedisHooks(seen), remoteevent.WithQueues(queue)}, c.options...)
			stop := start(t, receiverOf(t, client, handler, options...))
			must(t, client.LPush(t.Context(), queue, `{"data": {}, "signals": ["q"]}`).Err())
			next(t, handled)
			for left := c.commands; len(left) > 0; {
				if next(t, names) == left[0] {
					left = left[1:]
				}
			}
			must(t, stop())
			if len(seen.dials) == 0 {
				t.Errorf("%s, %s: no connection was seen", name, delivery)
			}
		}
		must(t, client.Close())
	}
}

// TestRedisHooksSeeDialErrors: the hooks see connections that cannot be made.
func TestRedisHooksSeeDialErrors(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{Dialer: func(context.Context, string, string) (net.Conn, error) {
		return nil, net.ErrClosed
	}})
	defer client.Close()
	dialed := make(chan struct{}, 1)
	seen := newTracing(func(name string) {
		if name == "dial" {
			select {
			case dialed <- struct{}{}:
			default:
			}
		}
	})
	_, r := receiver(t, client, remoteevent.WithQueues("q"), remoteevent.WithRedisHooks(seen), remoteevent.WithLogger(slog.New(slog.DiscardHandler)))
	stop := start(t, r)
	next(t, dialed)
	must(t, stop())
	if err := seen.dials[0]; err != net.ErrClosed {
		t.Errorf("the hook saw %v", err)
	}
}

// TestRedisHooksContained: a hook that panics, or that ends its goroutine, fails its
// commands, and no more than these.
func TestRedisHooksContained(t *testing.T) {
	t.Parallel()
	server := miniredis.RunT(t)
	client := redis.NewClient(&redis.Options{Addr: server.Addr()})
	defer client.Close()
	for name, fail := range map[string]func(){"panic": func() { panic("s3cret") }, "Goexit": runtime.Goexit} {
		for _, on := range []string{"dial", "evalsha", "blmove", "client"} {
			var once sync.Once
			failed := make(chan struct{})
			bad := newTracing(func(name string) {
				if name == on {
					once.Do(func() {
						defer close(failed)
						fail()
					})
				}
			})
			queue := name + on
			handled := make(chan struct{}, 1)
			handler := remoteevent.HandlerFunc(func(context.Context, *remoteevent.Delivery) error { handled <- struct{}{}; return nil })
			logged, option := newLog()
			stop := start(t, receiverOf(t, client, handler, remoteevent.WithQueues(queue), remoteevent.WithRedisHooks(bad), option))
			next(t, failed)
			_, err := server.Lpush(queue, `{"data": {}, "signals": ["q"]}`)
			must(t, err)
			next(t, handled)
			must(t, stop())
			if strings.Contains(logged.String(), "s3cret") {
				t.Error(logged)
			}
		}
	}
}

// TestRedisHooksOptions: a hook that is nil is an error of the constructor.
func TestRedisHooksOptions(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{})
	defer client.Close()
	for _, hook := range []redis.Hook{nil, (*tracing)(nil)} {
		_, err := remoteevent.NewReceiver(client, new(remoteevent.Mux), remoteevent.WithRedisHooks(newTracing(nil), hook))
		if err == nil || !strings.Contains(err.Error(), "WithRedisHooks: hook 2 is nil") {
			t.Errorf("NewReceiver returned %v", err)
		}
	}
}
