package remoteevent

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/auth"

	"github.com/remote-events/remote-events/go/internal/redistest"
)

// TestLifetime: connections that wait for messages are not in the pool, and yet live no
// longer than the client's connections.
func TestLifetime(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{Addr: redistest.Start(t, redistest.FreeAddr(t)).Addr, ConnMaxLifetime: time.Hour})
	defer client.Close()

	b := &blocker{client: client, queue: "q"}
	defer b.close()
	first, err := b.connection(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if same, err := b.connection(t.Context()); same != first || err != nil {
		t.Errorf("a young connection was replaced: %v", err)
	}
	b.opened = time.Now().Add(-2 * time.Hour)
	if second, err := b.connection(t.Context()); second == first || err != nil {
		t.Errorf("an old connection was not replaced: %v", err)
	}

	track := &tracking{client: client, ring: func(string) {}, ringAll: func() {}, broken: make(chan struct{}, 1)}
	defer track.close()
	if conn, fresh := track.connection(t.Context()); conn == nil || !fresh {
		t.Fatal("Redis does not report changes")
	}
	if _, fresh := track.connection(t.Context()); fresh {
		t.Error("a young connection for changes was replaced")
	}
	track.opened = time.Now().Add(-2 * time.Hour)
	if conn, fresh := track.connection(t.Context()); conn == nil || !fresh {
		t.Error("an old connection for changes was not replaced")
	}
}

// TestStreamedLifetime: connections with streamed credentials are renewed, unless the user
// renews them sooner.
func TestStreamedLifetime(t *testing.T) {
	t.Parallel()
	for set, want := range map[time.Duration]time.Duration{0: time.Minute, time.Hour: time.Minute, time.Second: time.Second} {
		client := redis.NewClient(&redis.Options{StreamingCredentialsProvider: new(noProvider), ConnMaxLifetime: set})
		own, ok := dedicated(client, new(lines), nil).(*redis.Client)
		if !ok {
			t.Fatal("the receiver's own client is of another type")
		}
		if got := own.Options().ConnMaxLifetime; got != want {
			t.Errorf("the lifetime is %v instead of %v", got, want)
		}
		_, _ = own.Close(), client.Close()
	}
}

// TestProviderTimeout: a connection does not wait for ever for a provider.
func TestProviderTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		var asked atomic.Int32
		p := &provider{name: "CredentialsProvider", ask: func(context.Context) (name, password string, err error) {
			asked.Add(1)
			<-release
			return "", "", nil
		}}
		for range 2 {
			if _, _, err := p.credentials(context.Background()); err == nil || !strings.Contains(err.Error(), "CredentialsProvider has not returned for 15s") {
				t.Errorf("the provider that blocks returned %v", err)
			}
		}
		if n := asked.Load(); n != 1 {
			t.Errorf("the provider was asked %d times", n)
		}
	})
}

// noProvider is never asked.
type noProvider struct {
	auth.StreamingCredentialsProvider
}
