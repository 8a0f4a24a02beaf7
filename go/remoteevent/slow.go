package remoteevent

import (
	"context"
	"time"

	"github.com/remote-events/remote-events/go/wire"
)

// runningMessages has the messages that are being handled, in the order in which their
// listeners began.
type runningMessages struct{ oldest, newest *message }

func (r *runningMessages) add(m *message) {
	m.earlier = r.newest
	if r.newest == nil {
		r.oldest = m
	} else {
		r.newest.later = m
	}
	r.newest = m
}

func (r *runningMessages) remove(m *message) {
	if m.earlier == nil {
		r.oldest = m.later
	} else {
		m.earlier.later = m.later
	}
	if m.later == nil {
		r.newest = m.earlier
	} else {
		m.later.earlier = m.earlier
	}
	m.earlier, m.later = nil, nil
}

// watchSlow logs slow listeners and hooks until all messages are handled.
func (r *running) watchSlow() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-r.end:
			return
		case now := <-timer.C:
			next := now.Add(maxTime)
			if after := r.receiver.config.slowAfter; after > 0 {
				next = r.receiver.hooks.warnSlow(r.work, now, after)
			}
			for _, f := range r.feeders {
				if f.config.slowAfter == 0 {
					continue
				}
				if due := f.consumer.warnSlow(now); due.Before(next) {
					next = due
				}
			}
			timer.Reset(time.Until(next))
		}
	}
}

// warnSlow logs the listeners for which a warning is due, and returns when the next may
// be.
func (c *consumer) warnSlow(now time.Time) (next time.Time) {
	after := c.config.slowAfter
	var slow []*message
	c.mu.Lock()
	next = now.Add(after)
	for m := c.running.oldest; m != nil; m = m.later {
		due := m.begun.Add(after << m.warnings)
		if !now.Before(due) {
			m.warnings++
			slow = append(slow, m)
			due = m.begun.Add(after << m.warnings)
		}
		if due.Before(next) {
			next = due
		}
		if m.warnings == 0 { // those that began later are not due either
			break
		}
	}
	c.mu.Unlock()
	for _, m := range slow {
		handling := m.context.Load()
		if handling == nil { // no listener has begun
			continue
		}
		d := handling.delivery
		attrs := []any{"queue", truncateName(c.queue), "event", truncateName(d.EventName()), "id", truncateName(d.Attribute(wire.AttributeID))}
		if m.ID != "" {
			attrs = append(attrs, "delivery", m.ID, "attempt", m.attempt)
		}
		c.receiver.config.logger.WarnContext(handling.observers(c.work), "listener still running", append(attrs, "running_for", now.Sub(m.begun))...)
	}
	return next
}

// warnSlow logs the calls of hooks for which a warning is due, and returns when the next
// may be.
func (h *hooks) warnSlow(ctx context.Context, now time.Time, after time.Duration) (next time.Time) {
	var slow []hookCall
	h.mu.Lock()
	next = now.Add(after)
	for c := range h.running {
		due := c.begun.Add(after << c.warnings)
		if !now.Before(due) {
			c.warnings++
			slow = append(slow, *c)
			due = c.begun.Add(after << c.warnings)
		}
		if due.Before(next) {
			next = due
		}
	}
	h.mu.Unlock()
	for _, c := range slow {
		h.log.WarnContext(ctx, "hook still running", "hook", c.hook.String(), "method", c.method, "running_for", now.Sub(c.begun))
	}
	return next
}
