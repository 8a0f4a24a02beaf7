package remoteevent

import (
	"context"
	"sync"
	"time"
)

const (
	// maxFlights is how many rounds of a lane are under way at a time. With one, a
	// call would wait out the round trip of another; with many, none would have
	// company.
	maxFlights = 2
	// maxJoin is the longest message that travels with those of other callers: a
	// long one would hold them up, and Redis may close the connection over it.
	maxJoin = 64 << 10
)

// lane is where messages of concurrent calls meet (group commit): all messages of
// a sender where one server has all lists, else those of one list, so that a
// server that does not reply holds up its own lists only.
//
// A call that finds no more than one command under way sends its message at once,
// by itself. Others join a round, which goes out as one command when a command has
// got its reply. No call waits for a round to fill.
type lane struct {
	link *link

	mu      sync.Mutex
	waiting []*round
	flights int

	users int // guarded by the sender's mutex
}

// send sends a message, for a call that began at start, and returns what became of
// it. The message is the lane's from then on.
func (l *lane) send(ctx context.Context, m *outgoing, start time.Time) Result {
	if ctx.Err() != nil {
		return notSent(m.key, context.Cause(ctx))
	}
	if len(m.text) > maxJoin {
		return l.sendAlone(ctx, m, start, func() {})
	}
	l.mu.Lock()
	if l.flights < maxFlights && len(l.waiting) == 0 {
		l.flights++
		l.mu.Unlock()
		return l.sendAlone(ctx, m, start, l.land)
	}
	n := len(l.waiting)
	if n == 0 || !l.waiting[n-1].takes(m) {
		l.waiting = append(l.waiting, newRound(ctx))
		n++
	}
	r := l.waiting[n-1]
	r.add(m)
	l.mu.Unlock()
	return r.finish(ctx, m)
}

// sendAlone sends a message by itself, and calls landed when Redis has replied,
// or will not.
func (l *lane) sendAlone(ctx context.Context, m *outgoing, start time.Time, landed func()) Result {
	client := l.link.direct(ctx)
	if client == nil {
		r := newRound(ctx)
		r.add(m)
		go func() {
			defer landed() // a hook of the client may end the goroutine
			l.link.fly(r)
		}()
		return r.finish(ctx, m)
	}
	defer landed() // a hook of the client may end the goroutine
	l.link.run(ctx, client, []*outgoing{m}, start)
	result := withCause(ctx, m.Result)
	m.free()
	return result
}

// land ends a flight. What waits takes its place, in a goroutine that goes on as
// long as there is something.
func (l *lane) land() {
	if r := l.next(); r != nil {
		go l.fly(r)
	}
}

// fly sends a round and those that wait after it.
func (l *lane) fly(r *round) {
	defer func() {
		if r != nil { // a hook of the client ended the goroutine
			l.land()
		}
	}()
	for ; r != nil; r = l.next() {
		l.link.fly(r)
	}
}

// next returns the round that takes the place of one that has landed, or nil.
func (l *lane) next() *round {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) == 0 {
		l.flights--
		return nil
	}
	r := l.waiting[0]
	l.waiting = append(l.waiting[:0], l.waiting[1:]...)
	return r
}
