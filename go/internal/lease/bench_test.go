package lease_test

import (
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/lease"
	"github.com/remote-events/remote-events/go/internal/redistest"
)

// BenchmarkExchange acknowledges 100 messages of 91 bytes and claims 100, in one
// round trip.
func BenchmarkExchange(b *testing.B) {
	addr := redistest.FreeAddr(b)
	redistest.Start(b, addr)
	client := redis.NewClient(&redis.Options{Addr: addr})
	defer client.Close()
	queue, err := lease.NewQueue(client, "k")
	if err != nil {
		b.Fatal(err)
	}
	const size = 100
	values := make([]any, 10*size)
	for i := range values {
		values[i] = strings.Repeat("x", 91)
	}
	ctx := b.Context()
	claim := lease.Claim{Lease: time.Minute, Count: size, Bytes: 1 << 20, MaxAttempts: 5}
	var done []lease.Acknowledgement
	for b.Loop() {
		answer := queue.Exchange(ctx, lease.Exchange{Acknowledge: done, Claim: &claim})
		if answer.AcknowledgeErr != nil || answer.ClaimErr != nil || len(answer.AcknowledgeLost) > 0 {
			b.Fatal(answer)
		}
		done = done[:0]
		for _, m := range answer.Claimed.Messages {
			done = append(done, lease.Acknowledgement{Handle: m.Handle})
		}
		if len(done) < size {
			b.StopTimer()
			client.LPush(ctx, "k", values...)
			b.StartTimer()
		}
	}
	b.ReportMetric(float64(b.N*size)/b.Elapsed().Seconds(), "messages/s")
}
