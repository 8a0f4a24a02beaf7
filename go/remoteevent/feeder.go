package remoteevent

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/remote-events/remote-events/go/internal/lease"
)

// feeder passes messages from the source of one queue to its consumer, and reports their
// dispositions to the source. It runs in one goroutine, which rests until something
// changes.
type feeder struct {
	running      *running
	queue        string
	config       *queueConfig
	source       source
	bell         bell // rings if there may be messages; nil if the source waits for them
	consumer     *consumer
	acknowledger *acknowledger
	bounder      *bounder // nil if the dead letters have no limits
	outage       *outage

	wake     chan struct{} // something changed: a slot, a disposition, the bell
	rung     atomic.Bool   // there may be messages
	urgent   atomic.Bool   // there may be messages for which the source does not wait
	renewing atomic.Bool   // a renewal is under way
	telling  atomic.Bool   // hooks are being called with the result of a renewal

	// Only the goroutine of run uses the following fields.
	calls     context.Context //nolint:containedctx // of calls of Redis: the receiver's takes, then its calls
	ending    bool            // nothing is taken any more
	awaiting  bool            // the source waits for messages
	awaited   chan awaited    // the end of the wait
	due       time.Time       // when a message becomes due, or zero
	retry     backoff
	again     time.Time // the time of the next attempt after a failure
	waitRetry backoff
	waitAgain time.Time // the time of the next wait after a failed one
	claims    int       // number of claims
	started   uint64    // number of started messages at the last check
	moved     time.Time // when that number last grew
	timer     *time.Timer
}

// bell watches queues.
type bell interface {
	// watch rings the feeder once, when there may be messages.
	watch(f *feeder)
}

// ring makes the feeder take messages.
func (f *feeder) ring() {
	f.rung.Store(true)
	wake(f.wake)
}

// urge makes the feeder claim even while its source waits for messages.
func (f *feeder) urge() {
	f.urgent.Store(true)
	f.ring()
}

// run feeds until the context ends, and then reports until all messages are handled.
func (f *feeder) run(ctx context.Context) {
	if !f.config.atMostOnce { // release leased messages at once if their handling has not begun
		defer context.AfterFunc(ctx, f.consumer.hold)()
	}
	f.rung.Store(f.claimsUnasked())
	for ctx.Err() == nil {
		f.step(ctx)
		f.rest(ctx.Done())
	}
	f.ending = true
	f.stopWaiting(ctx)
	f.consumer.seek(false)
	f.running.fetching.Done()
	f.calls = f.running.calls
	if !f.config.atMostOnce {
		f.account(f.consumer.withdraw(0))
	}
	for !f.ended() {
		if !time.Now().Before(f.again) {
			f.report(ctx, want{})
		}
		f.rest(f.running.end)
	}
	f.finish(ctx)
}

// claimsUnasked reports whether to claim without a sign of messages. At most once, a wait
// takes all available messages, even if RPOP is denied.
func (f *feeder) claimsUnasked() bool { return !f.config.atMostOnce || f.bell != nil }

func (f *feeder) ended() bool {
	select {
	case <-f.running.end:
		return true
	default:
		return false
	}
}

// step releases messages that have waited too long for a listener, reports, takes
// messages if there is room, and lets the source wait for more.
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

// want returns the number of messages to take: none if there is no room or no sign of
// messages.
func (f *feeder) want() want {
	if !f.due.IsZero() && !time.Now().Before(f.due) {
		f.due = time.Time{}
		f.rung.Store(true)
	}
	seeking := !f.awaiting && f.rung.Load()
	f.consumer.seek(seeking)
	if !seeking {
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

// turns is the number of claims among which one prefers failed messages to fresh ones.
const turns = 8

// turn reports whether the claim with that number prefers failed messages, and whether it
// may take a suspect. A script prefers suspects to retries, so only every second of
// these claims permits one.
func turn(claim int) (retries, suspects bool) {
	retries = claim%turns == 0
	return retries, !retries || claim/turns%2 == 0
}

// report releases messages, reports dispositions and takes messages, in as few
// round trips as possible. It reports whether all succeeded.
func (f *feeder) report(ctx context.Context, w want) bool {
	f.account(f.consumer.collect())
	if ctx.Err() != nil && !f.ending { // release these with the waiting ones, in their order
		f.unwant(w)
		return false
	}
	// Release before taking, so that messages are taken again in their order.
	r := f.acknowledger.releases()
	f.observeReleased(r.gone, ErrLeaseLost)
	if len(r.done) > 0 && !f.release(ctx, r) {
		f.unwant(w)
		return false
	}
	if w.count > 0 && ctx.Err() != nil { // the shutdown began during the release
		f.unwant(w)
		w = want{}
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

// account passes messages that have a disposition to the acknowledger.
func (f *feeder) account(messages []*message) {
	f.observeReleased(f.acknowledger.add(messages), ErrLeaseLost)
}

// unwant cancels a want that was not executed.
func (f *feeder) unwant(w want) {
	if w.suspects {
		f.running.suspects.release(false)
	}
}

// exchange makes one round trip.
func (f *feeder) exchange(ctx context.Context, r report, w want) bool {
	if w.count > 0 {
		f.rung.Store(false) // before the claim, which may miss later messages
	}
	var t taken
	var begun time.Time                         // the earliest start of the leases
	if w.count > 0 && f.consumer.share != nil { // a node that hangs keeps no slots from the queues of others
		defer time.AfterFunc(nodePatience, func() { f.consumer.seek(false) }).Stop()
	}
	err := f.call(func(ctx context.Context) (err error) {
		begun = time.Now()
		t, err = f.source.exchange(ctx, r, w)
		return err
	})
	if !f.take(t, begun) {
		f.unwant(w)
	}
	if err != nil {
		text := "cannot acknowledge; retrying"
		if w.count > 0 {
			text = "cannot receive; retrying"
		}
		f.rung.Store(f.rung.Load() || f.claimsUnasked()) // the next attempt claims too
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
		f.consumer.seek(f.rung.Load())
	}
	f.expect(r.done)
	if w.count > 0 || !f.config.atMostOnce { // else Redis was not asked, or its error was logged
		f.succeeded(ctx)
	}
	return true
}

// release returns messages whose handling has not begun.
func (f *feeder) release(ctx context.Context, r report) bool {
	const text = "cannot release events; retrying"
	var lost []*message
	err := f.call(func(ctx context.Context) (err error) {
		lost, err = f.source.release(ctx, r)
		return err
	})
	if err != nil {
		if f.config.atMostOnce && ctx.Err() == nil { // handle them, which may free memory in Redis
			f.consumer.accept(r.done)
		} else {
			f.acknowledger.failed(r)
		}
		f.failed(ctx, text, err)
		return false
	}
	f.outage.endedOf(ctx, text)
	f.acknowledger.settle(ctx, r, lost)
	if f.config.atMostOnce && len(lost) > 0 {
		f.observeUnhandled(r.done, Dropped, nil)
	} else {
		f.observeReleased(r.done, nil)
	}
	f.rung.Store(true)
	return true
}

// call calls Redis when it is the queue's turn.
func (f *feeder) call(do func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(f.calls, replyTimeout)
	defer cancel()
	select {
	case f.running.turns <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	leave := func() { <-f.running.turns }
	if f.running.nodes { // the pool of each node limits its connections
		leave = sync.OnceFunc(leave)
		defer time.AfterFunc(nodePatience, leave).Stop()
	}
	defer leave()
	return do(ctx)
}

// nodePatience is how long a call of Redis may keep its turn, and slots without messages,
// from the queues of other nodes. It is much longer than a round trip.
const nodePatience = 250 * time.Millisecond

// settle applies the reply to a report.
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

// take passes messages to the consumer and reports whether one of them is a suspect.
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

// noteDied logs messages that the claim moved to the dead letters.
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

func (f *feeder) failed(ctx context.Context, text string, err error) {
	f.consumer.seek(false)
	delay := f.retry.next()
	f.again = time.Now().Add(delay)
	f.complain(ctx, text, err, delay)
}

// complain logs an error before the next attempt.
func (f *feeder) complain(ctx context.Context, text string, err error, delay time.Duration) {
	if f.calls.Err() == nil { // otherwise the call was cancelled on purpose
		f.outage.report(ctx, text, err, delay)
	}
}

// succeeded resets the backoff, and ends an outage.
func (f *feeder) succeeded(ctx context.Context) {
	f.retry.failures = 0
	if f.waitRetry.failures == 0 {
		f.outage.ended(ctx)
	}
}

// renew renews leases. A hook that does not return does not stop the next renewal.
func (f *feeder) renew() {
	const text = "cannot renew leases; retrying"
	called, events, err := f.acknowledger.renew(f.running.calls, f.source.extend)
	f.renewing.Store(false)
	wake(f.wake) // to remove lost messages that have not started
	if events > 0 {
		f.acknowledger.lost(f.running.work, events, err)
	}
	if !called || !f.telling.CompareAndSwap(false, true) {
		return
	}
	defer f.telling.Store(false)
	switch {
	case err == nil:
		f.outage.endedOf(f.running.work, text)
	case f.running.calls.Err() == nil:
		f.outage.report(f.running.work, text, err, f.config.lease/12)
	}
}

const (
	// finishTime is the maximum time for the last reports and releases.
	finishTime = 5 * time.Second
	// failingFinishTime is finishTime during an outage.
	failingFinishTime = time.Second
)

// finishTime returns the maximum time for the last reports and releases.
func (f *feeder) finishTime() time.Duration {
	if f.outage.failing() {
		return failingFinishTime
	}
	return finishTime
}

// finish sends the remaining reports and releases.
func (f *feeder) finish(ctx context.Context) {
	f.consumer.hold()
	f.account(f.consumer.withdraw(0))
	deadline := time.Now().Add(f.finishTime())
	// There may be staged messages. If Redis did not reply, they are not worth a wait.
	staged := !f.config.atMostOnce && f.running.takes.Err() == nil && !f.outage.failing()
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
		f.observeUnhandled(f.acknowledger.releases().done, Dropped, nil)
		f.outage.log.ErrorContext(ctx, "cannot release events; events lost", "events", n)
	default:
		f.observeReleased(f.acknowledger.releases().done, nil)
		f.outage.log.WarnContext(ctx, "cannot reach Redis; events are delivered again after their leases expire", "events", n)
	}
}
