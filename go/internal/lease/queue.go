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

// Queue is a queue with its companion keys. It is safe for concurrent use.
type Queue struct {
	Name string

	client  redis.UniversalClient
	tag     string // the hash tag of the companion keys: computing it may take milliseconds
	keys    []any  // in the order of scripts
	scripts map[string]script
	old     atomic.Bool // the server has no BLMOVE (Redis before 6.2)
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

// KeyOf returns the key that a script's WRONGTYPE error names, or the queue if it
// names none.
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

// Handle identifies a delivered message: its id and its claim. Scripts ignore a
// handle whose claim no longer exists.
type Handle struct{ ID, Claim string }

// Message is a claimed message.
type Message struct {
	Handle

	// Attempt is the number of this delivery, counted from 1.
	Attempt int
	// Pardons is the number of earlier deliveries that do not count against the
	// maximum attempts: the process ended and had claimed other messages too.
	Pardons int
	Body    string
	// Failure is the reason of the last failure; empty for the first delivery.
	Failure string
	// Suspect marks a message that was in more than one expired claim. It may be the
	// cause of crashes.
	Suspect bool
}

// FirstSeen returns when a message was first claimed, by Redis' clock. The id
// contains the time.
func FirstSeen(id string) time.Time {
	us, _, _ := strings.Cut(id, "-")
	n, err := strconv.ParseInt(us, 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMilli(n / 1000)
}

// Claim describes the messages to claim.
type Claim struct {
	Lease       time.Duration
	Count       int // max messages, at most MaxCount
	Bytes       int // max total, except that the first fresh message and the first retry may exceed it
	MaxBytes    int // a longer message becomes a dead letter
	MaxAttempts int // a suspect whose lease expires on the last attempt becomes a dead letter
	// Suspects permits a suspect.
	Suspects bool
	// Retries prefers suspects to fresh messages, and retries too if Count is 1.
	// Without such messages, the claim takes fresh ones.
	Retries bool
}

// args returns the arguments of a claim for the script exchange.
func (c *Claim) args() []any {
	return []any{
		newToken(), max(1, c.Lease.Milliseconds()), min(c.Count, MaxCount), c.Bytes, c.MaxBytes,
		c.MaxAttempts, digit(c.Suspects), digit(c.Retries),
	}
}

// MaxCount is the maximum number of messages in a claim.
const MaxCount = 1000

// Claimed is the result of a claim.
type Claimed struct {
	// Messages are in the order in which to start them. Each retry and each suspect
	// has its own claim. A suspect is never claimed with other messages.
	Messages []Message
	// Due is the time until a message can be claimed, if none can be now. It is
	// negative if unknown.
	Due time.Duration
	// Died are the messages that this call moved to the dead letters.
	Died []Death
}

// Death is a message that a claim moved to the dead letters: a message above the size
// limit, or a suspect whose lease expired on the last attempt.
type Death struct {
	ID     string
	Reason string // a [Reason] as text
}

// Acknowledgement reports a handled message.
type Acknowledgement struct {
	Handle

	// Event is the event's key for deduplication; empty to remember nothing.
	Event string
}

// Window limits how long, and how many, acknowledged events are remembered. The zero
// window remembers none.
type Window struct {
	Time  time.Duration
	Count int
}

// Nack reports a failed message.
type Nack struct {
	Handle

	// Delay is the time until the next delivery; negative for a dead letter.
	Delay time.Duration
	// Reason is a [Reason] as text.
	Reason string
}

// Exchange is the content of one call of the script exchange.
type Exchange struct {
	Acknowledge []Acknowledgement
	Window      Window
	Nack        []Nack
	// Finished are claims without remaining messages: this exchange, or one before,
	// acknowledges, nacks or releases all of them.
	Finished []string
	Claim    *Claim // nil claims nothing
}

// Reply is the result of an [Exchange]. The lost indexes belong to messages whose
// claim no longer exists; nothing changed for them.
type Reply struct {
	AcknowledgeLost, NackLost []int
	Claimed                   Claimed
	// Err is nil on success. If Err is not a reply of Redis, either the whole
	// exchange took effect or none of it.
	Err error
}

// Exchange acknowledges, nacks and claims messages in one call of a script.
func (q *Queue) Exchange(ctx context.Context, x Exchange) Reply {
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
	reply, err := readReply(q.run(ctx, "exchange", args))
	if err != nil {
		return Reply{Err: err}
	}
	for i, at := range reply.AcknowledgeLost {
		reply.AcknowledgeLost[i] = acknowledged.index(at)
	}
	slices.Sort(reply.AcknowledgeLost)
	return reply
}

// Extend renews the lease of claims. It returns the indexes of claims that no longer
// exist.
func (q *Queue) Extend(ctx context.Context, lease time.Duration, claims []string) (lost []int, err error) {
	return positions(q.run(ctx, "extend", append([]any{max(1, lease.Milliseconds())}, texts(claims)...)))
}

// Release returns the staged messages, and messages whose handling has not begun, to
// the queue, in the order in which they were claimed. It ends the finished claims that
// have no messages left. It returns the indexes of messages that were lost.
func (q *Queue) Release(ctx context.Context, handles []Handle, finished []string) (lost []int, err error) {
	// Staged messages are newer than the others, and so are released first.
	for left := int64(1); left > 0; {
		if left, _, err = q.release(ctx, nil, nil); err != nil {
			return nil, err
		}
	}
	for end := len(handles); end > 0 || len(finished) > 0; {
		begin := max(0, end-MaxCount)
		var done []string
		if begin == 0 {
			done, finished = finished, nil
		}
		_, positions, err := q.release(ctx, handles[begin:end], done)
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

// release calls the script once. It returns how many messages are still staged, and
// the positions of the lost messages.
func (q *Queue) release(ctx context.Context, handles []Handle, finished []string) (left int64, lost []int64, err error) {
	released := runsInOrder(len(handles), func(i int) Handle { return handles[i] })
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
		return 0, nil, errReply
	}
	return numbers[0], numbers[1:], nil
}

// Remembered reports whether the event was acknowledged within its window.
func (q *Queue) Remembered(ctx context.Context, event string) (bool, error) {
	pipeline := q.client.Pipeline()
	until := pipeline.ZScore(ctx, q.Key(Seen), event)
	// The time of the key's node: the nodes of a cluster have separate clocks.
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
		return false, errors.Join(errReply, err)
	}
	seconds, err := strconv.ParseFloat(clock[0], 64)
	return until.Val() > seconds*1000, err
}

func newToken() string {
	var token [16]byte
	_, _ = rand.Read(token[:]) // crypto/rand never returns an error
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
