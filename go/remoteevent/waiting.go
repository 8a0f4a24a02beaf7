package remoteevent

import (
	"context"
	"runtime"
	"time"

	"github.com/remote-events/remote-events/go/internal/lease"
)

// This file decides when a feeder takes messages again: it waits for the source, for a
// time or for the bell.

// awaited is the result of a wait of the source.
type awaited struct {
	taken

	n   int // number of messages
	err error
}

// look decides whether and when to take more messages.
func (f *feeder) look(t taken, n int) {
	f.due = time.Time{}
	switch {
	case t.more, n > 0 && (f.bell != nil || (f.claims+1)%turns == 0):
		f.rung.Store(true)
	case t.due < 0:
	default:
		f.due = time.Now().Add(max(t.due, minDue))
	}
}

// expect schedules a claim for the time when retried messages are due: no reply to a claim
// has this time.
func (f *feeder) expect(reported []*message) {
	for _, m := range reported {
		if m.disposition.kind != nacked || m.disposition.delay < 0 {
			continue
		}
		if due := time.Now().Add(max(m.disposition.delay, minDue)); f.due.IsZero() || due.Before(f.due) {
			f.due = due
		}
	}
}

// minDue is the minimum time between claims of due messages that claims do not take.
const minDue = 10 * time.Millisecond

// await lets the source wait for messages in another goroutine.
func (f *feeder) await(room int) {
	wait := blockTime
	if !f.config.atMostOnce {
		wait = min(wait, f.config.lease/4) // the lease may begin as early as the wait
	}
	if !f.due.IsZero() {
		wait = min(wait, time.Until(f.due))
	}
	f.awaiting, f.waitAgain = true, time.Time{}
	f.claims++
	w := want{count: room}
	w.retries, _ = turn(f.claims)
	f.running.settling.Go(func() {
		ctx, cancel := context.WithTimeout(f.running.takes, wait+awaitTimeout)
		defer cancel()
		begun := time.Now()
		t, err := f.source.await(ctx, wait, w)
		f.take(t, begun)
		runtime.Gosched() // let listeners start before the next wait
		f.awaited <- awaited{t, len(t.messages), err}
	})
}

// awaitTimeout is the maximum time of a reply after the end of a wait. It is
// short, so that an idle receiver soon notices that Redis is gone,
// but long enough for large messages.
const awaitTimeout = 10 * time.Second

// endWait processes the result of a wait.
func (f *feeder) endWait(ctx context.Context, a awaited) {
	f.awaiting = false
	// Claim messages that are due, that others staged, or for which no wait is possible.
	if a.n == 0 && !f.config.atMostOnce || a.err != nil {
		f.rung.Store(true)
	}
	if a.err == nil {
		f.waitRetry.failures = 0
		f.look(a.taken, a.n)
		f.succeeded(ctx)
		return
	}
	// Claims and reports continue meanwhile.
	delay := f.waitRetry.next()
	if lease.IsReply(a.err) { // to BLMOVE, which claims do not need
		delay = min(delay, deniedLook)
	}
	f.waitAgain = time.Now().Add(delay)
	f.complain(ctx, "cannot receive; retrying", a.err, delay)
}

// stopWaiting interrupts the wait of the source.
func (f *feeder) stopWaiting(ctx context.Context) {
	for f.awaiting {
		calls, cancel := context.WithTimeout(f.running.takes, interruptTimeout)
		f.source.interrupt(calls)
		cancel()
		select {
		case a := <-f.awaited:
			f.endWait(ctx, a)
		case <-time.After(interruptInterval): // the wait had not begun
		}
	}
}

const (
	interruptInterval = 5 * time.Millisecond
	interruptTimeout  = 500 * time.Millisecond
)

// unstall releases prefetched messages if the listeners take much longer than
// predicted, so that other receivers get them.
func (f *feeder) unstall(ctx context.Context) {
	now := time.Now()
	started, waiting := f.consumer.progress()
	if started != f.started || waiting == 0 {
		f.started, f.moved = started, now
		return
	}
	stalled := now.Sub(f.moved)
	if !f.config.fetchesAhead() || stalled < patience {
		return
	}
	f.stopWaiting(ctx) // it would take them again
	f.account(f.consumer.withdraw(stalled))
}

// rest waits until something changes or a time is reached.
func (f *feeder) rest(end <-chan struct{}) {
	now := time.Now()
	var until time.Time
	sooner := func(t time.Time) {
		if until.IsZero() || t.Before(until) {
			until = t
		}
	}
	if now.Before(f.again) {
		sooner(f.again)
	} else {
		stopping := end == f.running.end
		if !stopping && !f.awaiting {
			if f.rung.Load() && (f.consumer.room() > 0 || !f.consumer.seeks()) {
				return
			}
			if !f.due.IsZero() {
				sooner(f.due)
			}
			if f.bell == nil && !f.waitAgain.IsZero() && f.consumer.room() > 0 {
				sooner(f.waitAgain)
			}
		}
		if _, waiting := f.consumer.progress(); !stopping && waiting > 0 && f.config.fetchesAhead() {
			sooner(f.moved.Add(patience))
		}
	}
	var timeout <-chan time.Time
	if !until.IsZero() {
		f.timer.Reset(max(0, until.Sub(now)))
		timeout = f.timer.C
	}
	select {
	case <-f.wake:
	case <-timeout:
	case a := <-f.awaited:
		f.endWait(context.WithoutCancel(f.running.work), a)
		return
	case <-end:
	}
	select { // the wait may have ended as well
	case a := <-f.awaited:
		f.endWait(context.WithoutCancel(f.running.work), a)
	default:
	}
}
