package remoteevent

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/remote-events/remote-events/go/internal/lease"
)

// feeder feeds the consumer of one queue from its source, and reports to the source
// what became of the messages. One goroutine runs it; while it has nothing to do,
// it rests until something changes.
type feeder struct {
	running      *running
	queue        string
	config       *queueConfig
	source       source
	bell         bell // rings when there may be messages; nil where the source waits for them
	consumer     *consumer
	acknowledger *acknowledger
	bounder      *bounder // nil where dead letters have no bounds
	outage       *outage

	wake     chan struct{} // something changed: a slot, a disposition, the bell
	rung     atomic.Bool   // there may be messages
	urgent   atomic.Bool   // there may be messages for which the source does not wait
	renewing atomic.Bool

	// What follows belongs to the goroutine of run.
	calls     context.Context //nolint:containedctx // that of its calls of Redis: the receiver's takes, then its calls
	awaiting  bool            // the source waits for messages
	awaited   chan awaited    // how the wait ended
	due       time.Time       // when something becomes due, or zero
	retry     backoff
	again     time.Time // after a failure: when to try again
	waitRetry backoff
	waitAgain time.Time // after a wait that failed: when to wait again
	claims    int       // in all
	started   uint64    // messages, when it was last looked at
	moved     time.Time // when it had last grown
	timer     *time.Timer
}

// bell watches queues.
type bell interface {
	// watch has the feeder rung once, when there may be messages.
	watch(f *feeder)
}

// ring has the feeder take messages.
func (f *feeder) ring() {
	f.rung.Store(true)
	wake(f.wake)
}

// urge has the feeder claim even while its source waits for messages.
func (f *feeder) urge() {
	f.urgent.Store(true)
	f.ring()
}

// awaited is how a wait of the source ended.
type awaited struct {
	taken

	n   int // messages that it took
	err error
}

// run feeds until the context ends, and reports until all is handled.
func (f *feeder) run(ctx context.Context) {
	if !f.config.atMostOnce { // what is leased and not started is released at once
		defer context.AfterFunc(ctx, f.consumer.hold)()
	}
	f.rung.Store(f.claimsUnasked())
	for ctx.Err() == nil {
		f.step(ctx)
		f.rest(ctx.Done())
	}
	f.stopWaiting(ctx)
	f.running.fetching.Done()
	f.calls = f.running.calls
	if !f.config.atMostOnce {
		f.acknowledger.add(f.consumer.withdraw(0))
	}
	for !f.ended() {
		if !time.Now().Before(f.again) {
			f.report(ctx, want{})
		}
		f.rest(f.running.end)
	}
	f.finish(ctx)
}

// claimsUnasked reports whether to claim where it is not known that there are messages:
// a wait at most once takes all there is by itself, even where RPOP is refused.
func (f *feeder) claimsUnasked() bool { return !f.config.atMostOnce || f.bell != nil }

func (f *feeder) ended() bool {
	select {
	case <-f.running.end:
		return true
	default:
		return false
	}
}

// step does what there is to do: it releases what waits too long for a listener,
// reports, takes messages if there is room, and has the source wait for more.
func (f *feeder) step(ctx context.Context) {
	if time.Now().Before(f.again) {
		return
	}
	f.unstall(ctx)
	if f.urgent.Swap(false) {
		f.stopWaiting(ctx)
		f.rung.Store(true)
	}
	if !f.report(ctx, f.want()) || f.awaiting || ctx.Err() != nil || f.rung.Load() {
		return
	}
	if f.bell != nil {
		f.bell.watch(f)
		return
	}
	if room := f.consumer.room(); room > 0 && !time.Now().Before(f.waitAgain) {
		f.await(room)
	}
}

// want returns what to take, which is nothing where there is no room, or nothing to
// be had.
func (f *feeder) want() want {
	if !f.due.IsZero() && !time.Now().Before(f.due) {
		f.due = time.Time{}
		f.rung.Store(true)
	}
	if f.awaiting || !f.rung.Load() {
		return want{}
	}
	room := f.consumer.room()
	if room == 0 {
		return want{}
	}
	f.claims++
	retries, suspects := turn(f.claims)
	return want{
		count: room, retries: retries,
		suspects: suspects && !f.config.atMostOnce && f.running.suspects.acquire(f),
	}
}

// turns is how many claims there are to one that takes a failed message before fresh
// ones.
const turns = 8

// turn reports whether it is the turn of failed messages in the claim of that number,
// and whether the claim may take a suspect. A script takes suspects before retries, so
// that only every other of these turns permits one.
func turn(claim int) (retries, suspects bool) {
	retries = claim%turns == 0
	return retries, !retries || claim/turns%2 == 0
}

// report releases messages, reports dispositions and takes messages, in as many
// round trips as that takes, and returns whether all went well.
func (f *feeder) report(ctx context.Context, w want) bool {
	f.acknowledger.add(f.consumer.collect())
	// Before anything is taken, so that it is taken again in its order.
	if r := f.acknowledger.releases(); len(r.done) > 0 && !f.release(ctx, r) {
		f.unwant(w)
		return false
	}
	for {
		r := f.acknowledger.report()
		if len(r.done) == 0 && w.count == 0 {
			return true
		}
		if !f.exchange(ctx, r, w) {
			return false
		}
		w = want{}
	}
}

// unwant gives up what is not taken after all.
func (f *feeder) unwant(w want) {
	if w.suspects {
		f.running.suspects.release(false)
	}
}

// exchange is one round trip.
func (f *feeder) exchange(ctx context.Context, r report, w want) bool {
	if w.count > 0 {
		f.rung.Store(false) // what rings from now on may be missed by this claim
	}
	var t taken
	var begun time.Time // no lease is older
	err := f.call(func(ctx context.Context) (err error) {
		begun = time.Now()
		t, err = f.source.exchange(ctx, r, w)
		return err
	})
	if !f.take(t, begun) {
		f.unwant(w)
	}
	if err != nil {
		text := "cannot acknowledge for now"
		if w.count > 0 {
			text = "cannot receive for now"
		}
		f.rung.Store(f.rung.Load() || f.claimsUnasked()) // the next attempt claims as well
		if t.reported {
			f.settle(ctx, r, t.lost)
		} else {
			f.acknowledger.failed(r)
		}
		f.failed(ctx, text, err)
		return false
	}
	f.settle(ctx, r, t.lost)
	if w.count > 0 {
		f.look(t, len(t.messages))
		f.succeeded(ctx)
	}
	return true
}

// release puts messages back that no listener has begun with.
func (f *feeder) release(ctx context.Context, r report) bool {
	var lost []*message
	err := f.call(func(ctx context.Context) (err error) {
		lost, err = f.source.release(ctx, r)
		return err
	})
	if err != nil {
		if f.config.atMostOnce && ctx.Err() == nil { // handle them, which may free memory
			f.consumer.accept(r.done)
		} else {
			f.acknowledger.failed(r)
		}
		f.failed(ctx, "cannot release events for now", err)
		return false
	}
	f.acknowledger.settle(ctx, r, lost)
	f.observeReleased(r.done, lost)
	f.rung.Store(true)
	return true
}

// call calls Redis when it is this queue's turn.
func (f *feeder) call(do func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(f.calls, replyTimeout)
	defer cancel()
	select {
	case f.running.turns <- struct{}{}:
		defer func() { <-f.running.turns }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return do(ctx)
}

// settle ends the account of what was reported.
func (f *feeder) settle(ctx context.Context, r report, lost []*message) {
	died := false
	for _, m := range r.done {
		died = died || m.disposition.kind == nacked && m.disposition.delay < 0
	}
	f.acknowledger.settle(ctx, r, lost)
	if died {
		f.bounder.died()
	}
}

// take hands messages to the consumer and reports whether one of them is a suspect.
func (f *feeder) take(t taken, begun time.Time) (suspect bool) {
	f.noteDied(t.died)
	messages := t.messages
	if len(messages) == 0 {
		return false
	}
	for _, m := range messages {
		suspect = suspect || m.suspect
	}
	f.acknowledger.hold(messages, begun)
	f.observeReceived(messages)
	f.consumer.accept(messages)
	return suspect
}

// noteDied logs messages that became dead letters in the claim.
func (f *feeder) noteDied(died []lease.Death) {
	if len(died) == 0 {
		return
	}
	for _, d := range died {
		reason := lease.ParseReason(d.Reason)
		f.outage.log.ErrorContext(f.running.work, "message moved to dead letters", "delivery", d.ID, "code", string(reason.Code), "error", reason.Error)
	}
	f.bounder.died()
	f.observeDied(died)
}

// look concludes from what was taken whether there is more, and when.
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

// minDue spaces claims where something is due that a claim does not take.
const minDue = 10 * time.Millisecond

// await has the source wait for messages, in a goroutine of its own.
func (f *feeder) await(room int) {
	wait := blockTime
	if !f.config.atMostOnce {
		wait = min(wait, f.config.lease/4) // the lease may have begun as early as the wait
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
		runtime.Gosched() // listeners go before the next wait
		f.awaited <- awaited{t, len(t.messages), err}
	})
}

// awaitTimeout is how long Redis may take to answer beyond the time of a wait. It is
// short, so that an idle receiver soon learns of a Redis that is gone without a word;
// but long enough for large messages.
const awaitTimeout = 10 * time.Second

// endWait takes note of how a wait ended.
func (f *feeder) endWait(ctx context.Context, a awaited) {
	f.awaiting = false
	// Claim what is due, or was staged by others, or cannot be waited for.
	if a.n == 0 && !f.config.atMostOnce || a.err != nil {
		f.rung.Store(true)
	}
	if a.err == nil {
		f.waitRetry.failures = 0
		f.look(a.taken, a.n)
		f.succeeded(ctx)
		return
	}
	// Claims and reports do not wait for that.
	delay := f.waitRetry.next()
	if lease.IsReply(a.err) { // of BLMOVE, which claims do without
		delay = min(delay, deniedLook)
	}
	f.waitAgain = time.Now().Add(delay)
	f.complain(ctx, "cannot receive for now", a.err, delay)
}

// stopWaiting interrupts the source if it waits.
func (f *feeder) stopWaiting(ctx context.Context) {
	for f.awaiting {
		calls, cancel := context.WithTimeout(f.running.takes, interruptTimeout)
		f.source.interrupt(calls)
		cancel()
		select {
		case a := <-f.awaited:
			f.endWait(ctx, a)
		case <-time.After(interruptInterval): // it had not begun to wait
		}
	}
}

const (
	interruptInterval = 5 * time.Millisecond
	interruptTimeout  = 500 * time.Millisecond
)

// unstall releases what was fetched ahead where the listeners take much longer than
// predicted, so that other receivers get it.
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
	f.stopWaiting(ctx) // or it would take them again
	f.acknowledger.add(f.consumer.withdraw(stalled))
}

// rest waits until there may be something to do.
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
			if f.rung.Load() && f.consumer.room() > 0 {
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

func (f *feeder) failed(ctx context.Context, text string, err error) {
	delay := f.retry.next()
	f.again = time.Now().Add(delay)
	f.complain(ctx, text, err, delay)
}

// complain logs an error after which is tried again.
func (f *feeder) complain(ctx context.Context, text string, err error, delay time.Duration) {
	if f.calls.Err() == nil { // else it was cut off on purpose
		f.outage.report(ctx, text, err, delay)
	}
}

// succeeded takes note that messages are to be had again.
func (f *feeder) succeeded(ctx context.Context) {
	f.retry.failures = 0
	if f.waitRetry.failures == 0 {
		f.outage.ended(ctx)
	}
}

// renew renews leases.
func (f *feeder) renew() {
	const text = "cannot renew leases for now"
	called, err := f.acknowledger.renew(f.running.calls, f.source.extend)
	switch {
	case !called:
	case err == nil:
		f.outage.endedOf(f.running.work, text)
	case f.running.calls.Err() == nil:
		f.outage.report(f.running.work, text, err, f.config.lease/12)
	}
	wake(f.wake) // what was lost is not started
}

const (
	// finishTime is how long Redis may take in the end to be told what is left.
	finishTime = 5 * time.Second
	// failingFinishTime is the same where Redis fails.
	failingFinishTime = time.Second
)

// finishTime returns how long Redis may take in the end.
func (f *feeder) finishTime() time.Duration {
	if f.running.takes.Err() != nil || f.outage.failing() {
		return failingFinishTime
	}
	return finishTime
}

// finish reports what is left to be reported, and releases what is left to be
// released.
func (f *feeder) finish(ctx context.Context) {
	f.consumer.hold()
	f.acknowledger.add(f.consumer.withdraw(0))
	deadline := time.Now().Add(f.finishTime())
	staged := !f.config.atMostOnce && f.finishTime() == finishTime // something may be
	for {
		ok := f.report(ctx, want{})
		if ok && staged {
			ok = f.release(ctx, report{})
		}
		if ok || errors.Is(f.running.calls.Err(), context.Canceled) {
			break
		}
		now := time.Now()
		if soon := now.Add(failingFinishTime); soon.Before(deadline) {
			deadline = soon
		}
		if !f.again.Before(deadline) {
			break
		}
		select {
		case <-time.After(f.again.Sub(now)):
		case <-f.running.calls.Done():
		}
	}
	switch n := f.acknowledger.pending(); {
	case n == 0:
	case f.config.atMostOnce:
		left := f.acknowledger.releases().done
		f.observeReleased(left, left)
		f.outage.log.ErrorContext(ctx, "cannot release events; they are lost", "events", n)
	default:
		f.outage.log.WarnContext(ctx, "cannot reach Redis; events are handled again when their leases have run out", "events", n)
	}
}
