package remoteevent

import (
	"context"
	"sync"
	"time"
)

// consumer owns the slots of a queue. It starts messages in the order in which they were
// taken, and handles as many at a time as the concurrency permits. It does not use Redis:
// the feeder collects the handled messages.
type consumer struct {
	receiver *Receiver
	queue    string
	config   *queueConfig
	work     context.Context                                    //nolint:containedctx // that of the listeners
	repeated func(ctx context.Context, id string) (bool, error) // nil where no event is remembered
	slots    *sync.WaitGroup                                    // the slots that are taken, of all queues
	wake     chan struct{}                                      // tells the feeder that there is room, or something to collect
	outage   *outage
	share    *share        // of the receiver's slots; nil where they have no bound
	held     chan struct{} // closed when nothing is started any more

	mu        sync.Mutex
	waiting   []*message      // taken, and not started
	bytes     int             // of those that wait
	finished  []*message      // to be collected
	spare     []*message      // the slice that was collected before
	active    int             // slots that are taken
	taken     uint64          // messages, in all
	started   uint64          // messages, in all
	holding   bool            // nothing is started any more
	reserved  int             // slots of the share without a message
	seeking   bool            // slots of the share are needed to claim messages
	kept      bool            // slots counts the messages that wait
	running   runningMessages // one for each slot that is taken
	pace      pace
	low       int         // with so few that wait, the feeder is told
	collected time.Time   // when the feeder last did
	soon      *time.Timer // has it collect what is finished; nil until it is needed
	timed     bool        // that timer runs
	accepted  time.Time   // when messages were last taken
}

// collectEvery is how long what is finished may wait to be collected while other
// messages are handled.
const collectEvery = 5 * time.Millisecond

// accept has messages handled, each as soon as there is a slot.
func (c *consumer) accept(messages []*message) {
	grant(c.queueUp(messages, time.Now()))
}

// queueUp does what accept does, and returns the consumers that were granted slots.
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
		// In a goroutine of its own even where there is but one: a listener may
		// end it.
		c.slots.Go(func() { c.handle(m) })
	}
	return nil
}

// start returns the message that has waited longest, or nil. Messages of a lost
// claim are finished without being started. c.mu is held.
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

// handle takes a slot: it handles messages for as long as some wait.
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

// process delivers a message, derives its disposition and has the hooks observe it.
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

// cameTime is how long an event may keep a slot that queues share, until Redis replies
// whether it was acknowledged before.
const cameTime = time.Second

// came reports whether an event was acknowledged before. It asks until Redis replies:
// an error is no attempt of the event. It returns the last error if the event is not to be
// handled any more meanwhile, or has kept a shared slot for long.
func (c *consumer) came(ctx context.Context, id string) (repeated bool, err error) {
	const text = "cannot check for repeated events; retrying"
	if c.share != nil { // other queues, perhaps of other nodes, need the slot
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

// next finishes a message and starts the one that has waited longest, or gives up
// the slot and returns nil.
func (c *consumer) next(done *message) *message {
	m, others := c.finish(done, time.Now())
	grant(others)
	return m
}

// finish does what next does, and returns the consumers that were granted slots. A slot
// of a share is always given up: it is another queue's turn, or balance starts a message.
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

// collectIn has the feeder collect what is finished after the time, whatever the listeners
// do meanwhile. c.mu is held.
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
		case waited < collectEvery: // it has collected meanwhile
			c.collectIn(collectEvery - waited)
		default:
			wake(c.wake)
		}
	})
}

// wake tells the receiver of a channel with room for one that something changed.
func wake(channel chan<- struct{}) {
	select {
	case channel <- struct{}{}:
	default:
	}
}

// collect returns what was finished since. It is valid until the next call.
func (c *consumer) collect() []*message {
	c.mu.Lock()
	defer c.mu.Unlock()
	finished := c.finished
	c.finished, c.spare = c.spare[:0], finished
	c.collected = time.Now()
	return finished
}

// room returns how many messages to fetch now: 0 where there is no room, or where
// so many wait that a fetch is not yet worth a round trip.
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

// progress returns how many messages were started in all, and how many wait.
func (c *consumer) progress() (started uint64, waiting int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.started, len(c.waiting)
}

// status returns when messages were last taken, how many are being handled, and how many
// wait.
func (c *consumer) status() (accepted time.Time, active, waiting int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.accepted, c.active, len(c.waiting)
}

// withdraw takes back what was not started, in its order. Where it was a stall of
// that length, less is fetched ahead from now on.
func (c *consumer) withdraw(stalled time.Duration) []*message {
	c.mu.Lock()
	if stalled > 0 && (c.share == nil || c.active > 0) { // else it waited for a slot
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

// hold lets nothing start from now on.
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
