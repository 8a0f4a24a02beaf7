package lease

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"
)

// probe tries commands of which it is told, one word after the other, where @n
// stands for the n-th key. It can write nothing, whatever they are; whether the
// user may run a command is asked first. Servers before 7.0 refuse it altogether.
const probe = `#!lua flags=no-writes
local answers = {}
for i, command in ipairs(ARGV) do
  local words = {}
  for word in string.gmatch(command, '%S+') do
    local key = string.match(word, '^@(%d+)$')
    words[#words + 1] = key and KEYS[tonumber(key)] or word
  end
  local answer = redis.pcall(unpack(words))
  answers[i] = type(answer) == 'table' and answer.err or ''
end
return answers`

// probes are the commands of scripts, with keys as scripts take them.
var probes = []string{
	"hdel @3 x", "hexists @3 x", "hget @3 x", "hlen @8", "hmget @8 x", "hset @3 x x", "hstrlen @3 x", "lindex @2 0",
	"llen @2", "lpop @2", "lrange @2 0 0", "ltrim @2 0 -1", "pexpire @10 1", "pttl @10", "rpush @2 x", "rpush @1 x", "time",
	"type @1", "zadd @4 1 x", "zcard @10", "zrange @4 0 0", "zrangebyscore @4 0 0", "zrem @4 x", "zremrangebyrank @10 0 0",
	"zscore @4 x",
}

// Refused returns which of the commands that a receiver runs the user may not run,
// or not for these keys, as far as the server tells: one before 7.0 does not tell
// what scripts may not run. An error is one of the connection.
func (q *Queue) Refused(ctx context.Context) ([]string, error) {
	refused, _, err := q.ask(ctx, map[string]*redis.Cmd{
		"eval":    q.command(ctx, "eval", "return 1", nil),
		"evalsha": q.command(ctx, "evalsha", strings.Repeat("f", 40), nil),
		// Nobody waits for a negative time.
		"blmove": redis.NewCmd(ctx, "blmove", q.Name, q.Key(Staging), "right", "left", "-1"),
	})
	if err != nil {
		return nil, err
	}
	asked := q.command(ctx, "eval", probe, texts(probes))
	_ = q.client.Process(ctx, once{asked})
	answers, err := asked.StringSlice()
	if err != nil && !IsAnswer(err) {
		return nil, err
	}
	for i, answer := range answers[:min(len(answers), len(probes))] {
		if isRefusal(answer) {
			name, _, _ := strings.Cut(probes[i], " ")
			refused = append(refused, name)
		}
	}
	slices.Sort(refused)
	return slices.Compact(refused), nil
}

// RefusedPops is Refused for a receiver that pops, some messages at a time or one.
// It also returns another error that Redis would answer to each pop.
func (q *Queue) RefusedPops(ctx context.Context, some bool) (refused []string, answer, err error) {
	// Nobody waits for a negative time, nor pops a negative number.
	pops := map[string]*redis.Cmd{"brpop": redis.NewCmd(ctx, "brpop", q.Name, "-1")}
	if some {
		pops["rpop"] = redis.NewCmd(ctx, "rpop", q.Name, "-1")
	}
	refused, answers, err := q.ask(ctx, pops)
	slices.Sort(refused)
	answer = answers["brpop"]
	if answer != nil && strings.HasPrefix(answer.Error(), "ERR ") {
		answer = nil
	}
	return refused, answer, err
}

// ask runs commands that do nothing, and returns which are refused, and what was
// answered to the others.
func (q *Queue) ask(ctx context.Context, commands map[string]*redis.Cmd) (refused []string, answers map[string]error, err error) {
	answers = map[string]error{}
	for name, command := range commands {
		switch err := q.client.Process(ctx, once{command}); {
		case err == nil || errors.Is(err, redis.Nil):
		case !IsAnswer(err):
			return nil, nil, err
		case TroubleOf(err) == Denied:
			refused = append(refused, name)
		default:
			answers[name] = err
		}
	}
	return refused, answers, nil
}

// IsAnswer reports whether Redis answered a command with the error, rather than
// that the connection failed, or Redis did not authenticate it.
func IsAnswer(err error) bool {
	var answer redis.Error
	return errors.As(err, &answer) && TroubleOf(err) != Unauthenticated
}

// isRefusal reports whether that is what a script is told of a command that the
// user may not run.
func isRefusal(answer string) bool {
	return strings.Contains(answer, "NOPERM") || strings.Contains(answer, "ACL failure in script") ||
		strings.Contains(answer, "The user executing the script can't")
}

// Types returns the types of the keys, as TYPE names them, in the order in which
// scripts take them, and empty where the user may not ask.
func (q *Queue) Types(ctx context.Context) (actual []string, err error) {
	commands := make([]*redis.StatusCmd, len(q.keys))
	_, err = q.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		commands[0] = p.Type(ctx, q.Name)
		for i, kind := range Kinds() {
			commands[i+1] = p.Type(ctx, q.Key(kind))
		}
		return nil
	})
	if err != nil && !IsAnswer(err) {
		return nil, err
	}
	for _, command := range commands {
		actual = append(actual, command.Val())
	}
	return actual, nil
}

// TypeOf returns the type of the queue, for an empty kind, or of a companion.
func TypeOf(kind Kind) string {
	switch kind {
	case "", Staging:
		return "list"
	case Bodies, Attempts, Reasons:
		return "hash"
	case Claims, Retries, Suspects, Dead, Seen:
		return "zset"
	}
	return ""
}
