package remoteevent

import (
	"context"
	"runtime"
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
	size    int // of the last round that left

	users int // guarded by the sender's mutex
}

// send sends a message, for a call that began at start, and returns what became of
// it. The message is the lane's from then on.
func (l *lane) send(ctx context.Context, m *outgoing, start time.Time) Result {
	if ctx.Err() != nil {
		return notSent(m.key, context.Cause(ctx))
	}
	if len(m.text) > maxJoin {
		return l.sendAlone(ctx, m, start, false)
	}
	l.mu.Lock()
	if l.flights < maxFlights && len(l.waiting) == 0 {
		l.flights++
		l.mu.Unlock()
		return l.sendAlone(ctx, m, start, true)
	}
	n := len(l.waiting)
	if n == 0 || !l.waiting[n-1].takes(m) {
		r := newRound(ctx)
		r.messages = make([]*outgoing, 0, l.size)
		l.waiting = append(l.waiting, r)
		n++
	}
	r := l.waiting[n-1]
	r.add(m)
	l.mu.Unlock()
	return r.finish(ctx, m)
}

// sendAlone sends a message by itself. If it is a flight of the lane, what waits takes
// its place when Redis has replied, or will not.
func (l *lane) sendAlone(ctx context.Context, m *outgoing, start time.Time, flight bool) Result {
	land := flight
	defer func() { // also after runtime.Goexit in a hook of the client
		if land {
			l.land()
		}
	}()
	m.self[0] = m
	if l.link.run(ctx, m.self[:], start) {
		result := withCause(ctx, m.Result)
		m.free()
		return result
	}
	land = false
	r := newRound(ctx)
	r.add(m)
	go func() {
		if flight {
			defer l.land()
		}
		l.link.fly(r)
	}()
	return r.finish(ctx, m)
}

// land ends a flight. What waits takes its place, in a goroutine that goes on as
// long as there is something.
func (l *lane) land() {
	if r := l.next(); r != nil {
		go l.fly(r)
	}
}

// fly sends a round and those that wait after it. Before it sends the next one, it lets
// the callers run that have their reply, so that their next events share the command:
// this halves the number of commands. It does not wait for them if they do something else.
func (l *lane) fly(r *round) {
	defer func() {
		if r != nil { // a hook of the client ended the goroutine
			l.land()
		}
	}()
	for ; r != nil; r = l.next() {
		l.link.fly(r)
		if len(r.messages) > 1 {
			runtime.Gosched()
		}
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
	l.size = len(r.messages)
	return r
}
