package engine

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/remote-events/remote-events/compat/internal/suite"
)

// maxOutage is the maximum duration of an outage in which a client must make several
// attempts. A client may wait for long between attempts.
const maxOutage = 4 * time.Second

// maxAttempts is the maximum number of attempts in a second. A client that pauses for
// 10 ms makes half as many; a busy loop makes thousands.
const maxAttempts = 200

// repeatedly waits until a client has made enough attempts during an outage, or for
// maxOutage.
func (s *scenario) repeatedly(ctx context.Context, often int, met func() (int, error)) error {
	if often < 2 {
		return nil
	}
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for end := time.After(maxOutage); ; {
		n, err := met()
		if err == nil {
			err = s.over()
		}
		if err != nil {
			return err
		}
		select {
		case <-ticker.C:
			if n < often {
				continue
			}
		case <-end:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		s.trace.add("harness", "outage", fmt.Appendf(nil, "%d attempts", n))
		return nil
	}
}

// pauses counts the attempts of the clients for a second.
func (s *scenario) pauses(ctx context.Context, step suite.Step) error {
	attempts := func() (int, error) { return s.proxy.Attempts(), nil }
	if step.Text != nil {
		attempts = func() (int, error) { return s.errors(ctx, *step.Text) }
	}
	before, err := attempts()
	if err != nil {
		return err
	}
	began := time.Now()
	select {
	case <-time.After(time.Second):
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	after, err := attempts()
	if err != nil {
		return err
	}
	s.trace.add("harness", "attempts", fmt.Appendf(nil, "%d in a second", after-before))
	if float64(after-before) > maxAttempts*time.Since(began).Seconds() {
		return wrong("it made %d attempts in a second, without pauses between them (RECV-6)", after-before)
	}
	return nil
}

// errors returns how often Redis has replied with an error, according to its statistics.
func (s *scenario) errors(ctx context.Context, kind string) (int, error) {
	statistics, err := s.lane.redis.Info(ctx, "errorstats").Result()
	if err != nil {
		return 0, fmt.Errorf("read the error statistics of Redis: %w", err)
	}
	_, count, _ := strings.Cut(statistics, "errorstat_"+kind+":count=")
	digits, _, _ := strings.Cut(count, "\r\n")
	n, _ := strconv.Atoi(digits) // 0 without such an error
	return n, nil
}
