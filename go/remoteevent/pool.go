package remoteevent

import (
	"slices"
	"sync"
	"time"
)

// pool has the slots of a receiver with [WithTotalConcurrency]. If its queues ask for more
// slots than are free, the pool grants slots by start-time fair queueing. Each queue has a
// virtual time. A free slot goes to the queue with the least virtual time. The virtual
// time of that queue then advances by the time for which a listener is expected to occupy
// the slot, divided by the weight of the queue. A queue that asked for no slots continues
// at the virtual time of the others: it gets no compensation.
type pool struct {
	mu   sync.Mutex
	free int
	time float64  // virtual time of the queue that got the last slot
	line []*share // the shares that ask for slots; empty while slots are free
}

// share is the part of a pool that belongs to one queue. The mutex of the pool guards its
// fields.
type share struct {
	pool     *pool
	consumer *consumer
	weight   int
	time     float64 // virtual
	cost     float64 // virtual time for a slot
	missing  int     // slots that the queue asks for
	granted  int     // slots that were granted and not yet used
}

const (
	// minCharge is the minimum charge for a slot, for handling times below the resolution
	// of the clock.
	minCharge = time.Microsecond
	// maxCharge is the maximum charge for a slot, so that a listener that was stuck does
	// not deprive its queue of slots for long.
	maxCharge = time.Minute
)

// settle returns the slots of finished messages and unused slots to the pool, and asks for
// the missing ones. The number of missing slots replaces the number of the previous call.
// each is the expected time for which a message occupies a slot. settle returns the number
// of granted slots, and the consumers of other queues that were granted slots: see
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
			return 0 // MinFunc returns the one that asked first
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

// ask sets how many slots the share asks for. The caller holds the pool's mutex.
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

// balance returns the slots that the queue does not need to the pool, asks for missing
// slots, and starts messages in the slots that the queue has. It returns the consumers
// whose granted method the caller must call without a mutex. The caller holds c.mu.
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
	if c.reserved > 0 { // the feeder claims messages for these slots
		wake(c.wake)
	}
	if keep := len(c.waiting) > 0 && !c.holding; keep != c.kept {
		c.kept = keep
		if keep { // Run waits until the waiting messages have slots
			c.slots.Add(1)
		} else {
			c.slots.Done()
		}
	}
	return others
}

// needed returns how many further slots the queue needs. The caller holds c.mu.
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

// grant calls the granted methods of consumers, and those of the consumers that they
// return.
func grant(consumers []*consumer) {
	for len(consumers) > 0 {
		next := consumers[0]
		consumers = append(consumers[1:], next.granted()...)
	}
}

// seeks reports whether the queue may claim messages: it asks for slots, or needs none of
// the pool.
func (c *consumer) seeks() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.share == nil || c.seeking
}

// seek sets whether the queue needs slots to claim messages. A queue without a slot claims
// no messages.
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
