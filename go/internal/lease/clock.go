package lease

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// Behind returns how far the clock of Redis is behind the latest time in the companion
// keys, and how many messages wait for it: retries, and leased messages. It returns 0
// if no key shows that the clock went back.
func (q *Queue) Behind(ctx context.Context) (behind time.Duration, waiting int64, err error) {
	const some = 100
	var clock *redis.Cmd
	var dead, suspects *redis.ZSliceCmd
	var claims, retries *redis.StringSliceCmd
	var claimed, retried *redis.IntCmd
	_, err = q.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		// The time of the key's node: the nodes of a cluster have separate clocks.
		clock = p.Eval(ctx, "return redis.call('TIME')", []string{q.Key(Dead)})
		dead, suspects = p.ZRangeWithScores(ctx, q.Key(Dead), -1, -1), p.ZRangeWithScores(ctx, q.Key(Suspects), -1, -1)
		claims, retries = p.ZRange(ctx, q.Key(Claims), -some, -1), p.ZRange(ctx, q.Key(Retries), -some, -1)
		claimed, retried = p.ZCard(ctx, q.Key(Claims)), p.ZCard(ctx, q.Key(Retries))
		return nil
	})
	if err != nil {
		return 0, 0, err
	}
	parts, err := clock.StringSlice()
	if err != nil || len(parts) != 2 { //nolint:mnd // seconds and microseconds
		return 0, 0, errors.Join(errReply, err)
	}
	seconds, err := strconv.ParseInt(parts[0], 10, 64)
	if err != nil {
		return 0, 0, errors.Join(errReply, err)
	}
	now := time.Unix(seconds+1, 0)
	latest := now
	note := func(t time.Time) {
		if t.After(latest) {
			latest = t
		}
	}
	// Only Redis writes these times: the times of death, and the times in ids. An
	// imported dead letter may have any other time.
	for _, z := range suspects.Val() {
		note(time.UnixMilli(int64(z.Score)))
	}
	for _, name := range append(claims.Val(), retries.Val()...) {
		id, _, _ := strings.Cut(name, "/")
		note(FirstSeen(id))
	}
	for _, z := range dead.Val() {
		note(time.UnixMilli(int64(z.Score)))
	}
	if latest.Equal(now) {
		return 0, 0, nil
	}
	return latest.Sub(now), claimed.Val() + retried.Val(), nil
}
