package remoteevent_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/remote-events/remote-events/go/remoteevent"
	"github.com/remote-events/remote-events/go/wire"
)

// BenchmarkSendRatios holds the sender against go-redis with the same bytes: in
// turns, in one run, since only ratios carry over to another machine. It reports
// the quotient of the medians; the goals are ≥ 0.95, ≥ 4 and ≥ 0.4.
func BenchmarkSendRatios(b *testing.B) {
	client := benchmarkRedis(b)
	event := Order{Path: "/uploads/video1.mp4"}
	sender, err := remoteevent.NewSender(client)
	if err != nil {
		b.Fatal(err)
	}
	env, err := remoteevent.NewEnvelope(event)
	if err != nil {
		b.Fatal(err)
	}
	raw, _, err := wire.Encode(remoteevent.Stamp(env), wire.Limits{})
	if err != nil {
		b.Fatal(err)
	}
	const size = 1000
	values := make([]any, size)
	events := make([]remoteevent.Event, size)
	for i := range size {
		values[i], events[i] = raw, event
	}
	push := func(ctx context.Context) error { return client.LPush(ctx, "order", raw).Err() }
	send := func(ctx context.Context) error { return sender.Send(ctx, event) }
	for _, c := range []struct {
		name         string
		goroutines   int
		times        int
		batch        int
		theirs, ours func(context.Context) error
	}{
		{"1", 1, 2000, 1, push, send},
		{"2", 2, 2000, 1, push, send},
		{"8", 8, 4000, 1, push, send},
		{"50", 50, 10_000, 1, push, send},
		{"batch", 1, 20, size, func(ctx context.Context) error { return client.LPush(ctx, "order", values...).Err() },
			func(ctx context.Context) error { return sender.SendBatch(ctx, events...) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			ctx := b.Context()
			var took [2][]time.Duration
			for b.Loop() {
				for i, f := range []func(context.Context) error{c.theirs, c.ours} {
					took[i] = append(took[i], inParallel(b, c.goroutines, c.times, f))
					if n := client.LLen(ctx, "order").Val(); n != int64(c.times*c.batch) {
						b.Fatalf("%d events are stored", n)
					}
					client.Del(ctx, "order")
				}
			}
			slices.Sort(took[0])
			slices.Sort(took[1])
			theirs, ours := took[0][len(took[0])/2], took[1][len(took[1])/2]
			count := float64(c.times * c.batch)
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(count/theirs.Seconds()/1000, "go-redis-k/s")
			b.ReportMetric(count/ours.Seconds()/1000, "sender-k/s")
			b.ReportMetric(float64(theirs)/float64(ours), "ratio")
			b.ReportMetric(float64(took[0][len(took[0])/10])/float64(took[1][len(took[1])/10]), "p10ratio")
		})
	}
}

// inParallel calls a function so many times, in goroutines that are there before.
func inParallel(b *testing.B, goroutines, times int, f func(context.Context) error) time.Duration {
	b.Helper()
	var ready, done sync.WaitGroup
	begin := make(chan struct{})
	ctx := b.Context()
	ready.Add(goroutines)
	for range goroutines {
		done.Go(func() {
			ready.Done()
			<-begin
			for range times / goroutines {
				if err := f(ctx); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	ready.Wait()
	start := time.Now()
	close(begin)
	done.Wait()
	return time.Since(start)
}

// BenchmarkSend measures what hooks and middleware cost, and that they cost nothing
// where there are none.
func BenchmarkSend(b *testing.B) {
	client := benchmarkRedis(b)
	for _, c := range []struct {
		name    string
		options []remoteevent.SenderOption
	}{
		{"plain", nil},
		{"hooks", []remoteevent.SenderOption{remoteevent.WithHooks(ignoring{})}},
		{"middleware", []remoteevent.SenderOption{remoteevent.WithSendMiddleware(traced)}},
	} {
		b.Run(c.name, func(b *testing.B) {
			s, err := remoteevent.NewSender(client, c.options...)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if err := s.Send(context.Background(), Order{Path: "/uploads/video1.mp4"}); err != nil {
					b.Fatal(err)
				}
			}
			client.Del(b.Context(), "order")
		})
	}
}

// ignoring is a hook that does nothing.
type ignoring struct{}

func (ignoring) OnSent(context.Context, remoteevent.SentInfo)       {}
func (ignoring) OnHandled(context.Context, remoteevent.HandledInfo) {}
