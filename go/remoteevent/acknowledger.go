package remoteevent

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/remote-events/remote-events/go/internal/redaction"
)

// claim is one lease over the messages of one exchange.
type claim struct {
	name   string
	ctx    context.Context //nolint:containedctx // for the listeners of its messages
	cancel context.CancelCauseFunc
	lost   atomic.Bool // it is no longer renewed, and none of its messages is started

	// The acknowledger's mutex guards the fields below.
	messages  int       // messages that are not settled
	reporting int       // those of them in the report in progress
	expires   time.Time // lower bound of the end of the lease
	renewed   time.Time // the time of the last renewal
	gone      bool      // Redis has replied that the claim is lost: nothing more is reported
	uncertain bool      // a report got no reply, so the claim may be finished
}

// acknowledger tracks the messages of one queue from the time when they are taken until
// they are settled. It batches their dispositions into reports, and renews their claims
// while any of their messages is not settled.
//
// Every held message ends either settled, by a report that got a reply, or forgotten,
// because its claim is lost and other receivers get the message. A claim without messages
// is never renewed.
//
// The feeder calls all methods except renew, which another goroutine calls.
type acknowledger struct {
	lease    time.Duration
	work     context.Context //nolint:containedctx // for listeners
	log      *slog.Logger
	suspects *suspects
	lost     func(ctx context.Context, events int, err error) // is called with the number of events whose lease is lost

	mu     sync.Mutex
	claims map[string]*claim
	done   []*message // acknowledged or nacked, not reported
	back   []*message // to be released
}

// report holds the dispositions reported in one round trip.
type report struct {
	done     []*message // acknowledged or nacked
	gone     []*message // messages to be released whose claim is lost
	finished []string   // claims whose last message is settled
}

// maxReport is the maximum number of messages of a report.
const maxReport = 1000

// hold starts to track messages that were taken. Their leases begin at begun or later.
func (a *acknowledger) hold(messages []*message, begun time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, m := range messages {
		if m.Claim == "" { // at most once
			continue
		}
		c := a.claims[m.Claim]
		if c == nil {
			c = a.claim(m.Claim, begun)
			a.claims[m.Claim] = c
		}
		m.claim = c
		c.messages++
	}
}

func (a *acknowledger) claim(name string, begun time.Time) *claim {
	ctx, cancel := context.WithCancelCause(a.work)
	return &claim{name: name, ctx: ctx, cancel: cancel, expires: begun.Add(a.lease), renewed: begun}
}

// add adds messages that have a disposition. It returns those whose claim is lost.
func (a *acknowledger) add(messages []*message) (gone []*message) {
	if len(messages) == 0 {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, m := range messages {
		switch {
		case m.claim != nil && m.claim.gone:
			a.forget(m)
			gone = append(gone, m)
		case m.disposition.kind == released:
			a.back = append(a.back, m)
		default:
			a.done = append(a.done, m)
		}
	}
	return gone
}

// forget stops tracking a message. The caller must hold a.mu.
func (a *acknowledger) forget(m *message) {
	if m.suspect {
		a.suspects.release(true)
		m.suspect = false
	}
	c := m.claim
	if c == nil {
		return
	}
	m.claim = nil
	if c.messages--; c.messages == 0 {
		delete(a.claims, c.name)
		c.cancel(nil)
	}
}

// report returns the next dispositions to report. The caller must call settle or failed
// afterwards.
func (a *acknowledger) report() report {
	a.mu.Lock()
	defer a.mu.Unlock()
	var r report
	r.done, a.done = a.take(a.done)
	r.finished = a.finishing(r.done)
	return r
}

// releases returns the next messages to release, in the order in which they were taken. The
// caller must call settle or failed afterwards.
func (a *acknowledger) releases() report {
	a.mu.Lock()
	defer a.mu.Unlock()
	var r report
	r.done, a.back = a.back, nil
	r.done = slices.DeleteFunc(r.done, func(m *message) bool {
		if m.claim != nil && m.claim.gone {
			a.forget(m)
			r.gone = append(r.gone, m)
			return true
		}
		return false
	})
	slices.SortFunc(r.done, func(m, n *message) int { return cmp.Compare(m.number, n.number) })
	r.finished = a.finishing(r.done)
	return r
}

// take splits off the first messages, as many as fit into a report.
func (a *acknowledger) take(messages []*message) (taken, left []*message) {
	n := 0
	for n < len(messages) && len(taken) < maxReport {
		m := messages[n]
		n++
		if m.claim != nil && m.claim.gone {
			a.forget(m)
			continue
		}
		taken = append(taken, m)
	}
	return taken, messages[n:]
}

// finishing returns the claims whose last messages are those given.
func (a *acknowledger) finishing(messages []*message) (finished []string) {
	for _, m := range messages {
		c := m.claim
		if c == nil {
			continue
		}
		if c.reporting++; c.reporting == c.messages {
			finished = append(finished, c.name)
		}
	}
	return finished
}

// settle stops tracking the messages of a report that got a reply. lost are those whose
// claim no longer exists according to Redis.
func (a *acknowledger) settle(ctx context.Context, r report, lost []*message) {
	var late []*message
	a.mu.Lock()
	for _, m := range r.done {
		if m.claim != nil {
			m.claim.reporting--
		}
	}
	for _, m := range lost {
		if m.disposition.kind != released && !m.uncertain && !m.claim.gone {
			late = append(late, m)
		}
	}
	for _, m := range r.done {
		a.forget(m)
	}
	a.mu.Unlock()
	if len(late) > 0 {
		a.lost(a.work, len(late), nil)
	}
	for _, m := range late {
		a.log.WarnContext(ctx, "lease lost before acknowledgement; event may be handled twice",
			"delivery", m.ID, "attempt", m.attempt)
	}
}

// failed returns the messages of a report without a reply, to repeat the report.
func (a *acknowledger) failed(r report) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var done, back []*message
	for _, m := range r.done {
		m.uncertain = true
		if m.claim != nil {
			m.claim.reporting--
			m.claim.uncertain = true
		}
		if m.disposition.kind == released {
			back = append(back, m)
		} else {
			done = append(done, m)
		}
	}
	a.done, a.back = append(done, a.done...), append(back, a.back...)
}

// pending returns the number of messages to report or release.
func (a *acknowledger) pending() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.done) + len(a.back)
}

// holds reports whether there are claims.
func (a *acknowledger) holds() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.claims) > 0
}

// renew renews the claims that are due. It marks claims that Redis has lost, or that have
// expired by the local clock, as lost: it cancels their listeners and prevents the start of
// their other messages. It reports whether it called Redis, and the number of events to
// pass to the hooks as lost.
func (a *acknowledger) renew(ctx context.Context, extend func(ctx context.Context, claims []string) (lost []int, err error)) (called bool, events int, err error) {
	begun := time.Now()
	var due []*claim
	var names []string
	a.mu.Lock()
	for _, c := range a.claims {
		// A claim that the report in progress finishes needs no renewal.
		if !c.lost.Load() && c.reporting < c.messages && begun.Sub(c.renewed) >= a.lease/4 {
			due, names = append(due, c), append(names, c.name)
		}
	}
	a.mu.Unlock()
	if len(due) == 0 {
		return false, 0, nil
	}
	ctx, cancel := context.WithTimeout(ctx, a.lease/3)
	defer cancel()
	lost, err := extend(ctx, names)
	now := time.Now()
	var ended, reported []*claim
	a.mu.Lock()
	for i, c := range due {
		switch {
		case err != nil && now.Before(c.expires):
		case err != nil: // other receivers may or may not have taken it
			ended = append(ended, c)
		case !slices.Contains(lost, i):
			c.expires, c.renewed = begun.Add(a.lease), begun
		case c.messages > 0 && c.reporting < c.messages:
			c.gone = true
			ended = append(ended, c)
		}
	}
	for _, c := range ended {
		c.lost.Store(true)
		if !c.uncertain {
			reported = append(reported, c)
			events += c.messages
		}
	}
	a.mu.Unlock()
	for _, c := range ended {
		c.cancel(ErrLeaseLost)
	}
	for _, c := range reported {
		a.log.WarnContext(ctx, "lease lost; other receivers may handle its events", "claim", c.name, "error", redaction.Error(err))
	}
	return true, events, err
}

// suspects admits one message at a time, over all queues of a receiver, that was in more
// than one expired claim. If the message ends this process too, no other suspect is
// affected.
type suspects struct {
	mu      sync.Mutex
	holder  *feeder   // its queue may take a suspect, or has one
	waiting []*feeder // in the order of their requests
}

// acquire permits the feeder to take a suspect, or wakes it later when it may.
func (s *suspects) acquire(f *feeder) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.holder == nil {
		s.holder = f
		return true
	}
	if !slices.Contains(s.waiting, f) {
		s.waiting = append(s.waiting, f)
	}
	return false
}

// release ends the permission. If a suspect was handled, the queue may have more of them.
func (s *suspects) release(handled bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	holder := s.holder
	s.holder = nil
	if len(s.waiting) > 0 {
		s.waiting[0].urge()
		s.waiting = s.waiting[1:]
	}
	if handled {
		holder.urge()
	}
}
