package remoteevent

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/remote-events/remote-events/go/internal/lease"
	"github.com/remote-events/remote-events/go/internal/redaction"
)

// outage logs errors of a queue that come again and again: the first of a kind at
// once, and then one every half a minute.
type outage struct {
	log *slog.Logger
	// rule is the ACL rule that permits what is done.
	rule string
	// key returns the name of the key that an error is about, or "".
	key   func(err error) string
	limit *outageLimit

	mu       sync.Mutex
	failures int
	logged   map[string]time.Time // by kind; nil where the limit kept the outage out of the log
}

const outageInterval = 30 * time.Second

// report logs an error, unless one was logged a short while ago.
func (o *outage) report(ctx context.Context, text string, err error, retry time.Duration) {
	now := time.Now()
	o.mu.Lock()
	o.failures++
	failures := o.failures
	quiet := now.Sub(o.logged[text]) < outageInterval || !o.limit.allow(now)
	if !quiet {
		if o.logged == nil {
			o.logged = map[string]time.Time{}
		}
		o.logged[text] = now
	}
	o.mu.Unlock()
	if quiet {
		return
	}
	attrs := []any{"error", redaction.Error(err), "failures", failures, "retry_in", retry}
	level := slog.LevelWarn
	switch lease.TroubleOf(err) {
	case lease.Denied:
		level = slog.LevelError
		attrs = append(attrs, "acl", o.rule)
	case lease.Unauthenticated:
		level = slog.LevelError
	case lease.WrongType:
		level = slog.LevelError
		attrs = append(attrs, "key", o.key(err))
	case lease.Passing, lease.Full:
	}
	o.log.Log(ctx, level, text, attrs...)
}

// ended logs the end of an outage that was logged.
func (o *outage) ended(ctx context.Context) {
	o.mu.Lock()
	failures, logged := o.failures, o.logged != nil
	o.failures, o.logged = 0, nil
	o.mu.Unlock()
	if failures > 0 && logged {
		o.log.InfoContext(ctx, "receiving again", "failures", failures)
	}
}

// failing reports whether the last call failed.
func (o *outage) failing() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.failures > 0
}

// outageLimit bounds how many queues of a receiver log an outage: when Redis is
// away, a thousand need not all report it.
type outageLimit struct {
	mu     sync.Mutex
	begun  time.Time
	logged int
}

// maxOutages is how many outages are logged in an interval.
const maxOutages = 10

func (l *outageLimit) allow(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.begun) >= outageInterval {
		l.begun, l.logged = now, 0
	}
	l.logged++
	return l.logged <= maxOutages
}
