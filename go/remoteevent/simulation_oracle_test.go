package remoteevent

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/remote-events/remote-events/go/internal/lease"
)

// result is what a listener did with a message.
type result int

const (
	untouched result = iota
	underWay
	succeeded
	failed
	failedForGood
	returned
)

func (r result) String() string {
	return []string{"untouched", "still running", "succeeded", "failed", "failed for good", "returned"}[r]
}

// faultf notes a violation. w.mu is held.
func (w *world) faultf(format string, args ...any) {
	w.notef("FAULT "+format, args...)
	w.faults = append(w.faults, w.trace[len(w.trace)-1].String())
}

// takeOf returns the time of a message under a claim. w.mu is held.
func (q *simQueue) takeOf(h lease.Handle) *take {
	if c := q.all[h.Claim]; c != nil {
		return c.takes[h.ID]
	}
	return nil
}

// checkStart: a listener gets a message that its receiver has claimed, once under each
// claim, and not after the shutdown began. w.mu is held.
func (s *simReceiver) checkStart(q *simQueue, n int, d *Delivery) *take {
	w := s.world
	q.order = append(q.order, n)
	w.notef("%s starts %s/%d attempt %d", s.name, q.name, n, d.Attempt)
	if !s.stopped.IsZero() && time.Now().After(s.stopped) {
		w.faultf("%s: %s is started after the shutdown began", s.name, d.ID)
	}
	// By the attempt: the receiver may have claimed again what it starts under a claim
	// that it does not know to be lost.
	var found *take
	for _, t := range q.messages[n].takes {
		if t.id == d.ID && t.attempt == d.Attempt && t.claim.by == s && (found == nil || t.starts == 0) {
			found = t
		}
	}
	if found == nil {
		w.faultf("%s: %s is started as attempt %d, which no claim gave out", s.name, d.ID, d.Attempt)
		return &take{claim: new(simClaim)}
	}
	if c := found.claim; !c.lost.IsZero() && time.Now().After(c.lost) {
		w.faultf("%s: %s is started under a claim that is known to be lost", s.name, d.ID)
	}
	if found.starts++; found.starts > 1 {
		w.faultf("%s: %s was started twice under one claim", s.name, d.ID)
	}
	found.result = underWay
	return found
}

// checkReport: what is reported is what the listeners did, and after the shutdown began
// nothing is claimed.
func (c *simClaims) checkReport(x *lease.Exchange) {
	w := c.world
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range x.Acknowledge {
		if t := c.takeOf(a.Handle); t == nil || t.result != succeeded {
			w.faultf("%s acknowledges %v, which is %v", c.by.name, a.Handle, t)
		}
	}
	for _, n := range x.Nack {
		want := failed
		if n.Delay < 0 {
			want = failedForGood
		}
		if t := c.takeOf(n.Handle); t == nil || t.result != want {
			w.faultf("%s nacks %v with delay %v, which is %v", c.by.name, n.Handle, n.Delay, t)
		}
	}
	if x.Claim != nil && !c.by.stopped.IsZero() && time.Now().After(c.by.stopped) {
		w.faultf("%s claims after its shutdown began", c.by.name)
	}
}

// checkRelease: what is released was not started, or its listener returned it, and it is
// in the order in which it was claimed.
func (c *simClaims) checkRelease(held []lease.Handle) {
	w := c.world
	w.mu.Lock()
	defer w.mu.Unlock()
	number := 0
	for _, h := range held {
		t := c.takeOf(h)
		if t == nil || t.result != untouched && t.result != returned {
			w.faultf("%s releases %v, which is %v", c.by.name, h, t)
			continue
		}
		if t.number < number {
			w.faultf("%s releases %v after one that was claimed later", c.by.name, h)
		}
		number = t.number
	}
}

// checkRenewal: a claim is not renewed if its receiver knows that nothing is left of it.
func (c *simClaims) checkRenewal(claims []string) {
	c.world.mu.Lock()
	defer c.world.mu.Unlock()
	for _, name := range claims {
		if claim := c.all[name]; len(claim.settled) == claim.messages {
			c.world.faultf("%s renews %s, of which nothing is left", c.by.name, name)
		}
	}
}

// checkExpiry: a claim with messages expires only if its receiver does not work. w.mu
// is held.
func (w *world) checkExpiry(c *simClaim) {
	w.notef("%s expires with %d messages", c.name, len(c.open))
	by := c.by
	failed := 0
	for _, at := range by.failures {
		if !at.Before(c.heard) {
			failed++
		}
	}
	// One renewal that fails leaves time for another.
	if !c.heard.IsZero() && !c.excused && failed < 2 && !by.crashed && by.ctx.Err() == nil {
		w.faultf("%s expires, and its receiver works", c.name)
	}
}

// checkLease checks that a listener is soon notified of the expiry of its message's lease.
func (s *simReceiver) checkLease(ctx context.Context, t *take) {
	if ctx.Err() != nil || s.slow > 0 {
		return
	}
	w := s.world
	w.mu.Lock()
	defer w.mu.Unlock()
	end := t.claim.deadline
	if end.Before(t.claim.heard) {
		end = t.claim.heard
	}
	if late := time.Since(end); late > s.lease/2+10*time.Millisecond {
		w.faultf("%s: the lease of %s ran out %v ago, and its listener works", s.name, t.claim.name, late)
	}
}

// wasFaulty reports whether a call went wrong at that time. w.mu is held.
func (s *simReceiver) wasFaulty(begin, end time.Time) bool {
	return slices.ContainsFunc(s.faulty, func(f span) bool { return f.begin.Before(end) && f.end.After(begin) })
}

// checkEnded: a receiver whose shutdown succeeded has left nothing behind.
func (s *simReceiver) checkEnded(err error) {
	w := s.world
	w.mu.Lock()
	defer w.mu.Unlock()
	w.notef("%s ends: %v", s.name, err)
	if err != nil && !errors.Is(err, ErrShutdownTimeout) {
		w.faultf("%s: Run returned %v", s.name, err)
	}
	if err != nil || s.crashed || s.wasFaulty(s.stopped.Add(-time.Minute), time.Now()) {
		return
	}
	for _, q := range w.queues {
		for _, c := range q.held {
			if c.by == s && !c.heard.IsZero() {
				w.faultf("%s ends, and %s has %d messages", s.name, c.name, len(c.open))
			}
		}
	}
}

// checkAccount: each message that is held is somewhere, none waits beside a free slot, and
// none waits for long after the shutdown began.
func (w *world) checkAccount(s *simReceiver, f *feeder) {
	a, c := f.acknowledger, f.consumer
	a.mu.Lock()
	c.mu.Lock()
	held, reporting, lost := 0, 0, 0
	for _, claim := range a.claims {
		held += claim.messages
		reporting += claim.reporting
		if claim.messages == 0 {
			lost++
		}
	}
	somewhere := len(c.waiting) + c.active + len(c.finished) + len(a.done) + len(a.back) + reporting
	idle := c.active < c.config.concurrency && len(c.waiting) > 0 && !c.holding
	if c.share != nil {
		c.share.pool.mu.Lock()
		idle = idle && c.share.pool.free > 0
		c.share.pool.mu.Unlock()
	}
	waiting := len(c.waiting)
	c.mu.Unlock()
	a.mu.Unlock()
	w.mu.Lock()
	defer w.mu.Unlock()
	if late := time.Now().Add(-time.Second); waiting > 0 && !s.stopped.IsZero() && s.stopped.Before(late) && !s.wasFaulty(late.Add(-time.Minute), time.Now()) {
		w.faultf("%s %s: %d messages wait, and the shutdown has begun", s.name, f.queue, waiting)
	}
	if held != somewhere || lost > 0 {
		w.faultf("%s %s: %d messages are held, and %d are somewhere; %d claims have none", s.name, f.queue, held, somewhere, lost)
	}
	if idle {
		w.faultf("%s %s: messages wait beside a free slot", s.name, f.queue)
	}
}

// checkPool: each slot of the pool is free or a queue has it.
func (w *world) checkPool(s *simReceiver, r *running) {
	if r.pool == nil {
		return
	}
	slots, unused := 0, 0
	for _, f := range r.feeders {
		f.consumer.mu.Lock()
		slots += f.consumer.active + f.consumer.reserved
		if f.consumer.reserved > 0 && !f.consumer.seeking {
			unused++
		}
		f.consumer.mu.Unlock()
	}
	r.pool.mu.Lock()
	for _, f := range r.feeders {
		slots += f.consumer.share.granted
	}
	slots += r.pool.free
	idle := r.pool.free > 0 && len(r.pool.line) > 0
	r.pool.mu.Unlock()
	w.mu.Lock()
	defer w.mu.Unlock()
	if slots != s.r.config.totalConcurrency || unused > 0 || idle {
		w.faultf("%s: there are %d slots; %d queues keep some for nothing; queues ask for free ones: %t", s.name, slots, unused, idle)
	}
}

// checkEnd looks at what is left when all receivers have ended.
func (w *world) checkEnd() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, q := range w.queues {
		if q.busy() {
			w.faultf("%s: %d queued, %d staged, %d claims, %d retries are left", q.name, len(q.list), len(q.stage), len(q.held), len(q.retry))
		}
		pushed := len(q.messages)
		if q.acknowledged+q.dead != pushed {
			w.faultf("%s: of %d messages %d were acknowledged and %d are dead", q.name, pushed, q.acknowledged, q.dead)
		}
		if w.tame && w.alone && !slices.IsSorted(q.order) {
			w.faultf("%s: started in the order %v", q.name, q.order)
		}
		if w.tame && w.alone && len(q.order) != pushed {
			w.faultf("%s: %d messages were started %d times", q.name, pushed, len(q.order))
		}
	}
}
