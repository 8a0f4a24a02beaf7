package remoteevent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/lease"
	"github.com/remote-events/remote-events/go/wire"
)

// leaser takes messages on lease, and says what became of them: delivery at
// least once. It implements REL-13 to REL-33.
type leaser struct {
	receiver *Receiver
	consumer *consumer
	config   *queueConfig
	queue    *lease.Queue
	outage   *outage
	bounder  *bounder // nil where dead letters have no bounds

	mu     sync.Mutex
	held   map[*message]bool // leased, and not yet settled
	claims map[string]*hold  // by their names
	taken  int               // how often something was claimed
	done   []settlement      // to be said to Redis
	wake   chan struct{}     // tells settle that something is done
}

// hold is what is left of a claim.
type hold struct {
	messages  int
	abandoned bool // a message was lost without a word of Redis: the lease is to run out
}

// letGo forgets a message. It returns the name of the claim that has no other.
func (l *leaser) letGo(m *message, abandoned bool) (finished string) {
	if !l.held[m] {
		return ""
	}
	delete(l.held, m)
	c := l.claims[m.Claim]
	c.messages--
	c.abandoned = c.abandoned || abandoned
	if c.messages > 0 {
		return ""
	}
	delete(l.claims, m.Claim)
	if c.abandoned {
		return ""
	}
	return m.Claim
}

// holdsSuspect reports whether a message is held whose last delivery ended with its
// process.
func (l *leaser) holdsSuspect() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for m := range l.held {
		if m.suspect {
			return true
		}
	}
	return false
}

// turn reports whether it is the turn of messages that have failed before.
func (l *leaser) turn() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.taken++
	return l.taken%8 == 0
}

func (l *leaser) maxBytes() int {
	if n := l.receiver.config.maxBytes; n > 0 {
		return n
	}
	return wire.DefaultReceiveBytes
}

// settlement is what became of a message.
type settlement struct {
	*message

	verdict verdict
	event   string        // by which an acknowledged one is remembered
	delay   time.Duration // after which a refused one is tried again; negative for never
	reason  string        // why it was refused
}

type verdict int

const (
	acknowledged verdict = iota
	refused
	returned
)

// stageTimeout is how long Redis may take to answer, beyond the time that a
// receiver waits for messages. It is short, since nothing is lost with the
// answer: the next claim finds what was moved. So an idle receiver soon learns of
// a Redis that is gone without a word.
const stageTimeout = 10 * time.Second

// take implements source. What was handled meanwhile is said in the same round
// trip.
func (l *leaser) take(ctx context.Context, limit int) ([]*message, error) {
	l.consumer.collected()
	begin := time.Now() // no lease is older
	claimed, err := l.exchange(ctx, &lease.Claim{
		Lease: l.config.lease, Count: limit, Bytes: takeBytes, MaxBytes: l.maxBytes(), MaxAttempts: l.config.maxAttempts,
		Suspects: !l.holdsSuspect(), Retries: l.turn(),
	})
	for _, d := range claimed.Died {
		reason := lease.ParseReason(d.Reason)
		l.outage.log.ErrorContext(ctx, "message moved to dead letters", "delivery", d.ID, "code", string(reason.Code), "error", reason.Error)
		l.bounder.died()
	}
	if len(claimed.Messages) > 0 {
		return l.hold(claimed.Messages, begin.Add(l.config.lease)), err
	}
	if err != nil || ctx.Err() != nil {
		return nil, err
	}
	wait := blockTime
	if claimed.Due >= 0 {
		wait = min(wait, claimed.Due)
	}
	// The context does not call it off: a message may be moved already.
	staging, cancel := context.WithTimeout(context.WithoutCancel(ctx), wait+stageTimeout)
	defer cancel()
	_, err = l.queue.Stage(staging, wait)
	return nil, err
}

// hold notes what is leased, until that time at least.
func (l *leaser) hold(claimed []lease.Message, expires time.Time) []*message {
	l.mu.Lock()
	defer l.mu.Unlock()
	messages := make([]*message, len(claimed))
	for i, m := range claimed {
		messages[i] = &message{
			Handle: m.Handle, raw: []byte(m.Body), attempt: m.Attempt, failure: m.Failure,
			pardons: m.Pardons, suspect: m.Suspect, expires: expires,
		}
		l.held[messages[i]] = true
		if l.claims[m.Claim] == nil {
			l.claims[m.Claim] = &hold{}
		}
		l.claims[m.Claim].messages++
	}
	return messages
}

// handle implements source.
func (l *leaser) handle(work context.Context, m *message) {
	ctx, cancel := context.WithCancelCause(work)
	defer cancel(nil)
	l.mu.Lock()
	m.cancel = cancel
	lost := m.lost
	l.mu.Unlock()
	if lost {
		return
	}
	o := endedOutcome
	defer func() { l.settle(work, m, o) }()
	o = l.receiver.deliver(ctx, l.queue.Name, m, l.repeated)
}

// repeated reports whether an event was acknowledged before.
func (l *leaser) repeated(ctx context.Context, id string) (bool, error) {
	if l.config.window.Time <= 0 || !memorable(id) {
		return false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, replyTimeout)
	defer cancel()
	remembered, err := l.queue.Remembered(ctx, id)
	if err != nil {
		return false, fmt.Errorf("ask whether the event came before: %w", err)
	}
	return remembered, nil
}

// memorable reports whether an id is short enough to be remembered (REL-30).
func memorable(id string) bool { return id != "" && len(id) <= 256 }

// settle notes what is to be said of a message that was handled.
func (l *leaser) settle(ctx context.Context, m *message, o outcome) {
	s := settlement{message: m}
	switch {
	case o.ok():
		if memorable(o.id) {
			s.event = o.id
		}
	case o.released():
		s.verdict = returned
	default:
		s.verdict, s.delay, s.reason = refused, l.config.retryDelay(m.attempt), o.reason()
		if o.permanent() || m.attempt-m.pardons >= l.config.maxAttempts {
			s.delay = -1
			l.receiver.logDeath(ctx, l.queue.Name, m, o)
		} else {
			l.receiver.logRetry(ctx, l.queue.Name, m, o, s.delay)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	m.cancel, m.finished = nil, true
	if l.held[m] { // nothing is said of what was lost
		l.done = append(l.done, s)
	}
}

// flush implements source.
func (l *leaser) flush() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// exchange says what was done, and claims if it is told to.
func (l *leaser) exchange(ctx context.Context, claim *lease.Claim) (lease.Claimed, error) {
	const most = 500
	l.mu.Lock()
	n := min(most, len(l.done))
	batch := l.done[:n:n]
	l.done = l.done[n:]
	l.mu.Unlock()
	if n == 0 && claim == nil {
		return lease.Claimed{}, nil
	}
	x := lease.Exchange{Window: l.config.window, Claim: claim}
	var back []lease.Handle
	for _, s := range batch {
		switch s.verdict {
		case acknowledged:
			x.Acknowledge = append(x.Acknowledge, lease.Acknowledgement{Handle: s.Handle, Event: s.event})
		case refused:
			x.Nack = append(x.Nack, lease.Nack{Handle: s.Handle, Delay: s.delay, Reason: s.reason})
		case returned:
			back = append(back, s.Handle)
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), replyTimeout)
	defer cancel()
	var backLost []int
	var backErr error
	if len(back) > 0 {
		backLost, backErr = l.queue.Release(ctx, back, nil)
	}
	l.settled(ctx, batch, returned, backLost, backErr)
	x.Finished = l.finished(batch)
	answer := l.queue.Exchange(ctx, x)
	l.settled(ctx, batch, acknowledged, answer.AcknowledgeLost, answer.Err)
	l.settled(ctx, batch, refused, answer.NackLost, answer.Err)
	return answer.Claimed, errors.Join(backErr, answer.Err)
}

// finished returns the claims of which nothing is left beside a batch.
func (l *leaser) finished(batch []settlement) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	settled := map[string]int{}
	for _, s := range batch {
		if l.held[s.message] {
			settled[s.Claim]++
		}
	}
	var all []string
	for claim, n := range settled {
		if c := l.claims[claim]; c.messages == n && !c.abandoned {
			all = append(all, claim)
		}
	}
	return all
}

// settled takes note of what was answered to what was said of messages. What
// nobody answered is said again.
func (l *leaser) settled(ctx context.Context, batch []settlement, v verdict, lost []int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	index := -1
	for _, s := range batch {
		if s.verdict != v {
			continue
		}
		index++
		switch {
		case err != nil:
			s.uncertain = true
			l.done = append(l.done, s)
		case slices.Contains(lost, index) && !s.uncertain:
			l.outage.log.WarnContext(ctx, "an event was handled after its lease was lost; it may be handled twice",
				"delivery", s.ID, "attempt", s.attempt)
			fallthrough
		default:
			l.letGo(s.message, false)
			if s.delay < 0 {
				l.bounder.died()
			}
		}
	}
}

// run says what was done, and renews leases, until it is told to end.
func (l *leaser) run(end <-chan struct{}) {
	var group sync.WaitGroup
	group.Go(func() { l.renew(end) })
	var retry backoff
	ctx := context.Background()
	for {
		select {
		case <-end:
			group.Wait()
			return
		case <-l.wake:
		}
		for l.busy() {
			_, err := l.exchange(ctx, nil)
			if err == nil {
				retry = backoff{}
				continue
			}
			l.outage.report(ctx, "cannot say for now what was handled", err, retry.next())
			if !retry.waitFor(end) {
				break
			}
		}
	}
}

func (l *leaser) busy() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.done) > 0
}

// finish says what is left to be said, as far as the context lets it.
func (l *leaser) finish(ctx context.Context) {
	var retry backoff
	for l.busy() && ctx.Err() == nil {
		_, err := l.exchange(ctx, nil)
		if errors.Is(err, redis.ErrClosed) {
			break
		}
		if err != nil {
			l.outage.report(ctx, "cannot say for now what was handled", err, retry.next())
			retry.wait(ctx)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.done); n > 0 {
		l.outage.log.WarnContext(ctx, "events were handled, and Redis could not be told; they will be handled again", "events", n)
	}
}

// giveBack implements source: it releases what was not handled, and what is
// staged.
func (l *leaser) giveBack(ctx context.Context, unhandled []*message) {
	handles := make([]lease.Handle, len(unhandled))
	l.mu.Lock()
	for i, m := range unhandled {
		handles[i], m.finished = m.Handle, true
	}
	l.mu.Unlock()
	var retry backoff
	for {
		_, err := l.queue.Release(ctx, handles, l.finishedBy(unhandled))
		if err == nil {
			break
		}
		l.outage.report(ctx, "cannot give events back for now", err, retry.next())
		retry.wait(ctx)
		if ctx.Err() != nil || errors.Is(err, redis.ErrClosed) {
			l.outage.log.WarnContext(ctx, "events could not be given back; others get them when their leases have run out", "events", len(unhandled))
			break
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range unhandled {
		l.letGo(m, false)
	}
}

// finishedBy returns the claims of which nothing is left beside these messages.
func (l *leaser) finishedBy(messages []*message) []string {
	batch := make([]settlement, len(messages))
	for i, m := range messages {
		batch[i].message = m
	}
	return l.finished(batch)
}
