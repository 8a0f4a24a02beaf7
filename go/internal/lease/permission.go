package lease

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"
)

// probe runs the commands in its arguments, separated by line ends, and replaces @n
// by the n-th key. Its flag prevents writes. Redis checks the user's permission
// before the flag. Servers before 7.0 reject the script.
const probe = `#!lua flags=no-writes
local replies = {}
for i, command in ipairs(ARGV) do
  local words = {}
  for word in string.gmatch(command, '%S+') do
    local key = string.match(word, '^@(%d+)$')
    words[#words + 1] = key and KEYS[tonumber(key)] or word
  end
  local reply = redis.pcall(unpack(words))
  replies[i] = type(reply) == 'table' and reply.err or ''
end
return replies`

// probes are the commands within scripts, with keys in the order of scripts.
var probes = []string{
	"hdel @3 x", "hexists @3 x", "hget @3 x", "hlen @8", "hmget @8 x", "hset @3 x x", "hstrlen @3 x", "lindex @2 0",
	"llen @2", "lpop @2", "lrange @2 0 0", "ltrim @2 0 -1", "pexpire @10 1", "pttl @10", "rpush @2 x", "rpush @1 x", "time",
	"type @1", "zadd @4 1 x", "zcard @10", "zrange @4 0 0", "zrangebyscore @4 0 0", "zrem @4 x", "zremrangebyrank @10 0 0",
	"zscore @4 x",
}

// Denied returns the commands of a receiver that Redis denies the user, for this
// queue's keys. Servers before 7.0 do not report commands within scripts. It returns
// an error only if the connection fails.
func (q *Queue) Denied(ctx context.Context) ([]string, error) {
	denied, _, err := q.ask(ctx, map[string]*redis.Cmd{
		"eval":    q.command(ctx, "eval", "return 1", nil),
		"evalsha": q.command(ctx, "evalsha", strings.Repeat("f", 40), nil),
		// The negative timeout makes the command fail after the permission check.
		"blmove": redis.NewCmd(ctx, "blmove", q.Name, q.Key(Staging), "right", "left", "-1"),
	})
	if err != nil {
		return nil, err
	}
	asked := q.command(ctx, "eval", probe, texts(probes))
	_ = q.client.Process(ctx, once{asked})
	replies, err := asked.StringSlice()
	if err != nil && !IsReply(err) {
		return nil, err
	}
	for i, reply := range replies[:min(len(replies), len(probes))] {
		if isDenial(reply) {
			name, _, _ := strings.Cut(probes[i], " ")
			denied = append(denied, name)
		}
	}
	slices.Sort(denied)
	return slices.Compact(denied), nil
}

// DeniedPops is [Queue.Denied] for a receiver that pops, many messages at a time or
// one. reply is the error, other than a denial, with which Redis replies every pop.
func (q *Queue) DeniedPops(ctx context.Context, many bool) (denied []string, reply, err error) {
	// The negative numbers make the commands fail after the permission check.
	pops := map[string]*redis.Cmd{"brpop": redis.NewCmd(ctx, "brpop", q.Name, "-1")}
	if many {
		pops["rpop"] = redis.NewCmd(ctx, "rpop", q.Name, "-1")
	}
	denied, replies, err := q.ask(ctx, pops)
	slices.Sort(denied)
	reply = replies["brpop"]
	if reply != nil && strings.HasPrefix(reply.Error(), "ERR ") {
		reply = nil
	}
	return denied, reply, err
}

// ask runs commands that change nothing. It returns the denied commands, and the
// replies to the others.
func (q *Queue) ask(ctx context.Context, commands map[string]*redis.Cmd) (denied []string, replies map[string]error, err error) {
	replies = map[string]error{}
	for name, command := range commands {
		switch err := q.client.Process(ctx, once{command}); {
		case err == nil || errors.Is(err, redis.Nil):
		case !IsReply(err):
			return nil, nil, err
		case ClassOf(err) == Denied:
			denied = append(denied, name)
		default:
			replies[name] = err
		}
	}
	return denied, replies, nil
}

// IsReply reports whether err is a reply of Redis to the command, as opposed to a
// connection error or a failed authentication.
func IsReply(err error) bool {
	var reply redis.Error
	return errors.As(err, &reply) && ClassOf(err) != Unauthenticated
}

// isDenial reports whether a script received this error for a command that the user
// may not run.
func isDenial(reply string) bool {
	return strings.Contains(reply, "NOPERM") || strings.Contains(reply, "ACL failure in script") ||
		strings.Contains(reply, "The user executing the script can't")
}

// Types returns the types of the keys as TYPE names them, in the order in which
// scripts take the keys. It returns nil if the user may not run TYPE.
func (q *Queue) Types(ctx context.Context) (actual []string, err error) {
	commands := make([]*redis.StatusCmd, len(q.keys))
	_, err = q.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		commands[0] = p.Type(ctx, q.Name)
		for i, kind := range Kinds() {
			commands[i+1] = p.Type(ctx, q.Key(kind))
		}
		return nil
	})
	if err != nil && !IsReply(err) {
		return nil, err
	}
	for _, command := range commands {
		actual = append(actual, command.Val())
	}
	return actual, nil
}

// TypeOf returns the required type of a companion key, or of the queue for an empty kind.
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
