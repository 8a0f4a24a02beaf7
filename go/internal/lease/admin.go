package lease

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// Stats counts the messages of a queue by state.
type Stats struct{ Queued, Staged, Leased, Retried, Suspect, Dead int64 }

// Stats counts the messages of the queue by state. The counts are no snapshot: a
// message that moves meanwhile may be counted twice or not at all. Stats runs no
// transaction, which Redis denies when it is out of memory.
func (q *Queue) Stats(ctx context.Context) (Stats, error) {
	var d [6]*redis.IntCmd
	_, err := q.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		d = [6]*redis.IntCmd{
			p.LLen(ctx, q.Name), p.LLen(ctx, q.Key(Staging)), p.HLen(ctx, q.Key(Bodies)),
			p.ZCard(ctx, q.Key(Retries)), p.ZCard(ctx, q.Key(Suspects)), p.ZCard(ctx, q.Key(Dead)),
		}
		return nil
	})
	if err != nil {
		return Stats{}, err
	}
	leased := max(0, d[2].Val()-d[3].Val()-d[4].Val()-d[5].Val())
	return Stats{d[0].Val(), d[1].Val(), leased, d[3].Val(), d[4].Val(), d[5].Val()}, nil
}

// Check returns the error with which Redis would answer every script. It changes
// nothing.
func (q *Queue) Check(ctx context.Context) error {
	_, err := q.Extend(ctx, time.Second, []string{""}) // no claim has no name
	return err
}

// Drain returns all messages to the list, except leased messages and dead letters,
// and returns how many it moved.
func (q *Queue) Drain(ctx context.Context) (int, error) {
	const count, bytes = 500, 16 << 20
	for moved := 0; ; {
		numbers, err := q.run(ctx, "drain", []any{count, bytes}).Int64Slice()
		switch {
		case err != nil:
			return moved, err
		case len(numbers) != 2:
			return moved, errReply
		}
		moved += int(numbers[0])
		if numbers[1] == 0 || numbers[0] == 0 {
			return moved, nil
		}
	}
}

// Requeue sends dead letters again, at most 4 MiB in one call of the script. It
// returns the indexes of the ids without a dead letter.
func (q *Queue) Requeue(ctx context.Context, ids []string) (missing []int, err error) {
	const bytes = 4 << 20
	for done := 0; done < len(ids); {
		page := ids[done:min(len(ids), done+MaxCount)]
		numbers, err := q.run(ctx, "requeue", append([]any{bytes}, texts(page)...)).Int64Slice()
		switch {
		case err != nil:
			return missing, err
		case len(numbers) == 0 || numbers[0] < 1 || numbers[0] > int64(len(page)):
			return missing, errReply
		}
		for _, n := range numbers[1:] {
			missing = append(missing, done+int(n)-1)
		}
		done += int(numbers[0])
	}
	return missing, nil
}

// Drop deletes dead letters. It returns the indexes of the ids without a dead letter.
func (q *Queue) Drop(ctx context.Context, ids []string) (missing []int, err error) {
	return positions(q.run(ctx, "drop", texts(ids)))
}

// State states which keys have an entry for an id.
type State struct {
	ID             string
	Body, Attempts bool
	// Miscounted marks an entry of attempts that cannot be parsed.
	Miscounted                             bool
	Leased, Retried, Suspect, Dead, Reason bool
}

// Sound reports whether section 3 of the specification permits the state.
func (s State) Sound() bool {
	switch places := count(s.Leased, s.Retried, s.Suspect, s.Dead); {
	case s.Miscounted:
		return false
	case !s.Body: // a claim may outlive its messages
		return !s.Retried && !s.Suspect && !s.Dead && !s.Attempts && !s.Reason
	case places != 1:
		return false
	case !s.Attempts:
		return s.Leased && !s.Reason
	}
	return s.Reason || !s.Dead
}

func count(conditions ...bool) int {
	n := 0
	for _, c := range conditions {
		if c {
			n++
		}
	}
	return n
}

// Audit returns the state of each id.
func (q *Queue) Audit(ctx context.Context, ids []string) ([]State, error) {
	digits, err := q.run(ctx, "audit", texts(ids)).StringSlice()
	if err != nil {
		return nil, err
	}
	states := make([]State, len(ids))
	if len(digits) != len(ids) {
		return nil, errReply
	}
	for i, d := range digits {
		if len(d) != 7 {
			return nil, errReply
		}
		is := func(at int) bool { return d[at] != '0' }
		states[i] = State{ids[i], is(0), is(1), d[1] == '2', is(2), is(3), is(4), is(5), is(6)}
	}
	return states, nil
}

// Repair corrects the entries of ids. It returns the change of each id, in the words
// of the script.
func (q *Queue) Repair(ctx context.Context, ids []string) ([]string, error) {
	return q.run(ctx, "repair", texts(ids)).StringSlice()
}

// EachID calls a function with the ids in the companion keys, page by page. It may
// pass an id more than once. It stops at the first error of the function.
func (q *Queue) EachID(ctx context.Context, page func(ids []string) error) error {
	for _, kind := range []Kind{Bodies, Attempts, Reasons, Retries, Suspects, Dead} {
		var cursor uint64
		for {
			var ids []string
			var err error
			switch kind {
			case Bodies, Attempts, Reasons:
				ids, cursor, err = q.scanHash(ctx, kind, cursor)
			default:
				ids, cursor, err = q.client.ZScan(ctx, q.Key(kind), cursor, "", MaxCount/2).Result()
				ids = everyOther(ids)
			}
			if err != nil {
				return err
			}
			for len(ids) > 0 { // HSCAN returns a small hash as a whole and ignores the count
				n := min(MaxCount, len(ids))
				if err := page(ids[:n]); err != nil {
					return err
				}
				ids = ids[n:]
			}
			if cursor == 0 {
				break
			}
		}
	}
	return nil
}

// scanHash returns one page of the fields of a hash. The page is small, because HSCAN
// returns the values too, and bodies may be long.
func (q *Queue) scanHash(ctx context.Context, kind Kind, cursor uint64) ([]string, uint64, error) {
	const few = 20
	ids, next, err := q.client.HScan(ctx, q.Key(kind), cursor, "", few).Result()
	return everyOther(ids), next, err
}

func everyOther(pairs []string) []string {
	firsts := make([]string, 0, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		firsts = append(firsts, pairs[i])
	}
	return firsts
}

func texts(ids []string) []any {
	args := make([]any, len(ids))
	for i, id := range ids {
		args[i] = id
	}
	return args
}

// DeadEntry is a dead letter's id and its time of death.
type DeadEntry struct {
	ID string
	At time.Time
}

// DeadIDs returns the dead letters that died at from or later, oldest first: at most
// limit of them, after the first skip.
func (q *Queue) DeadIDs(ctx context.Context, from time.Time, skip, limit int64) ([]DeadEntry, error) {
	least := "-inf"
	if !from.IsZero() {
		least = strconv.FormatInt(from.UnixMilli(), 10)
	}
	return deadEntries(q.client.ZRangeByScoreWithScores(ctx, q.Key(Dead), &redis.ZRangeBy{Min: least, Max: "+inf", Offset: skip, Count: limit}).Result())
}

// NewestDeadIDs returns the dead letters that died at until or earlier, newest first: at
// most limit of them, after the first skip. A zero time includes all.
func (q *Queue) NewestDeadIDs(ctx context.Context, until time.Time, skip, limit int64) ([]DeadEntry, error) {
	most := "+inf"
	if !until.IsZero() {
		most = strconv.FormatInt(until.UnixMilli(), 10)
	}
	return deadEntries(q.client.ZRevRangeByScoreWithScores(ctx, q.Key(Dead), &redis.ZRangeBy{Min: "-inf", Max: most, Offset: skip, Count: limit}).Result())
}

func deadEntries(found []redis.Z, err error) ([]DeadEntry, error) {
	if err != nil {
		return nil, err
	}
	died := make([]DeadEntry, 0, len(found))
	for _, z := range found {
		if id, ok := z.Member.(string); ok {
			died = append(died, DeadEntry{id, time.UnixMilli(int64(z.Score))})
		}
	}
	return died, nil
}

// Excess returns the oldest dead letters that exceed a maximum count or a maximum
// age: at most MaxCount in one call. A maximum of 0 is no maximum.
func (q *Queue) Excess(ctx context.Context, maxCount int, maxAge time.Duration) ([]DeadEntry, error) {
	pipeline := q.client.Pipeline()
	all := pipeline.ZCard(ctx, q.Key(Dead))
	clock := pipeline.Eval(ctx, "return redis.call('TIME')[1]", []string{q.Key(Dead)})
	if _, err := pipeline.Exec(ctx); err != nil {
		return nil, err
	}
	seconds, err := clock.Int64()
	if err != nil {
		return nil, errors.Join(errReply, err)
	}
	oldest, err := q.DeadIDs(ctx, time.Time{}, 0, MaxCount)
	if err != nil {
		return nil, err
	}
	n := 0
	for n < len(oldest) && (maxCount > 0 && all.Val()-int64(n) > int64(maxCount) || maxAge > 0 && oldest[n].At.Before(time.Unix(seconds, 0).Add(-maxAge))) {
		n++
	}
	return oldest[:n], nil
}

// Record is the stored part of a dead letter.
type Record struct {
	Body     []byte
	Reason   string
	Attempts int
	Died     time.Time
}
