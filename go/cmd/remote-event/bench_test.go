package main

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/redistest"
)

// TestBench measures a few events. Each part verifies its own result. This test checks the
// reported counts and the remaining keys.
func TestBench(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		push(t, client, "x", message("x", 1))
		r := invoke(t, "bench", "--count", "120", "--duration", "1m", "--goroutines", "7", "--size", "60", "-o", "json", "--redis", urlOfClient(client)).expect(t, exitDone)
		var report struct {
			Size  int         `json:"payload_bytes"`
			Parts []benchPart `json:"parts"`
		}
		if err := json.Unmarshal([]byte(r.stdout), &report); err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, part := range report.Parts {
			names = append(names, part.Part)
			if part.Events != 120 {
				t.Errorf("%s: %d events", part.Part, part.Events)
			}
			if latency := strings.HasPrefix(part.Part, "latency"); latency != (part.Latency != nil) || latency == (part.PerSecond > 0) {
				t.Errorf("%s: %+v", part.Part, part)
			}
			if l := part.Latency; l != nil && (l.P50 <= 0 || l.P99 < l.P50 || l.Max < l.P999 || len(l.Histogram) == 0) {
				t.Errorf("%s: %+v", part.Part, l)
			}
		}
		want := []string{
			"send, 1 goroutine", "send, 7 goroutines", "send, batches of 1000", "receive, at most once", "receive, at least once",
			"latency, at most once", "latency, at least once",
		}
		if !slices.Equal(names, want) || report.Size != 60 {
			t.Errorf("payloads of %d bytes, parts %q", report.Size, names)
		}
		expectOnly(t, client, "x")
	})
}

// expectOnly fails if Redis has other keys.
func expectOnly(t *testing.T, client *redis.Client, names ...string) {
	t.Helper()
	keys, err := client.Keys(t.Context(), "*").Result()
	if err != nil || !slices.Equal(keys, names) {
		t.Errorf("Redis has the keys %q, %v", keys, err)
	}
}

func TestBenchText(t *testing.T) {
	t.Parallel()
	client := embedded(t)
	r := invoke(t, "bench", "--duration", "20ms", "--redis", urlOfClient(client)).expect(t, exitDone)
	for _, text := range []string{"payloads of 100 bytes", "send, 50 goroutines", "events/s", "latency, at least once", "p99.9", "█"} {
		if !strings.Contains(r.stdout, text) {
			t.Errorf("the output is without %q:\n%s", text, r.stdout)
		}
	}
	if r.stderr != "" { // a pipe sees no progress
		t.Errorf("standard error is %q", r.stderr)
	}
	expectOnly(t, client)
}

func TestBenchUsage(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"--duration", "0s"}, {"--count", "1"}, {"--size", "49"}, {"--size", "1000001"}, {"--goroutines", "0"}, {"-o", "yaml"}, {"queue"},
	} {
		invoke(t, append([]string{"bench"}, args...)...).expect(t, exitUsage)
	}
	invoke(t, "bench", "--redis", "redis://127.0.0.1:1").expect(t, exitConnection)
}

func TestProcessBenchIsCutShort(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		for _, duration := range []string{"100ms", "1h"} { // in a later part, and in the first
			p := start(t, client, "bench", "--duration", duration, "--count", "100000000")
			for begin := time.Now(); ; {
				keys, err := client.Keys(t.Context(), "*bench*").Result()
				if err != nil {
					t.Fatal(err)
				}
				if len(keys) > 0 {
					break
				}
				if time.Since(begin) > time.Minute {
					t.Fatal("no event was received")
				}
			}
			p.signal(t, os.Interrupt)
			p.expectExit(t, exitInterrupted, "interrupted in the part")
			expectOnly(t, client)
		}
	})
}

func TestLatencyOf(t *testing.T) {
	t.Parallel()
	h := hdrhistogram.New(1, int64(time.Minute), 3)
	for _, micros := range []int64{15, 19, 40, 700, 700, 3000, 70_000} {
		if err := h.RecordValue(micros * 1000); err != nil {
			t.Fatal(err)
		}
	}
	l := latencyOf(h)
	want := []benchBucket{
		{20, 2}, {50, 1}, {100, 0}, {200, 0}, {500, 0}, {1000, 2}, {2000, 0}, {5000, 1}, {10_000, 0}, {20_000, 0}, {50_000, 0}, {100_000, 1},
	}
	if !slices.Equal(l.Histogram, want) {
		t.Errorf("histogram = %+v", l.Histogram)
	}
	if l.P50 < 699 || l.P50 > 701 || l.Max < 69_900 || l.Max > 70_100 {
		t.Errorf("p50 %g, max %g", l.P50, l.Max)
	}
	empty := latencyOf(hdrhistogram.New(1, 10, 3))
	if len(empty.Histogram) != 0 && empty.Histogram[0].Events != 0 {
		t.Errorf("histogram of no samples = %+v", empty.Histogram)
	}
}

func TestDuration(t *testing.T) {
	t.Parallel()
	for micros, want := range map[float64]string{0.4: "0 µs", 250: "250 µs", 1500: "1.5 ms", 2_500_000: "2.5 s"} {
		if got := duration(micros); got != want {
			t.Errorf("%g is formatted as %q", micros, got)
		}
	}
	if got := thousands(1234567); got != "1,234,567" {
		t.Errorf("the number is formatted as %q", got)
	}
}
