package remoteevent_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/auth"

	"github.com/remote-events/remote-events/go/internal/redistest"
	"github.com/remote-events/remote-events/go/remoteevent"
	"github.com/remote-events/remote-events/go/wire"
)

// rotating provides the password of the user anna, and tells its listeners when it changes.
type rotating struct {
	mu        sync.Mutex
	password  string
	listeners map[auth.CredentialsListener]bool
}

func newRotating(password string) *rotating {
	return &rotating{password: password, listeners: map[auth.CredentialsListener]bool{}}
}

func (p *rotating) rotate(password string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.password = password
	for listener := range p.listeners {
		listener.OnNext(auth.NewBasicCredentials("anna", password))
	}
}

// Subscribe implements auth.StreamingCredentialsProvider.
func (p *rotating) Subscribe(listener auth.CredentialsListener) (auth.Credentials, auth.UnsubscribeFunc, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.listeners[listener] = true
	return auth.NewBasicCredentials("anna", p.password), func() error {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.listeners, listener)
		return nil
	}, nil
}

func (p *rotating) subscribed() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.listeners)
}

func (p *rotating) both() (name, password string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return "anna", p.password
}

func (p *rotating) context(context.Context) (name, password string, err error) {
	name, password = p.both()
	return name, password, nil
}

// credentials are the ways in which a client gets a password.
var credentials = map[string]func(o *redis.UniversalOptions, p *rotating){
	"the context's provider": func(o *redis.UniversalOptions, p *rotating) { o.CredentialsProviderContext = p.context },
	"a provider":             func(o *redis.UniversalOptions, p *rotating) { o.CredentialsProvider = p.both },
	"a streaming provider":   func(o *redis.UniversalOptions, p *rotating) { o.StreamingCredentialsProvider = p },
}

// anna gives the user anna her rights on servers, besides rules.
func anna(t *testing.T, addrs []string, rules ...any) {
	t.Helper()
	for _, addr := range addrs {
		admin := redis.NewClient(&redis.Options{Addr: addr})
		must(t, admin.Do(t.Context(), append([]any{"ACL", "SETUSER", "anna", "on", "~*", "&*", "+@all"}, rules...)...).Err())
		_ = admin.Close()
	}
}

// kill closes the connections of the user anna, and returns how many there were.
func kill(t *testing.T, addrs []string) (killed int64) {
	t.Helper()
	for _, addr := range addrs {
		admin := redis.NewClient(&redis.Options{Addr: addr})
		n, err := admin.ClientKillByFilter(t.Context(), "USER", "anna").Result()
		must(t, err)
		killed += n
		_ = admin.Close()
	}
	return killed
}

// TestRotation: a receiver and a sender outlive the rotation of a password, whichever way
// their client gets it, with connections that block and with a doorbell. Each event is
// handled once: the second attempt of one whose claim was lost with its connection is not
// the second time that it is handled.
func TestRotation(t *testing.T) {
	t.Parallel()
	start := func(t *testing.T) []string { return []string{redistest.Start(t, redistest.FreeAddr(t)).Addr} }
	for name, provide := range credentials {
		for _, queues := range []int{2, 30} {
			t.Run(fmt.Sprintf("%s, %d queues", name, queues), func(t *testing.T) {
				t.Parallel()
				addrs := start(t)
				o := &redis.UniversalOptions{Addrs: addrs}
				p := newRotating("one-s3cret")
				provide(o, p)
				rotate(t, addrs, redis.NewClient(o.Simple()), p, queues)
			})
		}
	}
	t.Run("two passwords", func(t *testing.T) {
		t.Parallel()
		addrs := start(t)
		rotate(t, addrs, redis.NewClient(&redis.Options{Addr: addrs[0], Username: "anna", Password: "two-s3cret"}), newRotating("one-s3cret"), 2)
	})
	t.Run("cluster", func(t *testing.T) {
		t.Parallel()
		addrs := redistest.StartCluster(t, 3)
		o := &redis.UniversalOptions{Addrs: addrs}
		p := newRotating("one-s3cret")
		credentials["a streaming provider"](o, p)
		rotate(t, addrs, redis.NewClusterClient(o.Cluster()), p, 6)
	})
	t.Run("ring", func(t *testing.T) {
		t.Parallel()
		p := newRotating("one-s3cret")
		client := ring(t, &redis.RingOptions{StreamingCredentialsProvider: p, HeartbeatFrequency: time.Hour})
		var addrs []string
		for _, addr := range client.Options().Addrs {
			addrs = append(addrs, addr)
		}
		rotate(t, addrs, client, p, 6)
	})
	t.Run("sentinel", func(t *testing.T) {
		t.Parallel()
		s := redistest.StartSentinel(t)
		p := newRotating("one-s3cret")
		client := redis.NewFailoverClient(&redis.FailoverOptions{MasterName: redistest.SentinelMaster, SentinelAddrs: []string{s.Addr}, CredentialsProviderContext: p.context})
		rotate(t, []string{s.Primary}, client, p, 2)
	})
}

// rotate sends events to a receiver while the password of its client changes: first both
// passwords are valid, then the new one, and last all connections are closed.
func rotate(t *testing.T, addrs []string, client redis.UniversalClient, p *rotating, queues int) {
	t.Cleanup(func() { _ = client.Close() })
	anna(t, addrs, ">one-s3cret", ">two-s3cret")
	names := numberedQueues(queues)
	logged, option := newLog()
	handled := make(chan string, 10_000)
	mux, r := receiver(t, client, option, remoteevent.WithQueues(names...), remoteevent.WithLease(5*time.Second))
	must(t, mux.Listen("event", func(_ context.Context, d *remoteevent.Delivery) error {
		handled <- d.Attribute("id")
		return nil
	}))
	start(t, r)
	s := sender(t, client)

	times, permitted := map[string]int{}, map[string]int{}
	// exchange sends events to all queues and waits until they are handled. An event that
	// was not sent, or perhaps not, is sent again with its id.
	exchange := func(rounds int) {
		t.Helper()
		for range rounds {
			for _, name := range names {
				env := remoteevent.Stamp(wire.Envelope{EventName: name, Payload: []byte(`{}`)})
				id := env.Metadata.Attributes["id"]
				permitted[id] = 1
				for err := s.Forward(t.Context(), env); err != nil; err = s.Forward(t.Context(), env) {
					if !errors.Is(err, remoteevent.ErrUnknown) && !errors.Is(err, remoteevent.ErrNotSent) {
						t.Fatal(err)
					}
					permitted[id]++
				}
			}
		}
		for seen := 0; seen < rounds*len(names); {
			id := next(t, handled)
			if times[id]++; times[id] == 1 {
				seen++
			}
		}
	}
	exchange(3)
	p.rotate("two-s3cret")
	exchange(3)
	anna(t, addrs, "<one-s3cret")
	exchange(3)
	if kill(t, addrs) == 0 {
		t.Error("anna has no connection")
	}
	exchange(3)
	for id, n := range times {
		if n > permitted[id] {
			t.Errorf("the event %s was handled %d times", id, n)
		}
	}
	if text := logged.String(); strings.Contains(text, "s3cret") {
		t.Errorf("the log has a password:\n%s", text)
	}
	eventually(t, func() error { return r.Ready() })
}

// eventually waits until the function returns no error.
func eventually(t *testing.T, f func() error) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(20 * time.Second); ; <-tick.C {
		err := f()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// blocking is a provider of every kind whose answers wait until it is released. It ignores
// contexts.
type blocking struct {
	*rotating

	asked   chan struct{} // has room for all
	release chan struct{}
}

func (b *blocking) wait() {
	b.asked <- struct{}{}
	<-b.release
}

func (b *blocking) both() (name, password string) {
	b.wait()
	return b.rotating.both()
}

func (b *blocking) context(context.Context) (name, password string, err error) {
	name, password = b.both()
	return name, password, nil
}

func (b *blocking) Subscribe(listener auth.CredentialsListener) (auth.Credentials, auth.UnsubscribeFunc, error) {
	b.wait()
	return b.rotating.Subscribe(listener)
}

// TestBlockingProvider: a provider that does not return is asked once at a time, and does
// not keep Run from returning. What it provides afterwards is given back.
func TestBlockingProvider(t *testing.T) {
	t.Parallel()
	for name, provide := range map[string]func(o *redis.Options, b *blocking){
		"the context's provider": func(o *redis.Options, b *blocking) { o.CredentialsProviderContext = b.context },
		"a provider":             func(o *redis.Options, b *blocking) { o.CredentialsProvider = b.both },
		"a streaming provider":   func(o *redis.Options, b *blocking) { o.StreamingCredentialsProvider = b },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			addr := redistest.Start(t, redistest.FreeAddr(t)).Addr
			anna(t, []string{addr}, ">one-s3cret")
			b := &blocking{newRotating("one-s3cret"), make(chan struct{}, 1000), make(chan struct{})}
			o := &redis.Options{Addr: addr}
			provide(o, b)
			client := redis.NewClient(o)
			t.Cleanup(func() { _ = client.Close() })
			_, option := newLog()
			_, r := receiver(t, client, option, remoteevent.WithQueues(numberedQueues(30)...), remoteevent.WithShutdownTimeout(time.Second))
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- r.Run(ctx) }()
			next(t, b.asked)
			cancel()
			must(t, next(t, done))
			if n := len(b.asked); n > 0 {
				t.Errorf("the provider was asked %d times more while it did not answer", n)
			}
			close(b.release)
			eventually(t, func() error {
				if n := b.subscribed(); n > 0 {
					return fmt.Errorf("%d subscriptions are left", n)
				}
				return nil
			})
		})
	}
}
