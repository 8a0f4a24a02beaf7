package remoteevent

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Outcome is the outcome of sending one event.
type Outcome int

const (
	// Stored events are in Redis.
	Stored Outcome = iota
	// Rejected events are certainly not in Redis: they violate a requirement, Redis
	// replied with an error, or they were not written to a connection.
	Rejected
	// Unknown events were written to a connection, but the reply was lost, or the
	// context ended before the reply.
	Unknown
)

// String returns the outcome as one lower-case word, or "Outcome(7)" for an undefined
// value.
func (o Outcome) String() string {
	names := [...]string{"stored", "rejected", "unknown"}
	if o < 0 || int(o) >= len(names) {
		return fmt.Sprintf("Outcome(%d)", int(o))
	}
	return names[o]
}

// Result is the outcome of one event, with the error if it is not stored.
type Result struct {
	// Outcome is Stored, Rejected if the event is certainly not in Redis, or Unknown.
	Outcome Outcome
	// Err is nil for Stored.
	Err error
}

// BatchError is the error of a batch with events that were rejected or whose outcome is
// unknown.
type BatchError struct {
	// Results has the outcome of each event, at its index in the batch.
	Results []Result
}

// Count returns the number of events with an outcome.
func (e *BatchError) Count(o Outcome) int {
	if e == nil {
		return 0
	}
	n := 0
	for _, r := range e.Results {
		if r.Outcome == o {
			n++
		}
	}
	return n
}

// Error counts the outcomes and quotes the first error.
func (e *BatchError) Error() string {
	if e == nil {
		return "no batch error"
	}
	for i, r := range e.Results {
		if r.Err != nil {
			return fmt.Sprintf("of %d events %d are stored, %d rejected, %d unknown; the first error concerns event %d: %v",
				len(e.Results), e.Count(Stored), e.Count(Rejected), e.Count(Unknown), i+1, r.Err)
		}
	}
	return "all events are stored"
}

// Unwrap returns the errors of the events that are not stored.
func (e *BatchError) Unwrap() []error {
	if e == nil {
		return nil
	}
	var all []error
	for _, r := range e.Results {
		if r.Err != nil {
			all = append(all, r.Err)
		}
	}
	return all
}

func batchError(results []Result) error {
	for _, r := range results {
		if r.Err != nil {
			return &BatchError{Results: results}
		}
	}
	return nil
}

// batch sends events chunk by chunk, in their order. It encodes a chunk while the
// previous one is being sent.
type batch struct {
	ctx     context.Context //nolint:containedctx // of one call
	link    *link
	begun   time.Time
	results []Result
	infos   []SentInfo       // for hooks, by the index of the event; nil without hooks
	chunk   *round           // being filled
	current *round           // being sent
	over    error            // the reason for which sending has stopped
	ended   map[string]error // the reason for which sending to a list has stopped
}

// add adds the message of an event, or the error of a rejected event.
func (b *batch) add(index int, m *outgoing, err error) {
	if err != nil {
		b.results[index] = Result{Rejected, err}
		return
	}
	m.index = index
	if b.infos != nil {
		b.infos[index] = m.info()
	}
	if !b.chunk.takes(m) {
		b.start()
	}
	b.chunk.add(m)
}

// start sends the chunk after the previous one has ended.
func (b *batch) start() {
	b.await()
	if b.clear(); len(b.chunk.messages) > 0 {
		b.current = b.chunk
		go b.link.sendRound(b.current)
	}
	b.chunk = newRound(b.ctx)
}

// finish sends the last chunk, and returns the results.
func (b *batch) finish() []Result {
	b.await()
	b.clear()
	if len(b.chunk.messages) == 0 {
		return b.results
	}
	if b.link.run(b.ctx, b.chunk.messages, time.Now()) {
		for _, m := range b.chunk.messages {
			b.results[m.index] = withCause(b.ctx, m.Result)
			m.free()
		}
		return b.results
	}
	b.start()
	b.await()
	return b.results
}

// errUnanswered is the cause for not sending the events of a batch after one without a
// reply.
var errUnanswered = errors.New("no reply from Redis to an earlier event of the batch")

// end stops sending to a list after a command without a reply, or to all lists if they
// are on the same server. Stopping preserves the order, and avoids another timeout.
func (b *batch) end(key string) {
	if b.link.alone {
		b.over = errUnanswered
		return
	}
	if b.ended == nil {
		b.ended = map[string]error{}
	}
	b.ended[key] = errUnanswered
}

// clear removes the messages from the chunk that must no longer be sent.
func (b *batch) clear() {
	if b.over == nil && b.ctx.Err() != nil {
		b.over = context.Cause(b.ctx)
	}
	if b.over == nil && b.ended == nil {
		return
	}
	kept := b.chunk.messages[:0]
	for _, m := range b.chunk.messages {
		cause := b.over
		if cause == nil {
			cause = b.ended[m.key]
		}
		if cause == nil {
			kept = append(kept, m)
			continue
		}
		b.results[m.index] = notSent(m.key, cause)
		m.free()
	}
	b.chunk.messages = kept
}

// await waits for the chunk that is being sent, and stores its results.
func (b *batch) await() {
	r := b.current
	if r == nil {
		return
	}
	b.current = nil
	done := r.wait(b.ctx)
	withdrawn := !done && r.withdraw(r.messages...)
	for _, m := range r.messages {
		var result Result
		if done {
			result = m.Result
		} else { // the command still sets the other results
			result = m.left(b.ctx, withdrawn)
		}
		b.results[m.index] = result
		if errors.Is(result.Err, ErrNotSent) || errors.Is(result.Err, ErrUnknown) {
			b.end(m.key)
		}
		if done {
			m.free()
		}
	}
}
