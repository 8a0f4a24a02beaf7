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
var scripts = load("exchange", "extend", "release", "drain", "import", "requeue", "drop", "audit", "repair")

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

// run runs a script. One that Redis does not know is sent in full; Redis has done
// nothing then, and knows it from there on.
func (q *Queue) run(ctx context.Context, name string, args []any) *redis.Cmd {
	command := q.command(ctx, "evalsha", q.scripts[name].digest, args)
	_ = q.client.Process(ctx, once{command})
	if redis.HasErrorPrefix(command.Err(), "NOSCRIPT") {
		command = q.command(ctx, "eval", q.scripts[name].source, args)
		_ = q.client.Process(ctx, once{command})
	}
	return command
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

// once is a command that go-redis does not repeat by itself: a claim would be
// taken twice, and an acknowledgement would find itself refused.
type once struct{ *redis.Cmd }

// NoRetry tells go-redis to leave it at one attempt.
func (once) NoRetry() bool { return true }
