package lease

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// purgePage is the number of messages that one command deletes, so that it holds Redis up
// for less than a millisecond.
const purgePage = 1000

// Purge deletes the messages of the list, or of staging, the oldest first: as many as
// there are when it starts. It returns their number, with an error as well.
func (q *Queue) Purge(ctx context.Context, staged bool) (deleted int64, err error) {
	key := q.Name
	if staged {
		key = q.Key(Staging)
	}
	left, err := q.client.LLen(ctx, key).Result()
	for err == nil && left > 0 {
		n := min(left, purgePage)
		if err = q.do(ctx, "ltrim", key, 0, -n-1).Err(); err == nil {
			deleted += n
			left -= n
		}
	}
	return deleted, err
}

// move moves up to ARGV[1] elements from the tail of KEYS[1] to the head of KEYS[2]. It
// ends early after 1 MiB, so that long messages do not hold Redis up.
const move = `local moved, bytes = 0, 0
while moved < tonumber(ARGV[1]) and bytes < 1048576 do
  local message = redis.call('RPOPLPUSH', KEYS[1], KEYS[2])
  if not message then
    break
  end
  moved = moved + 1
  bytes = bytes + #message
end
return moved`

// Move moves up to limit messages of the list to the end of another list, the oldest
// first; with a limit of 0 or less, as many as there are when it starts. It returns their
// number, with an error as well.
func (q *Queue) Move(ctx context.Context, to *Queue, limit int64) (moved int64, err error) {
	const page = 500
	left, err := q.client.LLen(ctx, q.Name).Result()
	if limit > 0 {
		left = min(left, limit)
	}
	for err == nil && left > 0 {
		var n int64
		n, err = q.do(ctx, "eval", move, 2, q.Name, to.Name, min(left, page)).Int64()
		moved += n
		left -= n
		if n == 0 {
			break
		}
	}
	return moved, err
}

// do runs a command that must not be repeated: a repetition would change more messages.
func (q *Queue) do(ctx context.Context, args ...any) *redis.Cmd {
	command := redis.NewCmd(ctx, args...)
	_ = q.client.Process(ctx, once{command}) // the command has the error
	return command
}
