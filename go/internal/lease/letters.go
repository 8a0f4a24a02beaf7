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

// Exists reports whether Redis has the list or one of its companion keys.
func (q *Queue) Exists(ctx context.Context) (bool, error) {
	types, err := q.Types(ctx)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(types, func(kind string) bool { return kind != "none" }), nil
}

// Letters reads dead letters by their ids and calls a function with each that exists,
// in the order of the ids, until it returns false. The body is nil if its entry is
// missing. Letters makes one round trip for each MaxCount ids, and one for each 4 MiB
// of bodies.
func (q *Queue) Letters(ctx context.Context, ids []string, do func(id string, r Record) bool) error {
	for page := range slices.Chunk(ids, MaxCount) {
		known, err := q.describe(ctx, page)
		if err != nil {
			return err
		}
		for len(known) > 0 {
			const maxBytes = 4 << 20
			n, size := 0, int64(0)
			for n < len(known) && (n == 0 || size+known[n].bytes <= maxBytes) {
				size += known[n].bytes
				n++
			}
			goOn, err := q.bodies(ctx, known[:n], do)
			if err != nil || !goOn {
				return err
			}
			known = known[n:]
		}
	}
	return nil
}

// Describe calls a function with the dead letters among ids, without their bodies, and
// with the length of each, in the order of the ids, until it returns false. It makes one
// round trip for each MaxCount ids.
func (q *Queue) Describe(ctx context.Context, ids []string, do func(id string, r Record, bytes int64) bool) error {
	for page := range slices.Chunk(ids, MaxCount) {
		letters, err := q.describe(ctx, page)
		if err != nil {
			return err
		}
		for _, l := range letters {
			if !do(l.id, l.record, l.bytes) {
				return nil
			}
		}
	}
	return nil
}

// known is a dead letter without its body.
type known struct {
	id     string
	record Record
	bytes  int64
}

// describe returns the dead letters among ids, without their bodies.
func (q *Queue) describe(ctx context.Context, ids []string) ([]known, error) {
	type asked struct {
		died             *redis.FloatCmd
		bytes            *redis.IntCmd
		reason, attempts *redis.StringCmd
	}
	answers := make([]asked, len(ids))
	_, err := q.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, id := range ids {
			answers[i] = asked{
				p.ZScore(ctx, q.Key(Dead), id), p.HStrLen(ctx, q.Key(Bodies), id),
				p.HGet(ctx, q.Key(Reasons), id), p.HGet(ctx, q.Key(Attempts), id),
			}
		}
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) {
		return nil, err
	}
	var found []known
	for i, a := range answers {
		for _, err := range []error{a.died.Err(), a.bytes.Err(), a.reason.Err(), a.attempts.Err()} {
			if err != nil && !errors.Is(err, redis.Nil) { // Pipelined returns only the first error
				return nil, err
			}
		}
		if errors.Is(a.died.Err(), redis.Nil) {
			continue
		}
		count, _, _ := strings.Cut(a.attempts.Val(), " ")
		attempts, _ := strconv.Atoi(count)
		found = append(found, known{
			ids[i], Record{Reason: a.reason.Val(), Attempts: attempts, Died: time.UnixMilli(int64(a.died.Val()))}, a.bytes.Val(),
		})
	}
	return found, nil
}

// Reasons returns the reasons of messages by their ids, "" for one without.
func (q *Queue) Reasons(ctx context.Context, ids []string) ([]string, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	found, err := q.client.HMGet(ctx, q.Key(Reasons), ids...).Result()
	if err != nil {
		return nil, err
	}
	reasons := make([]string, len(found))
	for i, reason := range found {
		reasons[i], _ = reason.(string)
	}
	return reasons, nil
}

// bodies reads the bodies of dead letters and calls a function with each, until it
// returns false.
func (q *Queue) bodies(ctx context.Context, letters []known, do func(id string, r Record) bool) (goOn bool, err error) {
	ids := make([]string, len(letters))
	for i, l := range letters {
		ids[i] = l.id
	}
	found, err := q.client.HMGet(ctx, q.Key(Bodies), ids...).Result()
	if err != nil {
		return false, err
	}
	for i, body := range found {
		if text, ok := body.(string); ok {
			letters[i].record.Body = []byte(text)
		}
		if !do(ids[i], letters[i].record) {
			return false, nil
		}
	}
	return true, nil
}

// NextRetry returns the time until the first retry is due, by Redis' clock, and
// whether there is a retry.
func (q *Queue) NextRetry(ctx context.Context) (in time.Duration, waiting bool, err error) {
	var now *redis.TimeCmd
	var first *redis.ZSliceCmd
	if _, err := q.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		now, first = p.Time(ctx), p.ZRangeWithScores(ctx, q.Key(Retries), 0, 0)
		return nil
	}); err != nil {
		return 0, false, err
	}
	for _, z := range first.Val() {
		return time.UnixMilli(int64(z.Score)).Sub(now.Val()), true, nil
	}
	return 0, false, nil
}
