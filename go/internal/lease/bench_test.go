package lease_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/lease"
	"github.com/remote-events/remote-events/go/internal/redistest"
)

// BenchmarkExchange acknowledges messages of 107 bytes and claims the same number, in one call,
// with two claims in flight. It reports the time that Redis spends in scripts, from INFO
// commandstats.
func BenchmarkExchange(b *testing.B) {
	for _, size := range []int{1, 10, 100, 500, 1000} {
		for _, failing := range []bool{false, true} {
			name := fmt.Sprintf("%d messages", size)
			if failing {
				name += " beside one that has failed"
			}
			b.Run(name, func(b *testing.B) { benchmarkExchange(b, size, failing) })
		}
	}
}

func benchmarkExchange(b *testing.B, size int, failing bool) {
	addr := redistest.FreeAddr(b)
	redistest.Start(b, addr)
	client := redis.NewClient(&redis.Options{Addr: addr})
	defer client.Close()
	queue, err := lease.NewQueue(client, "new_file_event")
	if err != nil {
		b.Fatal(err)
	}
	ctx := b.Context()
	claim := &lease.Claim{Lease: time.Minute, Count: size, Bytes: 1 << 20, MaxBytes: 64 << 20, MaxAttempts: 5}
	exchange := func(x lease.Exchange) []lease.Message {
		answer := queue.Exchange(ctx, x)
		if answer.Err != nil || len(answer.AcknowledgeLost) > 0 || len(answer.NackLost) > 0 {
			b.Fatalf("%+v", answer)
		}
		return answer.Claimed.Messages
	}
	if failing {
		client.LPush(ctx, queue.Name, "fails")
		m := exchange(lease.Exchange{Claim: claim})[0]
		exchange(lease.Exchange{Nack: []lease.Nack{{Handle: m.Handle, Delay: time.Hour, Reason: "no"}}, Finished: []string{m.Claim}})
	}
	values := make([]any, max(1000, 20*size))
	for i := range values {
		values[i] = strings.Repeat("x", 107)
	}
	var flight [][]lease.Message
	var scripts time.Duration
	messages, queued := 0, 0
	before := spent(ctx, b, client)
	for b.Loop() {
		if queued < size {
			b.StopTimer()
			scripts += spent(ctx, b, client) - before
			client.LPush(ctx, queue.Name, values...)
			queued += len(values)
			before = spent(ctx, b, client)
			b.StartTimer()
		}
		x := lease.Exchange{Claim: claim}
		if len(flight) == 2 {
			for _, m := range flight[0] {
				x.Acknowledge = append(x.Acknowledge, lease.Acknowledgement{Handle: m.Handle})
			}
			x.Finished = []string{flight[0][0].Claim}
			flight = flight[1:]
		}
		claimed := exchange(x)
		flight = append(flight, claimed)
		messages, queued = messages+len(claimed), queued-len(claimed)
	}
	scripts += spent(ctx, b, client) - before
	b.ReportMetric(float64(scripts.Nanoseconds())/1000/float64(messages), "redis-µs/message")
	b.ReportMetric(float64(messages)/b.Elapsed().Seconds(), "messages/s")
}

// spent returns the time that Redis has spent in scripts.
func spent(ctx context.Context, b *testing.B, client *redis.Client) time.Duration {
	b.Helper()
	info, err := client.Info(ctx, "commandstats").Result()
	if err != nil {
		b.Fatal(err)
	}
	var all time.Duration
	for line := range strings.Lines(info) {
		if name, rest, _ := strings.Cut(line, ":"); name == "cmdstat_evalsha" || name == "cmdstat_eval" {
			_, rest, _ = strings.Cut(rest, "usec=")
			digits, _, _ := strings.Cut(rest, ",")
			us, err := strconv.ParseInt(digits, 10, 64)
			if err != nil {
				b.Fatal(err)
			}
			all += time.Duration(us) * time.Microsecond
		}
	}
	return all
}
