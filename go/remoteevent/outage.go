package remoteevent

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/remote-events/remote-events/go/internal/lease"
	"github.com/remote-events/remote-events/go/internal/redaction"
)

// outage logs repeated errors of a queue: the first of a kind at once, and then one every
// 30 seconds.
type outage struct {
	queue string
	log   *slog.Logger
	// rule is the ACL rule that permits the denied command.
	rule string
	// key returns the name of the key that an error is about, or "".
	key   func(err error) string
	limit *outageLimit
	hooks *hooks

	observing sync.Mutex // held while hooks are called, so that they are called in order

	mu       sync.Mutex
	answered bool // messages could be received at some time
	failures int
	since    time.Time            // when the first call failed
	err      error                // of the last, redacted
	texts    map[string]bool      // the kinds that failed and have not succeeded since
	logged   map[string]time.Time // by kind; nil where the limit kept the outage out of the log
}

const outageInterval = 30 * time.Second

// report logs an error, unless one was logged a short while ago.
func (o *outage) report(ctx context.Context, text string, err error, retry time.Duration) {
	if o.hooks.failing != nil || o.hooks.recovered != nil {
		o.observing.Lock()
		defer o.observing.Unlock()
	}
	shown := redaction.Error(err)
	now := time.Now()
	o.mu.Lock()
	o.failures++
	failures := o.failures
	if failures == 1 {
		o.since, o.texts = now, map[string]bool{}
	}
	o.err, o.texts[text] = shown, true
	quiet := now.Sub(o.logged[text]) < outageInterval || !o.limit.allow(now)
	if !quiet {
		if o.logged == nil {
			o.logged = map[string]time.Time{}
		}
		o.logged[text] = now
	}
	o.mu.Unlock()
	if failures == 1 && o.hooks.failing != nil {
		o.hooks.failing.observe(ctx, o.hooks, FailingInfo{Queue: o.queue, Err: redactedError(shown)})
	}
	if quiet {
		return
	}
	attrs := []any{"error", shown, "failures", failures, "retry_in", retry}
	level := slog.LevelWarn
	switch lease.ClassOf(err) {
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
	o.answered = true
	o.mu.Unlock()
	o.endedOf(ctx, "")
}

// endedOf records that calls of a kind succeed. The outage ends when no kind of call fails.
func (o *outage) endedOf(ctx context.Context, text string) {
	if !o.failing() {
		return
	}
	if o.hooks.failing != nil || o.hooks.recovered != nil {
		o.observing.Lock()
		defer o.observing.Unlock()
	}
	o.mu.Lock()
	if delete(o.texts, text); text != "" && len(o.texts) > 0 {
		o.mu.Unlock()
		return
	}
	failures, since, logged := o.failures, o.since, o.logged != nil
	o.failures, o.since, o.err, o.texts, o.logged = 0, time.Time{}, nil, nil, nil
	o.mu.Unlock()
	if failures > 0 && logged {
		o.log.InfoContext(ctx, "receiving again", "failures", failures)
	}
	if failures > 0 && o.hooks.recovered != nil {
		o.hooks.recovered.observe(ctx, o.hooks, RecoveredInfo{Queue: o.queue, Since: since, Failures: failures})
	}
}

// status returns whether messages can be received, and since when and why not.
func (o *outage) status() (answered bool, since time.Time, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.answered && o.failures == 0, o.since, o.err
}

// failing reports whether the last call failed.
func (o *outage) failing() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.failures > 0
}

// outageLimit limits the number of queues of a receiver that log the same outage.
type outageLimit struct {
	mu     sync.Mutex
	begun  time.Time
	logged int
}

// maxOutages is the maximum number of outages logged in an interval.
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
