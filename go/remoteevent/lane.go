package remoteevent

import (
	"context"
	"runtime"
	"sync"
	"time"
)

const (
	// maxCommands is the maximum number of commands of a lane in progress. With only
	// one, each call would wait for the round trip of another call. With many, calls
	// would not share commands.
	maxCommands = 2
	// maxJoin is the maximum size of a message that shares a command with messages of
	// other callers. A longer message would delay the others, and Redis may close the
	// connection because of its size.
	maxJoin = 64 << 10
)

// lane combines the messages of concurrent calls into commands (group commit). If one
// server has all lists, a sender has one lane. Otherwise it has a lane for each list, so
// that a server without a reply delays only its own lists.
//
// While fewer than maxCommands commands are in progress, a call sends its message at
// once, in a command of its own. Other calls join a round. A round is sent as one command
// after a command of the lane has ended. No call waits for a round to fill.
type lane struct {
	link *link

	mu       sync.Mutex
	waiting  []*round
	commands int // in progress
	size     int // number of messages of the last round that was sent

	users int // calls that use the lane; guarded by the sender's mutex
}

// send sends a message and returns its result. start is the start of the call. The lane
// owns the message from then on.
func (l *lane) send(ctx context.Context, m *outgoing, start time.Time) Result {
	if ctx.Err() != nil {
		return notSent(m.key, context.Cause(ctx))
	}
	if len(m.text) > maxJoin {
		return l.sendAlone(ctx, m, start, false)
	}
	l.mu.Lock()
	if l.commands < maxCommands && len(l.waiting) == 0 {
		l.commands++
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

// sendAlone sends a message in a command of its own. counted reports whether the command
// is one of the lane's commands. If it is, the next round is sent after the command ends,
// with or without a reply.
func (l *lane) sendAlone(ctx context.Context, m *outgoing, start time.Time, counted bool) Result {
	ends := counted
	defer func() { // also after runtime.Goexit in a hook of the client
		if ends {
			l.ended()
		}
	}()
	m.self[0] = m
	if l.link.run(ctx, m.self[:], start) {
		result := withCause(ctx, m.Result)
		m.free()
		return result
	}
	ends = false
	r := newRound(ctx)
	r.add(m)
	go func() {
		if counted {
			defer l.ended()
		}
		l.link.sendRound(r)
	}()
	return r.finish(ctx, m)
}

// ended records the end of a command. If rounds wait, a goroutine sends them.
func (l *lane) ended() {
	if r := l.next(); r != nil {
		go l.sendRounds(r)
	}
}

// sendRounds sends a round and then the waiting rounds. Before each further round it lets
// the callers that have their reply run, so that their next events share the command. This
// halves the number of commands. It does not wait for callers that do something else.
func (l *lane) sendRounds(r *round) {
	defer func() {
		if r != nil { // a hook of the client ended the goroutine
			l.ended()
		}
	}()
	for ; r != nil; r = l.next() {
		l.link.sendRound(r)
		if len(r.messages) > 1 {
			runtime.Gosched()
		}
	}
}

// next returns the round to send after a command has ended. Without a waiting round it
// returns nil, and the lane has one command fewer.
func (l *lane) next() *round {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) == 0 {
		l.commands--
		return nil
	}
	r := l.waiting[0]
	l.waiting = append(l.waiting[:0], l.waiting[1:]...)
	l.size = len(r.messages)
	return r
}
