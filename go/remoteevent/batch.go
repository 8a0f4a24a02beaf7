package remoteevent

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Outcome is what became of one event.
type Outcome int

const (
	// Stored events are in Redis.
	Stored Outcome = iota
	// Rejected events are certainly not in Redis: they violate a requirement, Redis
	// answered with an error, or no command with them was written.
	Rejected
	// Unknown events were written to a connection, and the answer was lost, or the
	// context ended before it came.
	Unknown
)

// String returns the outcome as one lower-case word, or "Outcome(7)" for a value
// that is none.
func (o Outcome) String() string {
	names := [...]string{"stored", "rejected", "unknown"}
	if o < 0 || int(o) >= len(names) {
		return fmt.Sprintf("Outcome(%d)", int(o))
	}
	return names[o]
}

// Result is the outcome of one event, with the error where it is not stored.
type Result struct {
	Outcome Outcome
	Err     error
}

// BatchError is the error of a batch of which some events are not, or perhaps not,
// stored.
type BatchError struct {
	// Results has the outcome of each event, at its index in the batch.
	Results []Result
}

// Count returns how many events of the batch came to an outcome.
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
		return "no batch"
	}
	for i, r := range e.Results {
		if r.Err != nil {
			return fmt.Sprintf("of %d events %d are stored, %d rejected, %d unknown; the first at fault is number %d: %v",
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

// batch stores events chunk by chunk, in their order: while one chunk is under
// way, the next is encoded.
type batch struct {
	ctx     context.Context //nolint:containedctx // of one call
	link    *link
	begun   time.Time
	results []Result
	infos   []SentInfo       // for hooks, at the index of their event; nil without hooks
	chunk   *round           // which is being filled
	flight  *round           // which is under way
	over    error            // why nothing goes out any more
	ended   map[string]error // why nothing goes to a list any more
}

// add takes the message of an event, or the reason why there is none.
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
		b.launch()
	}
	b.chunk.add(m)
}

// launch sends the chunk when the one before it has landed.
func (b *batch) launch() {
	b.land()
	if b.clear(); len(b.chunk.messages) > 0 {
		b.flight = b.chunk
		go b.link.fly(b.flight)
	}
	b.chunk = newRound(b.ctx)
}

// finish sends the last chunk, and returns the results.
func (b *batch) finish() []Result {
	b.land()
	b.clear()
	if len(b.chunk.messages) == 0 {
		return b.results
	}
	if client := b.link.direct(b.ctx); client != nil {
		b.link.run(b.ctx, client, b.chunk.messages, time.Now())
		for _, m := range b.chunk.messages {
			b.results[m.index] = withCause(b.ctx, m.Result)
			m.free()
		}
		return b.results
	}
	b.launch()
	b.land()
	return b.results
}

// errUnanswered is why events of a batch are not sent after one without an answer.
var errUnanswered = errors.New("the answer to an earlier event of the batch did not come")

// end has nothing more go to a list after a command without an answer, nor to any
// other where one server has all lists: the order stays, and nobody waits for that
// server again.
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

// clear takes out of the chunk what does not go out any more.
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

// land waits for the chunk that is under way, and notes its results.
func (b *batch) land() {
	r := b.flight
	if r == nil {
		return
	}
	b.flight = nil
	landed := r.wait(b.ctx)
	for _, m := range r.messages {
		result := m.Result
		if !landed {
			result = r.leave(b.ctx, m)
		}
		b.results[m.index] = result
		if errors.Is(result.Err, ErrNotSent) || errors.Is(result.Err, ErrUnknown) {
			b.end(m.key)
		}
		if landed {
			m.free()
		}
	}
}
