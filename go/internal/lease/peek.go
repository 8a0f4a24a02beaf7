package lease

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// peekBytes is the approximate size of one reply of a peek. A single message may exceed it.
const peekBytes = 1 << 20

// Stored is a message with an id, as Redis stores it.
type Stored struct {
	ID       string
	At       time.Time // when its lease expires, or it is due
	Attempts int
	Reason   string // of the last failure
	Body     []byte
}

// PeekList calls a function with at most limit messages of the list, or of staging, after
// the first skip, until it returns false, in the order in which receivers take them. It
// changes nothing.
func (q *Queue) PeekList(ctx context.Context, staged bool, skip, limit int, do func(body []byte) bool) error {
	key := q.Name
	if staged {
		key = q.Key(Staging)
	}
	for from, page := skip, 1; from-skip < limit; {
		count := min(page, limit-(from-skip))
		bodies, err := q.client.LRange(ctx, key, int64(-from-count), int64(-from-1)).Result()
		if err != nil {
			return err
		}
		size := 0
		for _, body := range slices.Backward(bodies) {
			size += len(body)
			if !do([]byte(body)) {
				return nil
			}
		}
		if len(bodies) < count {
			return nil
		}
		from += count
		if size > peekBytes/2 {
			page = max(1, page/2)
		} else {
			page = min(2*page, MaxCount)
		}
	}
	return nil
}

// PeekRetries calls a function with the retries and then the suspects after the first
// skip, the earliest due first, until it returns false. It changes nothing.
func (q *Queue) PeekRetries(ctx context.Context, skip int, do func(Stored) bool) error {
	for _, kind := range []Kind{Retries, Suspects} {
		goOn, err := q.eachScored(ctx, kind, &skip, func(name string, at time.Time) ([]Stored, error) {
			return []Stored{{ID: name, At: at}}, nil
		}, do)
		if err != nil || !goOn {
			return err
		}
	}
	return nil
}

// PeekLeased calls a function with the leased messages after the first skip, the first
// lease to expire first, until it returns false. It changes nothing.
func (q *Queue) PeekLeased(ctx context.Context, skip int, do func(Stored) bool) error {
	_, err := q.eachScored(ctx, Claims, &skip, func(claim string, at time.Time) ([]Stored, error) {
		return q.messagesOf(ctx, claim, at)
	}, do)
	return err
}

// eachScored calls a function with the messages of each member of a sorted set, in
// ascending order of the scores. It does not read the first skip messages, and subtracts
// them from skip.
func (q *Queue) eachScored(
	ctx context.Context, kind Kind, skip *int, messages func(name string, at time.Time) ([]Stored, error), do func(Stored) bool,
) (goOn bool, err error) {
	const page = 100
	for from := int64(0); ; from += page {
		members, err := q.client.ZRangeWithScores(ctx, q.Key(kind), from, from+page-1).Result()
		if err != nil {
			return false, err
		}
		var found []Stored
		for _, z := range members {
			name, _ := z.Member.(string)
			some, err := messages(name, time.UnixMilli(int64(z.Score)))
			if err != nil {
				return false, err
			}
			found = append(found, some...)
		}
		skipped := min(*skip, len(found))
		*skip -= skipped
		found = found[skipped:]
		for len(found) > 0 {
			n := min(page, len(found))
			if goOn, err := q.readStored(ctx, found[:n], do); err != nil || !goOn {
				return false, err
			}
			found = found[n:]
		}
		if len(members) < page {
			return true, nil
		}
	}
}

// messagesOf returns the messages of a live claim: one if the name contains a mark,
// otherwise the messages whose ids begin with the name.
func (q *Queue) messagesOf(ctx context.Context, claim string, at time.Time) ([]Stored, error) {
	var ids []string
	mark := strings.LastIndexAny(claim, "/!")
	if mark >= 0 {
		ids = []string{claim[:mark]}
	} else {
		n, _ := strconv.Atoi(claim[strings.LastIndex(claim, "-")+1:])
		of := freshIDs(claim, max(0, min(n, MaxCount)))
		for i := range max(0, min(n, MaxCount)) {
			ids = append(ids, of(i))
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	states, err := q.Audit(ctx, ids)
	if err != nil {
		return nil, err
	}
	var held []Stored
	for _, s := range states {
		// A message that failed since then belongs to another claim.
		if s.Body && s.Leased && s.Attempts == (mark >= 0) {
			held = append(held, Stored{ID: s.ID, At: at, Attempts: 1})
		}
	}
	return held, nil
}

// readStored reads the remaining fields of messages and calls a function with each
// that still exists, until it returns false.
func (q *Queue) readStored(ctx context.Context, messages []Stored, do func(Stored) bool) (goOn bool, err error) {
	type asked struct {
		bytes            *redis.IntCmd
		reason, attempts *redis.StringCmd
	}
	answers := make([]asked, len(messages))
	if _, err := q.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, m := range messages {
			answers[i] = asked{p.HStrLen(ctx, q.Key(Bodies), m.ID), p.HGet(ctx, q.Key(Reasons), m.ID), p.HGet(ctx, q.Key(Attempts), m.ID)}
		}
		return nil
	}); err != nil && !errors.Is(err, redis.Nil) {
		return false, err
	}
	for begin := 0; begin < len(messages); {
		end, size := begin, int64(0)
		for end < len(messages) && (end == begin || size+answers[end].bytes.Val() <= peekBytes) {
			size += answers[end].bytes.Val()
			end++
		}
		ids := make([]string, 0, end-begin)
		for _, m := range messages[begin:end] {
			ids = append(ids, m.ID)
		}
		bodies, err := q.client.HMGet(ctx, q.Key(Bodies), ids...).Result()
		if err != nil {
			return false, err
		}
		for i, body := range bodies {
			m := messages[begin+i]
			text, there := body.(string)
			if !there {
				continue
			}
			m.Body, m.Reason = []byte(text), answers[begin+i].reason.Val()
			count, _, _ := strings.Cut(answers[begin+i].attempts.Val(), " ")
			if n, err := strconv.Atoi(count); err == nil {
				m.Attempts = n
			}
			if !do(m) {
				return false, nil
			}
		}
		begin = end
	}
	return true, nil
}
