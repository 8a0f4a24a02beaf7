package remoteevent

import (
	"context"
	"sync"
	"time"
)

// consumer owns the slots of a queue. It starts messages in the order in which they were
// taken, and handles up to the configured concurrency at a time. It does not use Redis:
// the feeder collects the handled messages.
type consumer struct {
	receiver *Receiver
	queue    string
	config   *queueConfig
	work     context.Context                                    //nolint:containedctx // the context of the listeners
	repeated func(ctx context.Context, id string) (bool, error) // nil if the receiver does not detect repeated events
	slots    *sync.WaitGroup                                    // the occupied slots of all queues
	wake     chan struct{}                                      // wakes the feeder: there is room, or there are finished messages
	outage   *outage
	share    *share        // of the receiver's slots; nil without a total concurrency
	held     chan struct{} // closed when no further message is started

	mu        sync.Mutex
	waiting   []*message      // taken and not started
	bytes     int             // size of the waiting messages
	finished  []*message      // to be collected
	spare     []*message      // the slice of the previous collection
	active    int             // occupied slots
	taken     uint64          // total number of messages taken
	started   uint64          // total number of messages started
	holding   bool            // no further message is started
	reserved  int             // slots of the share without a message
	seeking   bool            // slots of the share are needed to claim messages
	kept      bool            // slots counts the waiting messages
	running   runningMessages // one for each occupied slot
	pace      pace
	low       int         // wake the feeder if no more messages wait
	collected time.Time   // time of the last collection
	soon      *time.Timer // wakes the feeder to collect; nil until needed
	timed     bool        // soon is running
	accepted  time.Time   // time of the last accept
}

// collectEvery is the maximum time between the end of a message and its collection while
// other messages are handled.
const collectEvery = 5 * time.Millisecond

// accept queues messages and starts those for which there are slots.
func (c *consumer) accept(messages []*message) {
	grant(c.queueUp(messages, time.Now()))
}

// queueUp implements accept and returns the consumers that were granted slots.
func (c *consumer) queueUp(messages []*message, now time.Time) (others []*consumer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.waiting) == 0 {
		c.waiting = messages
	} else {
		c.waiting = append(c.waiting, messages...)
	}
	for _, m := range messages {
		c.bytes += len(m.raw)
		if m.number == 0 {
			c.taken++
			m.number = c.taken
		}
	}
	c.accepted = now
	if c.share != nil {
		return c.balance(now, 0)
	}
	for c.active < c.config.concurrency {
		m := c.start(now)
		if m == nil {
			break
		}
		c.active++
		// A slot has its own goroutine, even if there is only one slot: a listener may
		// end the goroutine.
		c.slots.Go(func() { c.handle(m) })
	}
	return nil
}

// start removes the message that has waited longest and marks it as started. It returns
// nil if there is none. Messages of a lost claim are finished without being started. The
// caller holds c.mu.
func (c *consumer) start(now time.Time) *message {
	if !c.config.atMostOnce && c.receiver.shuttingDown() {
		return nil // hold follows
	}
	for len(c.waiting) > 0 && !c.holding {
		m := c.waiting[0]
		c.waiting = c.waiting[1:]
		c.bytes -= len(m.raw)
		if m.claim != nil && m.claim.lost.Load() {
			m.disposition = disposition{kind: released}
			c.finished = append(c.finished, m)
			continue
		}
		m.begun = now
		c.running.add(m)
		c.started++
		return m
	}
	return nil
}

// handle occupies a slot. It handles m, and then waiting messages until none is left.
func (c *consumer) handle(m *message) {
	returned := false
	defer func() {
		if returned {
			return
		}
		if next := c.next(m); next != nil { // a listener ended the goroutine
			c.slots.Go(func() { c.handle(next) })
		}
	}()
	for m != nil {
		c.process(m)
		m = c.next(m)
	}
	returned = true
}

// process delivers a message, sets its disposition and calls the hooks.
func (c *consumer) process(m *message) {
	var o outcome
	defer func() {
		m.context.Store(nil) // its listeners have returned
		m.disposition = c.dispose(m, o)
		c.observeHandled(m, &o)
	}()
	ctx := c.work
	if m.claim != nil {
		ctx = m.claim.ctx
	}
	var came func(id string) (bool, error)
	if c.repeated != nil {
		came = func(id string) (repeated bool, err error) { return c.came(ctx, id) }
	}
	c.deliver(ctx, m, came, &o)
}

// cameTime is the maximum time for which an event occupies a shared slot while Redis does
// not reply whether the event was acknowledged before.
const cameTime = time.Second

// came reports whether an event was acknowledged before. It repeats the query until Redis
// replies, since an error of Redis must not cost the event an attempt. It returns the last
// error if the receiver stops, the claim is lost, or the event has occupied a shared slot
// for cameTime.
func (c *consumer) came(ctx context.Context, id string) (repeated bool, err error) {
	const text = "cannot check for repeated events; retrying"
	if c.share != nil { // other queues need the slot, and their nodes may be reachable
		limited, cancel := context.WithTimeout(ctx, cameTime)
		defer cancel()
		ctx = limited
	}
	var retry backoff
	for {
		repeated, err := c.repeated(ctx, id)
		if err == nil {
			c.outage.endedOf(ctx, text)
			return repeated, nil
		}
		if ctx.Err() != nil {
			return false, err
		}
		c.outage.report(ctx, text, err, retry.next())
		select {
		case <-time.After(retry.delay):
		case <-ctx.Done():
			return false, err
		case <-c.held:
			return false, err
		}
	}
}

// next finishes a message and starts the message that has waited longest. If there is
// none, it frees the slot and returns nil.
func (c *consumer) next(done *message) *message {
	m, others := c.finish(done, time.Now())
	grant(others)
	return m
}

// finish implements next and returns the consumers that were granted slots. It always
// frees a shared slot: it is another queue's turn, or balance starts a message.
func (c *consumer) finish(done *message, now time.Time) (m *message, others []*consumer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running.remove(done)
	c.pace.note(now.Sub(done.begun))
	if done.disposition.kind != settled {
		c.finished = append(c.finished, done)
	}
	if c.share == nil {
		m = c.start(now)
	}
	if m == nil {
		c.active--
		others = c.balance(now, 1)
	}
	if m == nil && (c.share == nil || c.active == 0) || len(c.waiting) <= c.low || len(c.finished) > 0 && now.Sub(c.collected) >= collectEvery {
		wake(c.wake)
	} else if len(c.finished) > 0 && !c.timed {
		c.collectIn(collectEvery)
	}
	return m, others
}

// collectIn wakes the feeder after wait to collect the finished messages, even if no
// listener returns meanwhile. The caller holds c.mu.
func (c *consumer) collectIn(wait time.Duration) {
	c.timed = true
	if c.soon != nil {
		c.soon.Reset(wait)
		return
	}
	c.soon = time.AfterFunc(wait, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.timed = false
		switch waited := time.Since(c.collected); {
		case len(c.finished) == 0:
		case waited < collectEvery: // the feeder has collected meanwhile
			c.collectIn(collectEvery - waited)
		default:
			wake(c.wake)
		}
	})
}

// wake signals a change on a channel with a buffer of one. It does not block.
func wake(channel chan<- struct{}) {
	select {
	case channel <- struct{}{}:
	default:
	}
}

// collect returns the messages that were finished since the last call. The slice is valid
// until the next call.
func (c *consumer) collect() []*message {
	c.mu.Lock()
	defer c.mu.Unlock()
	finished := c.finished
	c.finished, c.spare = c.spare[:0], finished
	c.collected = time.Now()
	return finished
}

// room returns how many messages to fetch now. It returns 0 if there is no room, or if
// enough messages wait that a round trip can be postponed.
func (c *consumer) room() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.holding {
		return 0
	}
	slots := c.config.concurrency
	if c.share != nil {
		if slots = c.active + c.reserved; slots == 0 {
			return 0
		}
	}
	ahead := c.config.prefetch
	if c.config.fetchesAhead() {
		ahead = c.pace.ahead(slots)
		if c.bytes >= takeBytes {
			ahead = 0
		}
	}
	c.low = ahead / 2
	if len(c.waiting) > c.low {
		return 0
	}
	return max(0, slots+ahead-c.active-len(c.waiting))
}

// progress returns the total number of started messages and the number of waiting ones.
func (c *consumer) progress() (started uint64, waiting int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.started, len(c.waiting)
}

// status returns the time of the last accept, and the numbers of messages that are being
// handled and that wait.
func (c *consumer) status() (accepted time.Time, active, waiting int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.accepted, c.active, len(c.waiting)
}

// withdraw removes the messages that were not started and returns them in their order.
// stalled is the time for which no message was started, or 0. After a stall, the consumer
// fetches fewer messages ahead.
func (c *consumer) withdraw(stalled time.Duration) []*message {
	c.mu.Lock()
	if stalled > 0 && (c.share == nil || c.active > 0) { // otherwise the queue waited for a slot
		c.pace.stalled(stalled)
	}
	unstarted := c.waiting
	c.waiting, c.bytes = nil, 0
	for _, m := range unstarted {
		m.disposition = disposition{kind: released}
	}
	others := c.balance(time.Now(), 0)
	c.mu.Unlock()
	grant(others)
	return unstarted
}

// hold prevents the start of further messages.
func (c *consumer) hold() {
	c.mu.Lock()
	var others []*consumer
	if !c.holding {
		c.holding = true
		close(c.held)
		others = c.balance(time.Now(), 0)
	}
	c.mu.Unlock()
	grant(others)
}
