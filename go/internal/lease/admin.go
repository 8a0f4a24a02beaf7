package lease

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// Depths counts the messages of a queue by state.
type Depths struct{ Queued, Staged, Leased, Retried, Suspect, Dead int64 }

// Depths counts messages. It is no transaction, which Redis refuses when it is out
// of memory, so that a message on its way may be counted twice or not at all.
func (q *Queue) Depths(ctx context.Context) (Depths, error) {
	var d [6]*redis.IntCmd
	_, err := q.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		d = [6]*redis.IntCmd{
			p.LLen(ctx, q.Name), p.LLen(ctx, q.Key(Staging)), p.HLen(ctx, q.Key(Bodies)),
			p.ZCard(ctx, q.Key(Retries)), p.ZCard(ctx, q.Key(Suspects)), p.ZCard(ctx, q.Key(Dead)),
		}
		return nil
	})
	if err != nil {
		return Depths{}, err
	}
	leased := max(0, d[2].Val()-d[3].Val()-d[4].Val()-d[5].Val())
	return Depths{d[0].Val(), d[1].Val(), leased, d[3].Val(), d[4].Val(), d[5].Val()}, nil
}

// Check returns an error that every script would get, and changes nothing.
func (q *Queue) Check(ctx context.Context) error {
	_, err := q.Extend(ctx, time.Second, []string{""}) // no claim has no name
	return err
}

// Drain gives back what is neither leased nor dead, and returns how many messages
// that were.
func (q *Queue) Drain(ctx context.Context) (int, error) {
	const count, bytes = 500, 16 << 20
	for moved := 0; ; {
		numbers, err := q.run(ctx, "drain", []any{count, bytes}).Int64Slice()
		switch {
		case err != nil:
			return moved, err
		case len(numbers) != 2:
			return moved, errAnswer
		}
		moved += int(numbers[0])
		if numbers[1] == 0 || numbers[0] == 0 {
			return moved, nil
		}
	}
}

// Requeue sends dead letters again, no more than some bytes at a time, and returns
// the indexes of those that are none.
func (q *Queue) Requeue(ctx context.Context, ids []string) (missing []int, err error) {
	const bytes = 4 << 20
	for done := 0; done < len(ids); {
		page := ids[done:min(len(ids), done+MaxCount)]
		numbers, err := q.run(ctx, "requeue", append([]any{bytes}, texts(page)...)).Int64Slice()
		switch {
		case err != nil:
			return missing, err
		case len(numbers) == 0 || numbers[0] < 1 || numbers[0] > int64(len(page)):
			return missing, errAnswer
		}
		for _, n := range numbers[1:] {
			missing = append(missing, done+int(n)-1)
		}
		done += int(numbers[0])
	}
	return missing, nil
}

// Drop deletes dead letters, and returns the indexes of those that are none.
func (q *Queue) Drop(ctx context.Context, ids []string) (missing []int, err error) {
	return positions(q.run(ctx, "drop", texts(ids)))
}

// State says which keys know of an id.
type State struct {
	ID             string
	Body, Attempts bool
	// Miscounted marks an entry of attempts that is no count.
	Miscounted                             bool
	Leased, Retried, Suspect, Dead, Reason bool
}

// Sound reports whether the state is one of section 3 of the specification.
func (s State) Sound() bool {
	switch places := count(s.Leased, s.Retried, s.Suspect, s.Dead); {
	case s.Miscounted:
		return false
	case !s.Body: // a claim may outlive the messages that it had
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
		return nil, errAnswer
	}
	for i, d := range digits {
		if len(d) != 7 {
			return nil, errAnswer
		}
		is := func(at int) bool { return d[at] != '0' }
		states[i] = State{ids[i], is(0), is(1), d[1] == '2', is(2), is(3), is(4), is(5), is(6)}
	}
	return states, nil
}

// Repair mends ids, and returns what was done for each, in the words of the
// script.
func (q *Queue) Repair(ctx context.Context, ids []string) ([]string, error) {
	return q.run(ctx, "repair", texts(ids)).StringSlice()
}

// EachID calls a function with the ids that the companions know of, a page at a
// time. An id may come more than once.
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
			for len(ids) > 0 { // a small hash comes at once, whatever is asked for
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

// scanHash returns some fields of a hash: few, since their values come along, and
// bodies may be long.
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

// Died is an id and its time of death.
type Died struct {
	ID string
	At time.Time
}

// DeadIDs returns up to most dead letters that died at a time or later, in their
// order, leaving out the first skip.
func (q *Queue) DeadIDs(ctx context.Context, from time.Time, skip, most int64) ([]Died, error) {
	least := "-inf"
	if !from.IsZero() {
		least = strconv.FormatInt(from.UnixMilli(), 10)
	}
	found, err := q.client.ZRangeByScoreWithScores(ctx, q.Key(Dead), &redis.ZRangeBy{Min: least, Max: "+inf", Offset: skip, Count: most}).Result()
	if err != nil {
		return nil, err
	}
	died := make([]Died, 0, len(found))
	for _, z := range found {
		if id, ok := z.Member.(string); ok {
			died = append(died, Died{id, time.UnixMilli(int64(z.Score))})
		}
	}
	return died, nil
}

// Surplus returns some of the oldest dead letters: those beyond a number, and those
// that died longer ago than a time. A bound of 0 is none.
func (q *Queue) Surplus(ctx context.Context, most int, age time.Duration) ([]Died, error) {
	pipeline := q.client.Pipeline()
	all := pipeline.ZCard(ctx, q.Key(Dead))
	clock := pipeline.Eval(ctx, "return redis.call('TIME')[1]", []string{q.Key(Dead)})
	if _, err := pipeline.Exec(ctx); err != nil {
		return nil, err
	}
	seconds, err := clock.Int64()
	if err != nil {
		return nil, errors.Join(errAnswer, err)
	}
	oldest, err := q.DeadIDs(ctx, time.Time{}, 0, MaxCount)
	if err != nil {
		return nil, err
	}
	n := 0
	for n < len(oldest) && (most > 0 && all.Val()-int64(n) > int64(most) || age > 0 && oldest[n].At.Before(time.Unix(seconds, 0).Add(-age))) {
		n++
	}
	return oldest[:n], nil
}

// Record is what is kept of a message.
type Record struct {
	Body     []byte
	Reason   string
	Attempts int
	Died     time.Time
}
