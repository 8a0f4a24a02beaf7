package remoteevent_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/redistest"
	"github.com/remote-events/remote-events/go/remoteevent"
	"github.com/remote-events/remote-events/go/wire"
)

type Item struct {
	SKU      string   `json:"sku"`
	Quantity int      `json:"quantity"`
	Price    float64  `json:"price"`
	Tags     []string `json:"tags"`
}

type Order struct {
	Path  string `json:"path"`
	Items []Item `json:"items,omitempty"`
}

func (Order) EventName() string { return "order" }

// orders are the measured sizes: the event of the README, and 16 KiB.
func orders() map[string]Order {
	large := Order{Path: "/uploads/video1.mp4"}
	for i := range 160 {
		large.Items = append(large.Items, Item{fmt.Sprintf("sku-%06d", i), i, float64(i) * 1.1, []string{"a tag", "another tag"}})
	}
	return map[string]Order{"91B": {Path: "/uploads/video1.mp4"}, "16KiB": large}
}

func BenchmarkCodec(b *testing.B) {
	for size, order := range orders() {
		env, err := remoteevent.NewEnvelope(order)
		if err != nil {
			b.Fatal(err)
		}
		raw, _, err := wire.Encode(env, wire.Limits{})
		if err != nil {
			b.Fatal(err)
		}
		b.Run("encode/"+size, func(b *testing.B) {
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			for b.Loop() {
				env, _ := remoteevent.NewEnvelope(order)
				_, _, _ = wire.Encode(env, wire.Limits{})
			}
		})
		b.Run("decode/"+size, func(b *testing.B) {
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			for b.Loop() {
				env, _ := wire.Decode(raw, wire.Limits{})
				_, _ = remoteevent.Decode[Order](env)
			}
		})
		b.Run("decode-by-encoding-json/"+size, func(b *testing.B) {
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			for b.Loop() {
				var message struct {
					Data    Order
					Signals []string
				}
				_ = json.Unmarshal(raw, &message)
			}
		})
	}
}

func benchmarkRedis(b *testing.B) *redis.Client {
	b.Helper()
	addr := redistest.FreeAddr(b)
	redistest.Start(b, addr)
	client := redis.NewClient(&redis.Options{Addr: addr})
	b.Cleanup(func() { _ = client.Close() })
	return client
}

func BenchmarkReceive(b *testing.B) {
	client := benchmarkRedis(b)
	raw := `{"data": {"path": "/uploads/video1.mp4"}, "signals": ["order", "remote_event", "event"]}`
	fill := func(b *testing.B) {
		b.Helper()
		values := strings.Split(strings.Repeat(raw+"\n", 1000), "\n")[:1000]
		batch := make([]any, len(values))
		for i, v := range values {
			batch[i] = v
		}
		for range b.N/1000 + 1 {
			client.LPush(b.Context(), "order", batch...)
		}
	}
	b.Run("go-redis-brpop", func(b *testing.B) {
		fill(b)
		b.ResetTimer()
		for range b.N {
			reply := client.BRPop(b.Context(), 0, "order").Val()
			var message struct{ Data Order }
			_ = json.Unmarshal([]byte(reply[1]), &message)
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
		client.FlushAll(b.Context())
	})
	for _, c := range []struct {
		name    string
		options []remoteevent.ReceiverOption
	}{
		{"at-most-once/concurrency-1", []remoteevent.ReceiverOption{remoteevent.WithAtMostOnce()}},
		{"at-most-once/concurrency-100", []remoteevent.ReceiverOption{remoteevent.WithAtMostOnce(), remoteevent.WithConcurrency(100)}},
		{"at-most-once/prefetch-500", []remoteevent.ReceiverOption{remoteevent.WithAtMostOnce(), remoteevent.WithPrefetch(500)}},
		{"at-least-once/concurrency-1", nil},
		{"at-least-once/concurrency-100", []remoteevent.ReceiverOption{remoteevent.WithConcurrency(100)}},
		{"at-least-once/prefetch-500", []remoteevent.ReceiverOption{remoteevent.WithPrefetch(500)}},
		{"at-least-once/hooks", []remoteevent.ReceiverOption{remoteevent.WithHooks(ignoring{})}},
	} {
		b.Run(c.name, func(b *testing.B) {
			fill(b)
			mux := new(remoteevent.Mux)
			receiver, err := remoteevent.NewReceiver(client, mux, append(c.options, remoteevent.WithLogger(slog.New(slog.DiscardHandler)))...)
			if err != nil {
				b.Fatal(err)
			}
			ctx, cancel := context.WithCancel(b.Context())
			handled := make(chan struct{}, 1000)
			err = remoteevent.Handle(mux, func(context.Context, Order) error { handled <- struct{}{}; return nil })
			if err != nil {
				b.Fatal(err)
			}
			ended := make(chan error)
			b.ResetTimer()
			go func() { ended <- receiver.Run(ctx) }()
			for range b.N {
				<-handled
			}
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
			cancel()
			go func() {
				for range handled {
				}
			}()
			if err := <-ended; err != nil {
				b.Error(err)
			}
			close(handled)
			client.FlushAll(b.Context())
		})
	}
}
