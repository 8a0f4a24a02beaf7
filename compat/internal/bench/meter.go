package bench

import (
	"runtime"
	"time"
)

// reading holds the resources that this process has used.
type reading struct {
	at     time.Time
	cpu    time.Duration
	allocs uint64
	bytes  uint64
}

// read reads the meters of this process.
func read() reading {
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	return reading{at: time.Now(), cpu: processCPU(), allocs: memory.Mallocs, bytes: memory.TotalAlloc}
}

// sample returns the difference of two readings per message.
func (r reading) sample(since reading, messages int) Sample {
	n := float64(messages)
	s := Sample{
		PerSecond:     n / max(r.at.Sub(since.at).Seconds(), 1e-9),
		Allocations:   float64(r.allocs-since.allocs) / n,
		AllocatedSize: float64(r.bytes-since.bytes) / n,
	}
	if r.cpu > 0 {
		s[ClientCPU] = micros(r.cpu-since.cpu) / n
	}
	return s
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
