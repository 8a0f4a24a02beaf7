package queueadmin

import (
	"context"
	"errors"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/lease"
	"github.com/remote-events/remote-events/go/wire"
)

const (
	// observeMembers is the maximum number of members of a sorted set that a look reads.
	observeMembers = 1000
	// observeBytes is the approximate maximum length of the messages of one round trip.
	observeBytes = 1 << 20
	// newestBytes is the maximum length of a message that a look remembers.
	newestBytes = 4 << 10
	// newestAmong is the number of new messages among which the remembered one is found.
	newestAmong = 10_000
)

// look is one observation of a queue. Its steps send commands and return a function that
// reads the replies, so that many queues share a round trip.
type look struct {
	*Queue

	past *past
	info QueueInfo

	next    []byte // the next message
	newest  string // the newest message, if it has an id
	pushed  *int64 // the number of messages that are newer than the previous newest one
	tooLong bool   // the next message was longer than estimated

	sizes [2]*int64 // the size in memory of the list and of staging
	dead  []string  // ids
}

// observe fills looks.
func observe(ctx context.Context, client redis.UniversalClient, looks []*look) {
	step := func(looks []*look, commands func(l *look, p redis.Pipeliner) (read func())) {
		var reads []func()
		_, _ = client.Pipelined(ctx, func(p redis.Pipeliner) error { // each command has its error
			for _, l := range looks {
				if l.info.Err == nil {
					reads = append(reads, commands(l, p))
				}
			}
			return nil
		})
		for _, read := range reads {
			read()
		}
	}
	step(looks, func(l *look, p redis.Pipeliner) func() { return l.count(ctx, p) })
	step(looks, func(l *look, p redis.Pipeliner) func() { return l.list(ctx, p) })
	for group := range groups(looks, observeBytes, (*look).nextSize) {
		step(group, func(l *look, p redis.Pipeliner) func() { return l.read(ctx, p) })
	}
	for group := range groups(looks, observeMembers, func(l *look) int64 { return int64(len(l.dead)) }) {
		step(group, func(l *look, p redis.Pipeliner) func() { return l.explain(ctx, p) })
	}
}

// groups splits looks into groups whose sizes have at most that sum, or one look.
func groups(looks []*look, most int64, size func(*look) int64) iter.Seq[[]*look] {
	return func(yield func([]*look) bool) {
		begin, sum := 0, int64(0)
		for i, l := range looks {
			n := size(l)
			if i > begin && sum+n > most {
				if !yield(looks[begin:i]) {
					return
				}
				begin, sum = i, 0
			}
			sum += n
		}
		if begin < len(looks) {
			yield(looks[begin:])
		}
	}
}

// count counts the messages, and estimates sizes.
func (l *look) count(ctx context.Context, p redis.Pipeliner) func() {
	q := l.queue
	counts := [6]*redis.IntCmd{
		p.LLen(ctx, q.Name), p.LLen(ctx, q.Key(lease.Staging)), p.HLen(ctx, q.Key(lease.Bodies)),
		p.ZCard(ctx, q.Key(lease.Retries)), p.ZCard(ctx, q.Key(lease.Suspects)), p.ZCard(ctx, q.Key(lease.Dead)),
	}
	// The time of the key's node: the nodes of a cluster have separate clocks.
	clock := p.Eval(ctx, "return redis.call('TIME')", []string{q.Key(lease.Dead)})
	sizes := []*redis.IntCmd{p.MemoryUsage(ctx, q.Name)}
	for _, kind := range lease.Kinds() { // the first is staging
		sizes = append(sizes, p.MemoryUsage(ctx, q.Key(kind)))
	}
	var found *redis.IntCmd
	if l.past != nil && l.past.newest != "" {
		found = p.LPos(ctx, q.Name, l.past.newest, redis.LPosArgs{MaxLen: newestAmong})
	}
	return func() {
		l.info.Queue, l.info.At = q.Name, time.Now()
		var n [6]int64
		for i, c := range counts {
			if err := c.Err(); err != nil && l.info.Err == nil {
				l.info.Err = l.failed("observe", err)
			}
			n[i] = c.Val()
		}
		if l.info.Err != nil {
			return
		}
		l.info.Stats = Stats{n[0], n[1], max(0, n[2]-n[3]-n[4]-n[5]), n[3] + n[4], n[5]}
		if at, ok := clockOf(clock); ok {
			l.info.At = at
		}
		sum, known := int64(0), true
		for i, c := range sizes {
			size, err := c.Result()
			if err != nil && !errors.Is(err, redis.Nil) || size < 0 { // nil for a key that does not exist
				known = false
				continue
			}
			sum += size
			if i < len(l.sizes) {
				l.sizes[i] = &size
			}
		}
		if known {
			l.info.Bytes = &sum
		}
		if found != nil && found.Err() == nil {
			pushed := found.Val()
			l.pushed = &pushed
		}
	}
}

// clockOf parses the reply of TIME.
func clockOf(c *redis.Cmd) (time.Time, bool) {
	parts, err := c.StringSlice()
	if err != nil || len(parts) != 2 { //nolint:mnd // seconds and microseconds
		return time.Time{}, false
	}
	seconds, err1 := strconv.ParseInt(parts[0], 10, 64)
	micros, err2 := strconv.ParseInt(parts[1], 10, 64)
	return time.Unix(seconds, micros*1000), err1 == nil && err2 == nil
}

// list reads claims, retries, and the ids of dead letters.
func (l *look) list(ctx context.Context, p redis.Pipeliner) func() {
	q := l.queue
	var claims *redis.ZSliceCmd
	var retries [2]*redis.ZSliceCmd
	var dead *redis.StringSliceCmd
	if l.info.Stats.Leased > 0 {
		claims = p.ZRangeWithScores(ctx, q.Key(lease.Claims), 0, observeMembers-1)
	}
	if l.info.Stats.Retrying > 0 {
		for i, kind := range []lease.Kind{lease.Retries, lease.Suspects} {
			retries[i] = p.ZRangeWithScores(ctx, q.Key(kind), 0, observeMembers-1)
		}
	}
	if l.info.Stats.Dead > 0 {
		dead = p.ZRange(ctx, q.Key(lease.Dead), -observeMembers, -1)
	}
	return func() {
		if claims != nil && l.lists(claims.Err()) {
			for _, z := range claims.Val() {
				l.info.Leases = append(l.info.Leases, leaseOf(z))
			}
		}
		for _, some := range retries {
			if some == nil || !l.lists(some.Err()) {
				continue
			}
			for _, z := range some.Val() {
				id, _ := z.Member.(string)
				l.info.RetryDue = earlier(l.info.RetryDue, time.UnixMilli(int64(z.Score)))
				l.info.RetryingSince = earlier(l.info.RetryingSince, lease.FirstSeen(id))
			}
		}
		if dead != nil && l.lists(dead.Err()) {
			l.dead = dead.Val()
		}
	}
}

// lists reports whether a reply has a value. A connection error is the error of the look,
// while a value that the user may not read is unknown.
func (l *look) lists(err error) bool {
	if err != nil && !errors.Is(err, redis.Nil) && !lease.IsReply(err) && l.info.Err == nil {
		l.info.Err = l.failed("observe", err)
	}
	return err == nil
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// leaseOf parses a member of claims.
func leaseOf(z redis.Z) Lease {
	name, _ := z.Member.(string)
	claim := Lease{Since: lease.FirstSeen(name), Expires: time.UnixMilli(int64(z.Score)), Claimed: 1}
	if claim.Retry = strings.ContainsAny(name, "/!"); !claim.Retry {
		n, err := strconv.Atoi(name[strings.LastIndexByte(name, '-')+1:])
		if err == nil && n >= 0 {
			claim.Claimed = min(n, lease.MaxCount)
		}
	}
	return claim
}

// nextKey returns the list that has the next message, and its index in sizes.
func (l *look) nextKey() (key string, index int) {
	if l.info.Stats.Staged > 0 {
		return l.queue.Key(lease.Staging), 1
	}
	return l.queue.Name, 0
}

// nextSize estimates the length of the next message as the mean of its list. There is no
// command that returns the length of an element. Reading a long one delays Redis by 2 ms
// a MiB, and by ten times that within a script.
func (l *look) nextSize() int64 {
	_, i := l.nextKey()
	n := [...]int64{l.info.Stats.Queued, l.info.Stats.Staged}[i]
	if l.sizes[i] == nil || n == 0 {
		return 0
	}
	return *l.sizes[i] / n
}

// read reads the next and the newest message, if they are not long.
func (l *look) read(ctx context.Context, p redis.Pipeliner) func() {
	var next, newest *redis.StringSliceCmd
	size := l.nextSize()
	waiting := l.info.Stats.Queued + l.info.Stats.Staged
	if key, _ := l.nextKey(); waiting > 0 && size <= observeBytes && (l.past == nil || !l.info.At.Before(l.past.skip)) {
		next = p.LRange(ctx, key, -1, -1)
	}
	if l.info.Stats.Queued > 0 && l.sizes[0] != nil && *l.sizes[0]/l.info.Stats.Queued <= newestBytes {
		newest = p.LRange(ctx, l.queue.Name, 0, 0)
	}
	return func() {
		if next != nil && l.lists(next.Err()) && len(next.Val()) == 1 {
			raw := next.Val()[0]
			n := int64(len(raw))
			l.next, l.info.Next.Bytes, l.info.Next.Sent = []byte(raw), &n, sentTime(raw)
			l.tooLong = n > 2*observeBytes
		}
		if newest != nil && l.lists(newest.Err()) && len(newest.Val()) == 1 {
			if raw := newest.Val()[0]; len(raw) <= newestBytes && attributesOf(raw)[wire.AttributeID] != "" {
				l.newest = raw
			}
		}
	}
}

// explain reads the reasons of the dead letters.
func (l *look) explain(ctx context.Context, p redis.Pipeliner) func() {
	if len(l.dead) == 0 {
		return func() {}
	}
	reasons := p.HMGet(ctx, l.queue.Key(lease.Reasons), l.dead...)
	return func() {
		if !l.lists(reasons.Err()) {
			return
		}
		l.info.DeadByCode = map[Code]int64{}
		for _, reason := range reasons.Val() {
			text, _ := reason.(string)
			l.info.DeadByCode[Code(lease.ParseReason(text).Code)]++
		}
	}
}

// attributesOf returns the attributes of a message; none for a malformed one.
func attributesOf(raw string) map[string]string {
	env, err := wire.Decode([]byte(raw), wire.Limits{})
	if err != nil {
		return nil
	}
	return env.Metadata.Attributes
}

// sentTime returns the attribute time of a message, or the zero time.
func sentTime(raw string) time.Time {
	at, err := time.Parse(time.RFC3339, attributesOf(raw)[wire.AttributeTime])
	if err != nil {
		return time.Time{}
	}
	return at
}
