package remoteevent

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/remote-events/remote-events/go/internal/lease"
)

// simQueue is a queue in the simulated Redis. Its methods are called with the world's
// mutex.
type simQueue struct {
	world    *world
	name     string
	messages []*simMessage // all that were pushed
	list     []*simMessage // the next one last, as in Redis
	stage    []*simMessage
	held     map[string]*simClaim
	all      map[string]*simClaim
	byID     map[string]*simMessage
	retry    []*simMessage
	turn     int
	taken    int
	waits    []chan struct{} // of receivers that wait for a message
	watches  []func()        // of bells

	acknowledged, dead int
	order              []int // in which messages were started
}

type simMessage struct {
	n        int
	body     string
	id       string
	attempts int
	due      time.Time
	expired  bool // a claim of it has run out
	suspect  bool
	claim    *simClaim
	takes    []*take
}

// take is a message's time under a claim.
type take struct {
	id      string
	number  int // in the order in which the queue's messages were claimed
	attempt int
	claim   *simClaim
	starts  int
	result  result
}

func (t *take) String() string {
	if t == nil {
		return "not claimed"
	}
	return t.result.String()
}

type simClaim struct {
	name     string
	deadline time.Time
	by       *simReceiver
	open     []*simMessage
	heard    time.Time // when its receiver was told of it, or that it was renewed; or zero
	excused  bool      // its receiver may not renew it: a call was slow or hangs
	lost     time.Time // when its receiver was told that it is lost, or zero
	messages int
	takes    map[string]*take // by the id
	settled  map[string]bool  // messages whose settlement it has confirmed
}

func newSimQueue(w *world, name string) *simQueue {
	return &simQueue{world: w, name: name, held: map[string]*simClaim{}, all: map[string]*simClaim{}, byID: map[string]*simMessage{}}
}

// push adds a message.
func (q *simQueue) push() {
	n := len(q.messages)
	m := &simMessage{n: n, body: `{"data":{"n":` + strconv.Itoa(n) + `},"signals":["` + q.name + `"]}`}
	q.messages = append(q.messages, m)
	q.list = slices.Insert(q.list, 0, m)
	if len(q.waits) > 0 {
		close(q.waits[0])
		q.waits = q.waits[1:]
	}
	q.changed()
}

// busy reports whether there are messages.
func (q *simQueue) busy() bool { return len(q.list)+len(q.stage)+len(q.held)+len(q.retry) > 0 }

// changed tells the bells.
func (q *simQueue) changed() {
	if len(q.watches) > 0 && q.busy() {
		for _, ring := range q.watches {
			ring()
		}
		q.watches = nil
	}
}

// settle ends a message's time under a claim.
func (q *simQueue) settle(h lease.Handle, do func(*simMessage)) bool {
	m := q.byID[h.ID]
	if m == nil || m.claim == nil || m.claim.name != h.Claim {
		return false
	}
	m.claim.open = slices.DeleteFunc(m.claim.open, func(other *simMessage) bool { return other == m })
	m.claim = nil
	do(m)
	return true
}

func (q *simQueue) acknowledge(h lease.Handle) bool {
	return q.settle(h, func(*simMessage) { q.acknowledged++ })
}

func (q *simQueue) nack(n lease.Nack) bool {
	return q.settle(n.Handle, func(m *simMessage) {
		if n.Delay < 0 {
			q.dead++
			return
		}
		d := q.world.fixed(n.ID, strconv.Itoa(m.attempts))
		m.due = time.Now().Add(d.upTo(time.Second))
		q.retry = append(q.retry, m)
	})
}

func (q *simQueue) finish(by *simReceiver, names []string) {
	for _, name := range names {
		if c := q.held[name]; c != nil {
			delete(q.held, name)
			if len(c.open) > 0 {
				q.world.faultf("%s finishes %s with %d messages", by.name, name, len(c.open))
			}
		}
	}
}

// release returns messages to the list, and the indexes of those that are not held.
func (q *simQueue) release(held []lease.Handle) (lost []int) {
	q.list = append(q.list, q.stage...)
	q.stage = nil
	for i, h := range slices.Backward(held) {
		if !q.settle(h, func(m *simMessage) {
			m.attempts--
			if m.attempts > 0 {
				m.due = time.Now()
				q.retry = append(q.retry, m)
				return
			}
			delete(q.byID, m.id)
			m.id = ""
			q.list = append(q.list, m)
		}) {
			lost = append(lost, i)
		}
	}
	slices.Reverse(lost)
	q.changed()
	return lost
}

// extend renews claims, and returns the indexes of those that are gone.
func (q *simQueue) extend(names []string, d time.Duration) (lost []int) {
	for i, name := range names {
		if c := q.held[name]; c != nil {
			c.deadline = time.Now().Add(d)
		} else {
			lost = append(lost, i)
		}
	}
	return lost
}

// expire makes the messages of claims that have run out retries.
func (q *simQueue) expire(now time.Time) {
	var expired []*simClaim
	for _, c := range q.held {
		if !now.Before(c.deadline) {
			expired = append(expired, c)
		}
	}
	slices.SortFunc(expired, func(a, b *simClaim) int { return cmp.Compare(a.name, b.name) })
	for _, c := range expired {
		delete(q.held, c.name)
		if len(c.open) > 0 {
			q.world.checkExpiry(c)
		}
		for _, m := range c.open {
			m.claim, m.suspect, m.due = nil, m.expired, now
			m.expired = true
			q.retry = append(q.retry, m)
		}
		c.open = nil
	}
}

// due returns when from now something becomes due, or a negative time.
func (q *simQueue) due(now time.Time) time.Duration {
	due := time.Duration(-1)
	note := func(t time.Time) {
		if left := max(0, t.Sub(now)); due < 0 || left < due {
			due = left
		}
	}
	for _, m := range q.retry {
		note(m.due)
	}
	for _, c := range q.held {
		note(c.deadline)
	}
	return due
}

// claim takes messages.
func (q *simQueue) claim(by *simReceiver, x *lease.Claim) (lease.Claimed, *simClaim) {
	now := time.Now()
	q.expire(now)
	q.turn++
	taken := q.choose(x, now)
	if len(taken) == 0 {
		return lease.Claimed{Due: q.due(now)}, nil
	}
	name := by.name + "/" + q.name + "/" + strconv.Itoa(q.turn)
	c := &simClaim{
		name: name, deadline: now.Add(x.Lease), by: by, open: taken, messages: len(taken),
		takes: make(map[string]*take, len(taken)), settled: make(map[string]bool, len(taken)),
	}
	found := lease.Claimed{Due: -1, Messages: make([]lease.Message, len(taken))}
	for i, m := range taken {
		if m.id == "" {
			m.id = "1-" + name + "-" + strconv.Itoa(i)
			q.byID[m.id] = m
		}
		m.attempts++
		m.claim = c
		q.taken++
		t := &take{id: m.id, number: q.taken, attempt: m.attempts, claim: c}
		m.takes, c.takes[m.id] = append(m.takes, t), t
		found.Messages[i] = lease.Message{Handle: lease.Handle{ID: m.id, Claim: name}, Attempt: m.attempts, Suspect: m.suspect, Body: m.body}
		m.suspect = false
	}
	q.held[name], q.all[name] = c, c
	q.world.notef("%s takes %d as %s", by.name, len(taken), name)
	q.changed()
	return found, c
}

// choose removes the messages to be claimed from where they are.
func (q *simQueue) choose(x *lease.Claim, now time.Time) (taken []*simMessage) {
	fresh := len(q.list) + len(q.stage)
	if len(q.retry) > 0 && (fresh == 0 || x.Retries || x.Count > 1 && q.turn%2 == 0) {
		slices.SortFunc(q.retry, func(a, b *simMessage) int { return cmp.Compare(a.id, b.id) })
		for _, m := range q.retry {
			if now.Before(m.due) || m.suspect && !x.Suspects {
				continue
			}
			if m.suspect && len(taken) > 0 || len(taken) >= max(1, x.Count/8) {
				break
			}
			taken = append(taken, m)
			if m.suspect { // it is claimed alone
				fresh = 0
				break
			}
		}
		q.retry = slices.DeleteFunc(q.retry, func(m *simMessage) bool { return slices.Contains(taken, m) })
	}
	for _, list := range []*[]*simMessage{&q.stage, &q.list} {
		for fresh > 0 && len(*list) > 0 && len(taken) < min(x.Count, 100) {
			n := len(*list) - 1
			taken = append(taken, (*list)[n])
			*list = (*list)[:n]
		}
	}
	return taken
}
