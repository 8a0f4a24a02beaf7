package lease

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// Queue is a queue with its companions. It may be used by several goroutines at
// once.
type Queue struct {
	Name string

	client  redis.UniversalClient
	keys    []any // as scripts take them
	scripts map[string]script
}

// NewQueue returns the queue of that name.
func NewQueue(client redis.UniversalClient, name string) (*Queue, error) {
	if err := Check(name); err != nil {
		return nil, err
	}
	q := &Queue{Name: name, client: client, keys: []any{name}, scripts: scripts}
	for _, kind := range Kinds() {
		q.keys = append(q.keys, Companion(kind, name))
	}
	return q, nil
}

// Key returns the name of a companion key.
func (q *Queue) Key(kind Kind) string { return Companion(kind, q.Name) }

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

// Handle names a message that is held: its id, and the token of the claim.
type Handle struct{ ID, Token string }

// Message is a message that was claimed.
type Message struct {
	Handle

	Attempt int // counted from 1, this one included
	Body    string
	// Failure is why the attempt before failed, as it was said then; empty with
	// the first.
	Failure string
}

// FirstSeen returns when a message was first claimed, by Redis' clock, which is
// said by its id.
func FirstSeen(id string) time.Time {
	ms, _, _ := strings.Cut(id, "-")
	n, err := strconv.ParseInt(ms, 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMilli(n)
}

// Claim says what to claim.
type Claim struct {
	Lease       time.Duration
	Count       int // at most, and no more than MaxCount
	Bytes       int // at most, unless the first message alone has more
	MaxAttempts int // after which a message whose lease has run out is dead
}

// MaxCount is how many messages a claim takes at most.
const MaxCount = 1000

// Claimed is what came of a claim.
type Claimed struct {
	Messages []Message // oldest first
	// Due is when, from now, something will be there to be claimed, where
	// nothing is yet; it is negative where that is unknown.
	Due time.Duration
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

// Refusal says that a message has not been handled.
type Refusal struct {
	Handle

	// Delay is when the message is due again; a negative one makes it a dead
	// letter.
	Delay time.Duration
	// Reason is a [Reason] as text.
	Reason string
}

// Exchange is what is said to Redis in one round trip.
type Exchange struct {
	Acknowledge []Acknowledgement
	Window      Window
	Refuse      []Refusal
	Claim       *Claim // nil claims nothing
}

// Answer is what Redis says to an [Exchange]. The lost are indexes of messages
// that were held no more; nothing was done about those.
type Answer struct {
	AcknowledgeLost, RefuseLost         []int
	Claimed                             Claimed
	AcknowledgeErr, RefuseErr, ClaimErr error
}

// Exchange does what there is to do, in one round trip. Each part has an error
// of its own; one that is no answer of Redis leaves open whether the part was
// done.
func (q *Queue) Exchange(ctx context.Context, x Exchange) Answer {
	var calls []call
	acknowledge, refuse, claim := -1, -1, -1
	if len(x.Acknowledge) > 0 {
		acknowledge = len(calls)
		args := make([]any, 0, 2+3*len(x.Acknowledge))
		args = append(args, x.Window.Time.Milliseconds(), x.Window.Count)
		for _, a := range x.Acknowledge {
			args = append(args, a.ID, a.Token, a.Event)
		}
		calls = append(calls, call{"acknowledge", args})
	}
	if len(x.Refuse) > 0 {
		refuse = len(calls)
		args := make([]any, 0, 4*len(x.Refuse))
		for _, r := range x.Refuse {
			args = append(args, r.ID, r.Token, milliseconds(r.Delay), r.Reason)
		}
		calls = append(calls, call{"refuse", args})
	}
	var token string
	if x.Claim != nil {
		claim = len(calls)
		token = newToken()
		calls = append(calls, call{"claim", []any{
			token, max(1, x.Claim.Lease.Milliseconds()),
			min(x.Claim.Count, MaxCount), x.Claim.Bytes, x.Claim.MaxAttempts,
		}})
	}
	results := q.run(ctx, calls...)
	var answer Answer
	if acknowledge >= 0 {
		answer.AcknowledgeLost, answer.AcknowledgeErr = positions(results[acknowledge])
	}
	if refuse >= 0 {
		answer.RefuseLost, answer.RefuseErr = positions(results[refuse])
	}
	if claim >= 0 {
		answer.Claimed, answer.ClaimErr = claimed(results[claim], token)
	}
	return answer
}

// Extend renews the lease of messages and returns the indexes of those that
// were lost.
func (q *Queue) Extend(ctx context.Context, lease time.Duration, held []Handle) (lost []int, err error) {
	return positions(q.run(ctx, call{"extend", append([]any{max(1, lease.Milliseconds())}, handles(held)...)})[0])
}

// Release gives back what is staged, and messages that nobody has begun to
// handle, in the order in which they were claimed. It returns the indexes of
// those that were lost.
func (q *Queue) Release(ctx context.Context, held []Handle) (lost []int, err error) {
	// What is staged is newer than what is held, and goes first.
	for left := int64(1); left > 0; {
		if left, _, err = q.release(ctx, nil); err != nil {
			return nil, err
		}
	}
	for end := len(held); end > 0; {
		begin := max(0, end-MaxCount)
		_, positions, err := q.release(ctx, held[begin:end])
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

// release is one call, and returns how many are staged still, and the positions of
// those that were lost.
func (q *Queue) release(ctx context.Context, held []Handle) (left int64, lost []int64, err error) {
	numbers, err := q.run(ctx, call{"release", handles(held)})[0].Int64Slice()
	switch {
	case err != nil:
		return 0, nil, err
	case len(numbers) == 0:
		return 0, nil, errAnswer
	}
	return numbers[0], numbers[1:], nil
}

// Stage waits for a message for some time and moves it to where the next claim
// finds it. It reports whether one came.
func (q *Queue) Stage(ctx context.Context, wait time.Duration) (bool, error) {
	seconds := strconv.FormatFloat(max(wait, time.Millisecond).Seconds(), 'f', 3, 64)
	command := redis.NewStringCmd(ctx, "blmove", q.Name, q.Key(Staging), "right", "left", seconds)
	err := q.client.Process(ctx, onceString{command})
	if isUnknownCommand(err) { // before Redis 6.2
		command = redis.NewStringCmd(ctx, "brpoplpush", q.Name, q.Key(Staging), seconds)
		err = q.client.Process(ctx, onceString{command})
	}
	if errors.Is(err, redis.Nil) {
		return false, nil
	}
	return err == nil, err
}

type onceString struct{ *redis.StringCmd }

func (onceString) NoRetry() bool { return true }

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
	var token [32]byte
	_, _ = rand.Read(token[:]) // never fails: crypto/rand ends the program first
	return base64.RawURLEncoding.EncodeToString(token[:])
}

func milliseconds(delay time.Duration) int64 {
	if delay < 0 {
		return -1
	}
	return delay.Milliseconds()
}

func handles(held []Handle) []any {
	args := make([]any, 0, 2*len(held))
	for _, h := range held {
		args = append(args, h.ID, h.Token)
	}
	return args
}

var errAnswer = errors.New("a script's answer is not what the specification says")

// positions reads an answer of positions, counted from 1, as indexes.
func positions(c *redis.Cmd) ([]int, error) {
	numbers, err := c.Int64Slice()
	if err != nil {
		return nil, err
	}
	indexes := make([]int, len(numbers))
	for i, n := range numbers {
		indexes[i] = int(n) - 1
	}
	return indexes, nil
}

func claimed(c *redis.Cmd, token string) (Claimed, error) {
	answer, err := c.Slice()
	if err != nil {
		return Claimed{}, err
	}
	if len(answer)%3 != 0 || len(answer) == 0 {
		return Claimed{}, errAnswer
	}
	due, isNumber := answer[1].(int64)
	failure, isText := answer[2].(string)
	if !isNumber || !isText {
		return Claimed{}, errAnswer
	}
	result := Claimed{Due: time.Duration(due) * time.Millisecond, Messages: make([]Message, 0, len(answer)/3-1)}
	for i := 3; i < len(answer); i += 3 {
		id, isID := answer[i].(string)
		attempt, isAttempt := answer[i+1].(string)
		body, isBody := answer[i+2].(string)
		n, err := strconv.Atoi(attempt)
		if !isID || !isAttempt || !isBody || err != nil {
			return Claimed{}, fmt.Errorf("%w: message %d", errAnswer, i/3)
		}
		result.Messages = append(result.Messages, Message{Handle{id, token}, n, body, failure})
	}
	return result, nil
}
