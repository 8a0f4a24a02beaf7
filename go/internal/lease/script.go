package lease

import (
	"context"
	"crypto/sha1" //nolint:gosec // the digest by which Redis knows a script
	"encoding/hex"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/spec"
)

// script is one of spec/lua, and the digest by which Redis knows it.
type script struct{ source, digest string }

// scripts are those of spec/lua, by their names.
var scripts = load("claim", "acknowledge", "refuse", "extend", "release", "drain", "bury", "requeue", "drop", "audit", "repair")

func load(names ...string) map[string]script {
	loaded := map[string]script{}
	for _, name := range names {
		source, err := spec.Files.ReadFile("lua/" + name + ".lua")
		if err != nil {
			panic(err) // the file is compiled in
		}
		loaded[name] = newScript(string(source))
	}
	return loaded
}

func newScript(source string) script {
	digest := sha1.Sum([]byte(source)) //nolint:gosec // see above
	return script{source, hex.EncodeToString(digest[:])}
}

// call is one run of a script.
type call struct {
	script string // its name
	args   []any
}

// run runs scripts in one round trip, in their order; each has its own result.
// A script that Redis does not know is sent in full; Redis has done nothing
// then, and knows it from there on.
func (q *Queue) run(ctx context.Context, calls ...call) []*redis.Cmd {
	commands := make([]*redis.Cmd, len(calls))
	for i, c := range calls {
		commands[i] = q.command(ctx, "evalsha", q.scripts[c.script].digest, c.args)
	}
	q.process(ctx, commands)
	for i, c := range calls {
		if redis.HasErrorPrefix(commands[i].Err(), "NOSCRIPT") {
			commands[i] = q.command(ctx, "eval", q.scripts[c.script].source, c.args)
			q.process(ctx, commands[i:i+1])
		}
	}
	return commands
}

func (q *Queue) command(ctx context.Context, verb, script string, args []any) *redis.Cmd {
	all := make([]any, 0, 3+len(q.keys)+len(args))
	all = append(all, verb, script, len(q.keys))
	all = append(all, q.keys...)
	all = append(all, args...)
	command := redis.NewCmd(ctx, all...)
	command.SetFirstKeyPos(3)
	return command
}

func (q *Queue) process(ctx context.Context, commands []*redis.Cmd) {
	if len(commands) == 1 {
		_ = q.client.Process(ctx, once{commands[0]})
		return
	}
	pipeline := q.client.Pipeline()
	for _, c := range commands {
		_ = pipeline.Process(ctx, once{c})
	}
	if _, err := pipeline.Exec(ctx); err != nil {
		for _, c := range commands {
			if c.Err() == nil && c.Val() == nil { // it never got an answer
				c.SetErr(err)
			}
		}
	}
}

// once is a command that go-redis does not repeat by itself: a claim would be
// taken twice, and an acknowledgement would find itself refused.
type once struct{ *redis.Cmd }

// NoRetry tells go-redis to leave it at one attempt.
func (once) NoRetry() bool { return true }
