package remoteevent

import (
	"context"
	"fmt"
	"time"

	"github.com/remote-events/remote-events/go/internal/lease"
)

// leased is the source of at-least-once delivery: it claims messages. It implements
// REL-13 to REL-33.
type leased struct {
	config   *queueConfig
	maxBytes int
	queue    claims
}

// claims is the part of a queue that leased uses: a *lease.Queue and the
// connection that waits for it.
type claims interface {
	Exchange(ctx context.Context, x lease.Exchange) lease.Reply
	Await(ctx context.Context, wait time.Duration, c *lease.Claim) (lease.Claimed, error)
	Interrupt(ctx context.Context)
	Release(ctx context.Context, held []lease.Handle, finished []string) (lost []int, err error)
	Extend(ctx context.Context, lease time.Duration, claims []string) (lost []int, err error)
	Remembered(ctx context.Context, event string) (bool, error)
}

func (l *leased) claim(w want) *lease.Claim {
	if w.count == 0 {
		return nil
	}
	return &lease.Claim{
		Lease: l.config.lease, Count: min(w.count, lease.MaxCount), Bytes: takeBytes, MaxBytes: l.maxBytes,
		MaxAttempts: l.config.maxCrashes, Suspects: w.suspects, Retries: w.retries,
	}
}

func (l *leased) exchange(ctx context.Context, r report, w want) (taken, error) {
	x := lease.Exchange{Window: l.config.window, Finished: r.finished, Claim: l.claim(w)}
	for _, m := range r.done {
		if m.disposition.kind == acknowledged {
			x.Acknowledge = append(x.Acknowledge, lease.Acknowledgement{Handle: m.Handle, Event: m.disposition.event})
		} else {
			x.Nack = append(x.Nack, lease.Nack{Handle: m.Handle, Delay: m.disposition.delay, Reason: m.disposition.reason})
		}
	}
	answer := l.queue.Exchange(ctx, x)
	t := l.taken(answer.Claimed, w)
	acknowledge, nack := 0, 0
	for _, m := range r.done {
		index, lost := &nack, &answer.NackLost
		if m.disposition.kind == acknowledged {
			index, lost = &acknowledge, &answer.AcknowledgeLost
		}
		if len(*lost) > 0 && (*lost)[0] == *index {
			t.lost, *lost = append(t.lost, m), (*lost)[1:]
		}
		*index++
	}
	return t, answer.Err
}

func (l *leased) await(ctx context.Context, wait time.Duration, w want) (taken, error) {
	claimed, err := l.queue.Await(ctx, wait, l.claim(w))
	return l.taken(claimed, w), err
}

func (l *leased) taken(claimed lease.Claimed, w want) taken {
	t := taken{messages: make([]*message, len(claimed.Messages)), died: claimed.Died, due: claimed.Due}
	store := make([]message, len(claimed.Messages))
	size, failed := 0, false
	for i := range claimed.Messages {
		m := &claimed.Messages[i]
		store[i] = message{Handle: m.Handle, raw: bytesOf(m.Body), attempt: m.Attempt, pardons: m.Pardons, suspect: m.Suspect}
		t.messages[i] = &store[i]
		size += len(m.Body)
		failed = failed || m.Attempt > 1
	}
	n := len(t.messages)
	// There may be more messages after a full claim, after one that a size limit cut
	// short, and after one that took a message out of turn.
	t.more = n > 0 && (n >= min(w.count, lease.MaxCount) || size > takeBytes/2 || failed) || len(claimed.Died) > 0
	return t
}

func (l *leased) interrupt(ctx context.Context) { l.queue.Interrupt(ctx) }

func (l *leased) release(ctx context.Context, r report) (lost []*message, err error) {
	held := make([]lease.Handle, len(r.done))
	for i, m := range r.done {
		held[i] = m.Handle
	}
	gone, err := l.queue.Release(ctx, held, r.finished)
	for _, i := range gone {
		lost = append(lost, r.done[i])
	}
	return lost, err
}

func (l *leased) extend(ctx context.Context, claims []string) (lost []int, err error) {
	return l.queue.Extend(ctx, l.config.lease, claims)
}

// repeated reports whether an event was acknowledged before.
func (l *leased) repeated(ctx context.Context, id string) (bool, error) {
	if !memorable(id) {
		return false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, replyTimeout)
	defer cancel()
	remembered, err := l.queue.Remembered(ctx, id)
	if err != nil {
		return false, fmt.Errorf("look for a repeated event: %w", err)
	}
	return remembered, nil
}
