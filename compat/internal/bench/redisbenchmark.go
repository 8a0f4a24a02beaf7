package bench

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"math"
	"os/exec"
	"strconv"

	"github.com/remote-events/remote-events/compat/internal/process"
)

// measureRedisBenchmark makes redis-benchmark push the message. It uses its measurement.
func measureRedisBenchmark(clients, pipeline int) func(ctx context.Context, s *stage, p pace) (Sample, error) {
	return func(ctx context.Context, s *stage, _ pace) (Sample, error) {
		program, err := exec.LookPath("redis-benchmark")
		if err != nil {
			return nil, missing("no redis-benchmark in PATH; Debian and Ubuntu have it in redis-tools")
		}
		if s.options.Password != "" || s.options.TLSConfig != nil || s.options.Network != "tcp" {
			return nil, missing("redis-benchmark is run only without a password, TLS and a unix socket")
		}
		host, port, err := splitAddress(s.options.Addr)
		if err != nil {
			return nil, err
		}
		clients, count := min(clients, s.count), s.count
		command := process.Command(ctx, program, "-h", host, "-p", port, "--dbnum", strconv.Itoa(s.options.DB),
			"-c", strconv.Itoa(clients), "-P", strconv.Itoa(s.chunk(pipeline)), "-n", strconv.Itoa(count), "--csv", "-x", "LPUSH", queue)
		command.Stdin = bytes.NewReader(s.template.raw)
		var stderr bytes.Buffer
		command.Stderr = &stderr
		before, err := s.read(ctx)
		if err != nil {
			return nil, err
		}
		output, err := command.Output()
		if err != nil {
			return nil, fmt.Errorf("redis-benchmark: %w: %s", err, trimmed(stderr.Bytes()))
		}
		rows, err := csv.NewReader(bytes.NewReader(output)).ReadAll()
		if err != nil || len(rows) < 2 || len(rows[1]) < 2 {
			return nil, fmt.Errorf("redis-benchmark printed no figures: %s", trimmed(output))
		}
		rate, err := strconv.ParseFloat(rows[len(rows)-1][1], 64)
		if err != nil {
			return nil, fmt.Errorf("redis-benchmark printed no rate: %w", err)
		}
		if math.IsInf(rate, 0) { // it counts milliseconds and needed less than one
			rate = float64(count) * 1000
		}
		sample := Sample{PerSecond: rate}
		after, err := s.read(ctx)
		if err != nil {
			return nil, err
		}
		after.add(sample, before, count)
		length, err := s.control.LLen(ctx, queue).Result()
		if err != nil {
			return nil, err
		}
		// redis-benchmark sends whole pipelines, and so may store a few messages more.
		if length < int64(count) || length > int64(count+clients*pipeline) {
			return nil, fmt.Errorf("%d messages stored, %d sent by redis-benchmark", length, count)
		}
		return sample, s.stored(ctx, queue, int(length))
	}
}
