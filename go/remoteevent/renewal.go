package remoteevent

import (
	"context"
	"maps"
	"slices"
	"time"
)

// renew renews the leases of what is held until it is told to end: at each third
// of the lease, and sooner after a failure.
func (l *leaser) renew(end <-chan struct{}) {
	every := l.config.lease / 3
	timer := time.NewTimer(every)
	defer timer.Stop()
	for {
		select {
		case <-end:
			return
		case <-timer.C:
		}
		next := every
		if err := l.renewAll(); err != nil {
			l.outage.report(context.Background(), "cannot renew leases for now", err, every/3)
			next = every / 3
		}
		timer.Reset(next)
	}
}

// renewAll renews all leases once, and takes note of those that are lost.
func (l *leaser) renewAll() error {
	const most = 500
	l.mu.Lock()
	held := map[string][]*message{}
	for m := range l.held {
		held[m.Claim] = append(held[m.Claim], m)
	}
	l.mu.Unlock()
	var failed error
	for claims := range slices.Chunk(slices.Collect(maps.Keys(held)), most) {
		begin := time.Now()
		ctx, cancel := context.WithTimeout(context.Background(), l.config.lease/3)
		lost, err := l.queue.Extend(ctx, l.config.lease, claims)
		cancel()
		for i, claim := range claims {
			if err != nil {
				l.expire(held[claim])
			} else {
				l.renewed(held[claim], slices.Contains(lost, i), begin.Add(l.config.lease))
			}
		}
		if err != nil {
			failed = err
		}
	}
	return failed
}

func (l *leaser) renewed(batch []*message, lost bool, expires time.Time) {
	l.mu.Lock()
	for _, m := range batch {
		m.expires = expires
	}
	l.mu.Unlock()
	if lost {
		for _, m := range batch {
			l.lose(m, true)
		}
	}
}

// expire takes those messages for lost whose leases have run out as far as is
// known here.
func (l *leaser) expire(batch []*message) {
	now := time.Now()
	for _, m := range batch {
		l.mu.Lock()
		expired := now.After(m.expires)
		l.mu.Unlock()
		if expired {
			l.lose(m, false)
		}
	}
}

// lose takes a message for lost: it is not begun, and a listener that works at it
// is told. Where nobody else is known to have it, what the listener comes to is
// said all the same, since it holds as long as nobody has.
func (l *leaser) lose(m *message, certain bool) {
	waiting := l.consumer.forget(m)
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.held[m] || m.finished {
		return // what is said of it will show
	}
	if !m.lost {
		l.outage.log.Warn("the lease on an event was lost; another receiver may handle it", "delivery", m.ID, "attempt", m.attempt)
	}
	m.lost = true
	if certain || waiting {
		l.letGo(m, true)
	}
	if m.cancel != nil {
		m.cancel(ErrLeaseLost)
	}
}
