package remoteevent

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/remote-events/remote-events/go/internal/lease"
	"github.com/remote-events/remote-events/go/internal/redaction"
)

// blockTime is how long Redis is asked to wait for a message: its shortest, since
// it cannot be told to stop, and so the longest that an idle receiver takes to
// end.
const blockTime = time.Second

// takeBytes is how much is taken in one round trip, unless the first message
// alone has more.
const takeBytes = 1 << 20

// message is one that was taken and is not yet done with.
type message struct {
	lease.Handle // empty at most once

	raw     []byte
	attempt int
	pardons int    // attempts that do not count
	suspect bool   // its last attempt ended with its process
	failure string // of the attempt before, as it stands in Redis

	// What follows belongs to the leaser.
	cancel    context.CancelCauseFunc // of the listener, while one works
	expires   time.Time               // when the lease does, as far as is known
	lost      bool
	finished  bool // no listener works at it any more
	uncertain bool // it was settled, and the answer did not come
}

// source is where a consumer's messages come from.
type source interface {
	// take waits for messages for about a second, and returns up to limit,
	// oldest first, even with an error.
	take(ctx context.Context, limit int) ([]*message, error)
	// handle calls the listeners.
	handle(work context.Context, m *message)
	// flush is called when something was handled and nothing is about to be
	// taken.
	flush()
	// giveBack puts back what was not handled, in the order in which it was
	// taken.
	giveBack(ctx context.Context, unhandled []*message)
}

// consumer takes the messages of one queue and has them handled. Several may
// compete for a queue, in this process and in others.
type consumer struct {
	config   *queueConfig
	source   source
	outage   *outage
	work     context.Context //nolint:containedctx // that of the listeners
	handling *sync.WaitGroup // is told of the messages that are under way

	mu         sync.Mutex
	waiting    []*message // taken, and handled by nobody yet
	active     int        // goroutines that handle messages
	stopping   bool       // what waits is given back
	until      func() bool
	changed    chan struct{} // tells run that until holds
	collecting bool          // run is about to take, and to say what was handled
}

// run takes messages until the context ends.
func (c *consumer) run(ctx context.Context) {
	var retry backoff
	for {
		limit := c.awaitRoom(ctx)
		if limit == 0 {
			break
		}
		messages, err := c.source.take(ctx, limit)
		c.accept(messages)
		if err == nil {
			c.outage.ended(ctx)
			retry = backoff{}
			continue
		}
		c.outage.report(ctx, "cannot receive for now", err, retry.next())
		retry.wait(ctx)
	}
	c.source.flush()
}

// awaitRoom waits for room and returns how many messages there is room for; 0
// when ctx has ended. A message is taken only where there is room for it, and
// where some wait already, only for a good number.
func (c *consumer) awaitRoom(ctx context.Context) int {
	if !c.rest(ctx, 0, func() bool {
		return c.active+len(c.waiting) < c.config.concurrency+c.config.prefetch && len(c.waiting) <= c.config.prefetch/2
	}) || ctx.Err() != nil {
		c.collected()
		return 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.config.concurrency + c.config.prefetch - c.active - len(c.waiting)
}

// rest waits until something holds that changes with what is handled, and reports
// whether it does: the context may end first, or a time pass that is not 0. From
// then on, run is taken to be about to take.
func (c *consumer) rest(ctx context.Context, atMost time.Duration, until func() bool) bool {
	c.mu.Lock()
	if until() {
		c.collecting = true
		c.mu.Unlock()
		return true
	}
	c.until = until
	c.mu.Unlock()
	var timeout <-chan time.Time
	if atMost > 0 {
		timeout = time.After(atMost)
	}
	select {
	case <-c.changed:
		return true
	case <-timeout:
	case <-ctx.Done():
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.until = nil
	select {
	case <-c.changed:
		return true
	default:
		return false
	}
}

// collected says that what is handled from now on is no more taken along.
func (c *consumer) collected() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.collecting = false
}

// accept has messages handled, or lets them wait for that.
func (c *consumer) accept(messages []*message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting = append(c.waiting, messages...)
	for len(c.waiting) > 0 && c.active < c.config.concurrency && !c.stopping {
		m := c.waiting[0]
		c.waiting = c.waiting[1:]
		c.active++
		// In a goroutine of its own even where there is but one: a listener may
		// end it.
		c.handling.Go(func() { c.handle(m) })
	}
}

// handle handles messages for as long as some wait.
func (c *consumer) handle(m *message) {
	returned := false
	defer func() {
		if returned {
			return
		}
		if next := c.next(); next != nil {
			c.handling.Go(func() { c.handle(next) })
		}
	}()
	for m != nil {
		c.source.handle(c.work, m)
		m = c.next()
	}
	returned = true
}

// next returns the message that has waited longest, or nil.
func (c *consumer) next() *message {
	c.mu.Lock()
	var m *message
	if len(c.waiting) > 0 && !c.stopping {
		m = c.waiting[0]
		c.waiting = c.waiting[1:]
	} else {
		c.active--
	}
	if c.until != nil && c.until() {
		c.until = nil
		c.collecting = true
		c.changed <- struct{}{}
	}
	collecting := c.collecting
	c.mu.Unlock()
	if !collecting {
		c.source.flush()
	}
	return m
}

// forget takes a message away from those that wait, and reports whether it was
// there.
func (c *consumer) forget(m *message) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, other := range c.waiting {
		if other == m {
			c.waiting = append(c.waiting[:i:i], c.waiting[i+1:]...)
			return true
		}
	}
	return false
}

// stop lets nothing begin that waits, and gives it back.
func (c *consumer) stop(ctx context.Context) {
	c.mu.Lock()
	c.stopping = true
	unhandled := c.waiting
	c.waiting = nil
	c.mu.Unlock()
	c.source.giveBack(ctx, unhandled)
}

// hold lets nothing begin from now on.
func (c *consumer) hold() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopping = true
}

// outage logs errors that come again and again: the first at once, and then one
// every half a minute.
type outage struct {
	log *slog.Logger
	// rule is the ACL rule that permits what is done.
	rule string
	// key returns the name of the key that an error is about, or "".
	key func(err error) string

	mu       sync.Mutex
	failures int
	logged   time.Time
}

const outageInterval = 30 * time.Second

func (o *outage) report(ctx context.Context, text string, err error, retry time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.failures++
	now := time.Now()
	if o.failures > 1 && now.Sub(o.logged) < outageInterval {
		return
	}
	o.logged = now
	attrs := []any{"error", redaction.Error(err), "failures", o.failures, "retry_in", retry}
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

func (o *outage) ended(ctx context.Context) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.failures > 0 {
		o.log.InfoContext(ctx, "receiving again", "failures", o.failures)
		o.failures = 0
	}
}
