package lease

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// Queue is a queue with its companions. It may be used by several goroutines at
// once.
type Queue struct {
	Name string

	client  redis.UniversalClient
	tag     string // the hash tag of the companion keys; some take milliseconds to find
	keys    []any  // as scripts take them
	scripts map[string]script
	old     atomic.Bool // the server does not know BLMOVE (before Redis 6.2)
}

// NewQueue returns the queue of that name.
func NewQueue(client redis.UniversalClient, name string) (*Queue, error) {
	if err := Check(name); err != nil {
		return nil, err
	}
	q := &Queue{Name: name, client: client, tag: Tag(name), keys: []any{name}, scripts: scripts}
	for _, kind := range Kinds() {
		q.keys = append(q.keys, q.Key(kind))
	}
	return q, nil
}

// Key returns the name of a companion key.
func (q *Queue) Key(kind Kind) string { return companion(q.tag, kind, q.Name) }

// KeyOf returns the name of the key that a script's error WRONGTYPE is about, or
// the queue's.
func (q *Queue) KeyOf(err error) string {
	_, rest, found := strings.Cut(err.Error(), "the key of kind ")
	if found {
		for _, kind := range Kinds() {
			if strings.HasPrefix(rest, string(kind)+" ") {
				return q.Key(kind)
			}
		}
	}
	return q.Name
}

// Handle names a message that is held: its id, and the name of the claim that
// holds it. Nothing is done under a claim that is gone.
type Handle struct{ ID, Claim string }

// Message is a message that was claimed.
type Message struct {
	Handle

	// Attempt is the number of the delivery, counted from 1, this one included.
	Attempt int
	// Pardons is how many of those deliveries do not count towards the attempts that
	// a message has: they ended with the process, and the message was not alone.
	Pardons int
	Body    string
	// Failure is the reason of the delivery before; empty with the first.
	Failure string
	// Suspect marks a message of which more than one claim has expired: it may be what
	// ends processes.
	Suspect bool
}

// FirstSeen returns when a message was first claimed, by Redis' clock, which is
// said by its id.
func FirstSeen(id string) time.Time {
	us, _, _ := strings.Cut(id, "-")
	n, err := strconv.ParseInt(us, 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMilli(n / 1000)
}

// Claim says what to claim.
type Claim struct {
	Lease       time.Duration
	Count       int // at most, and no more than MaxCount
	Bytes       int // at most, but for the first fresh message and the first retry
	MaxBytes    int // a longer message becomes a dead letter
	MaxAttempts int // after which a suspect whose lease has run out is dead
	// Suspects permits to take a suspect.
	Suspects bool
	// Retries says whose turn it is: that of suspects, and of retries where Count is
	// 1, before fresh messages. The others are taken where there are none.
	Retries bool
}

// args are the arguments of a claim, as the script exchange takes them.
func (c *Claim) args() []any {
	return []any{
		newToken(), max(1, c.Lease.Milliseconds()), min(c.Count, MaxCount), c.Bytes, c.MaxBytes,
		c.MaxAttempts, digit(c.Suspects), digit(c.Retries),
	}
}

// MaxCount is how many messages a claim takes at most.
const MaxCount = 1000

// Claimed is the result of a claim.
type Claimed struct {
	// Messages are in the order in which they are to be started. Each retry and each
	// suspect has a claim of its own; a suspect is the only message.
	Messages []Message
	// Due is when, from now, something will be there to be claimed, where nothing is
	// yet; it is negative where that is unknown.
	Due time.Duration
	// Died are the messages that became dead letters by the call.
	Died []Death
}

// Death is a message that a claim has moved to the dead letters: one that is too
// long, or a suspect whose lease has run out on the last attempt.
type Death struct {
	ID     string
	Reason string // a [Reason] as text
}

// Acknowledgement says that a message has been handled.
type Acknowledgement struct {
	Handle

	// Event is what the message is remembered by, if it is.
	Event string
}

// Window is how long, and for how many at most, events are remembered that were
// acknowledged. The zero window remembers none.
type Window struct {
	Time  time.Duration
	Count int
}

// Nack says that a message has not been handled.
type Nack struct {
	Handle

	// Delay is when the message is due again; a negative one makes it a dead
	// letter.
	Delay time.Duration
	// Reason is a [Reason] as text.
	Reason string
}

// Exchange is what is told Redis in one round trip.
type Exchange struct {
	Acknowledge []Acknowledgement
	Window      Window
	Nack        []Nack
	// Finished are claims whose messages are all acknowledged, nacked or released,
	// by this exchange or before.
	Finished []string
	Claim    *Claim // nil claims nothing
}

// Answer is the reply to an [Exchange]. The lost are indexes of messages that were
// held no more; nothing was done about those.
type Answer struct {
	AcknowledgeLost, NackLost []int
	Claimed                   Claimed
	// Err is nil where all was done. With an error that is no answer of Redis, all
	// or nothing was done.
	Err error
}

// Exchange acknowledges, nacks and claims messages by one call of a script.
func (q *Queue) Exchange(ctx context.Context, x Exchange) Answer {
	acknowledged := runsOf(len(x.Acknowledge), func(i int) Handle { return x.Acknowledge[i].Handle })
	window := x.Window.Time.Milliseconds()
	args := make([]any, 0, 16+3*len(acknowledged.runs)+4*len(x.Nack)+len(x.Finished))
	args = append(args, window, x.Window.Count, len(acknowledged.runs), len(x.Nack), len(x.Finished))
	next := 0
	for _, r := range acknowledged.runs {
		args = append(args, r.claim, r.first, r.last)
		for range r.last - r.first + 1 {
			if window > 0 {
				args = append(args, x.Acknowledge[acknowledged.index(next)].Event)
			}
			next++
		}
	}
	for _, n := range x.Nack {
		args = append(args, n.Claim, indexOf(n.Handle), milliseconds(n.Delay), n.Reason)
	}
	for _, claim := range x.Finished {
		args = append(args, claim)
	}
	if x.Claim != nil {
		args = append(args, x.Claim.args()...)
	}
	answer, err := readAnswer(q.run(ctx, "exchange", args))
	if err != nil {
		return Answer{Err: err}
	}
	for i, at := range answer.AcknowledgeLost {
		answer.AcknowledgeLost[i] = acknowledged.index(at)
	}
	slices.Sort(answer.AcknowledgeLost)
	return answer
}

// Extend renews the lease of claims and returns the indexes of those that are
// gone.
func (q *Queue) Extend(ctx context.Context, lease time.Duration, claims []string) (lost []int, err error) {
	return positions(q.run(ctx, "extend", append([]any{max(1, lease.Milliseconds())}, texts(claims)...)))
}

// Release gives back what is staged, and messages that nobody has begun to
// handle, in the order in which they were claimed, and ends claims of which no
// message is left. It returns the indexes of messages that were lost.
func (q *Queue) Release(ctx context.Context, held []Handle, finished []string) (lost []int, err error) {
	// What is staged is newer than what is held, and goes first.
	for left := int64(1); left > 0; {
		if left, _, err = q.release(ctx, nil, nil); err != nil {
			return nil, err
		}
	}
	for end := len(held); end > 0 || len(finished) > 0; {
		begin := max(0, end-MaxCount)
		var done []string
		if begin == 0 {
			done, finished = finished, nil
		}
		_, positions, err := q.release(ctx, held[begin:end], done)
		if err != nil {
			return nil, err
		}
		for _, n := range positions {
			lost = append(lost, begin+int(n)-1)
		}
		end = begin
	}
	return lost, nil
}

// release is one call, and returns how many messages are staged still, and the
// positions of those that were lost.
func (q *Queue) release(ctx context.Context, held []Handle, finished []string) (left int64, lost []int64, err error) {
	released := runsInOrder(len(held), func(i int) Handle { return held[i] })
	args := []any{len(released)}
	for _, r := range released {
		args = append(args, r.claim, r.first, r.last)
	}
	for _, claim := range finished {
		args = append(args, claim)
	}
	numbers, err := q.run(ctx, "release", args).Int64Slice()
	switch {
	case err != nil:
		return 0, nil, err
	case len(numbers) == 0:
		return 0, nil, errAnswer
	}
	return numbers[0], numbers[1:], nil
}

// Remembered reports whether an event was acknowledged within its window.
func (q *Queue) Remembered(ctx context.Context, event string) (bool, error) {
	pipeline := q.client.Pipeline()
	until := pipeline.ZScore(ctx, q.Key(Seen), event)
	// Of the node that has the key, since a cluster has several clocks.
	now := pipeline.Eval(ctx, "return redis.call('TIME')", []string{q.Key(Seen)})
	_, err := pipeline.Exec(ctx)
	if errors.Is(until.Err(), redis.Nil) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	clock, err := now.StringSlice()
	if err != nil || len(clock) != 2 {
		return false, errors.Join(errAnswer, err)
	}
	seconds, err := strconv.ParseFloat(clock[0], 64)
	return until.Val() > seconds*1000, err
}

func newToken() string {
	var token [16]byte
	_, _ = rand.Read(token[:]) // never fails: crypto/rand ends the program first
	return base64.RawURLEncoding.EncodeToString(token[:])
}

func milliseconds(delay time.Duration) int64 {
	if delay < 0 {
		return -1
	}
	return delay.Milliseconds()
}

func digit(is bool) int {
	if is {
		return 1
	}
	return 0
}
