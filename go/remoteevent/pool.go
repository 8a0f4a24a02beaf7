package remoteevent

import (
	"slices"
	"sync"
	"time"
)

// pool has the slots of a receiver with [WithTotalConcurrency]. While there are fewer
// than its queues ask for, they get them in turns by weight (start-time fair queueing): a
// slot goes to the queue with the least virtual time, which then advances by the time that
// its listeners are expected to keep the slot, divided by its weight. A queue that asked
// for nothing continues at the virtual time of the others: it neither saves slots nor
// owes any.
type pool struct {
	mu   sync.Mutex
	free int
	time float64  // virtual time of the queue that got the last slot
	line []*share // that ask for slots; empty while slots are free
}

// share is what a queue has of a pool. Its fields are guarded by the pool.
type share struct {
	pool     *pool
	consumer *consumer
	weight   int
	time     float64 // virtual
	cost     float64 // virtual time for a slot
	missing  int     // slots that it asks for
	granted  int     // slots that it got and has not collected
}

const (
	// minCharge is charged for a slot at least, where the clock sees no time pass.
	minCharge = time.Microsecond
	// maxCharge is charged at most, so that a listener that was stuck does not keep its
	// queue from others for long.
	maxCharge = time.Minute
)

// settle returns slots to the pool, those of finished messages and those that were not
// used, and asks for those that are missing, which replaces what was asked for before.
// each is how long a message is expected to keep a slot. It returns how many slots were
// granted, and the consumers of other queues that were granted some: see
// [consumer.granted].
func (s *share) settle(finished, unused, missing int, each time.Duration) (granted int, others []*consumer) {
	p := s.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	s.time -= float64(unused) * s.cost
	s.cost = min(max(each, minCharge), maxCharge).Seconds() / float64(s.weight)
	p.free += finished + unused
	s.ask(max(0, missing-s.granted))
	for p.free > 0 && len(p.line) > 0 {
		next := slices.MinFunc(p.line, func(a, b *share) int {
			switch {
			case a.time < b.time:
				return -1
			case a.time > b.time:
				return 1
			}
			return 0 // the one that has stood in line longer
		})
		p.time = next.time
		next.time += next.cost
		p.free--
		next.granted++
		next.ask(next.missing - 1)
		if next != s && !slices.Contains(others, next.consumer) {
			others = append(others, next.consumer)
		}
	}
	granted, s.granted = s.granted, 0
	return granted, others
}

// ask sets how many slots the share asks for. The pool's mutex is held.
func (s *share) ask(missing int) {
	p := s.pool
	switch {
	case missing > 0 && s.missing == 0:
		s.time = max(s.time, p.time)
		p.line = append(p.line, s)
	case missing == 0 && s.missing > 0:
		p.line = slices.DeleteFunc(p.line, func(other *share) bool { return other == s })
	}
	s.missing = missing
}

// balance returns slots that the queue does not need, asks for those that it needs, and
// starts messages in those that it has. It returns the consumers whose granted method is
// to be called without a mutex. c.mu is held.
func (c *consumer) balance(now time.Time, finished int) (others []*consumer) {
	if c.share == nil {
		return nil
	}
	for {
		needed := c.needed()
		unused := max(0, c.reserved-needed)
		granted, more := c.share.settle(finished, unused, max(0, needed-c.reserved), c.pace.each)
		finished = 0
		c.reserved += granted - unused
		others = append(others, more...)
		for c.reserved > 0 {
			m := c.start(now)
			if m == nil {
				break
			}
			c.reserved--
			c.active++
			c.slots.Go(func() { c.handle(m) })
		}
		if c.reserved <= c.needed() {
			break
		}
	}
	if c.reserved > 0 { // the feeder claims as many
		wake(c.wake)
	}
	if keep := len(c.waiting) > 0 && !c.holding; keep != c.kept {
		c.kept = keep
		if keep { // Run waits for messages that wait for a slot
			c.slots.Add(1)
		} else {
			c.slots.Done()
		}
	}
	return others
}

// needed returns how many slots the queue needs beside those with a message. c.mu is
// held.
func (c *consumer) needed() int {
	left := c.config.concurrency - c.active
	switch {
	case c.holding:
		return 0
	case c.seeking:
		return left
	}
	return min(left, len(c.waiting))
}

// granted uses the slots that the queue was granted.
func (c *consumer) granted() (others []*consumer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.balance(time.Now(), 0)
}

// grant has consumers use the slots that they were granted.
func grant(consumers []*consumer) {
	for len(consumers) > 0 {
		next := consumers[0]
		consumers = append(consumers[1:], next.granted()...)
	}
}

// seeks reports whether the queue asks for slots for messages to be claimed, where it has
// to.
func (c *consumer) seeks() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.share == nil || c.seeking
}

// seek sets whether there are messages to be claimed, for which the queue needs slots. No
// message is claimed by a queue without a slot.
func (c *consumer) seek(seeking bool) {
	if c.share == nil {
		return
	}
	c.mu.Lock()
	var others []*consumer
	if c.seeking != seeking {
		c.seeking = seeking
		others = c.balance(time.Now(), 0)
	}
	c.mu.Unlock()
	grant(others)
}
