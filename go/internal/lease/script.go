package lease

import (
	"context"
	"crypto/sha1" //nolint:gosec // Redis identifies scripts by it
	"encoding/hex"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/spec"
)

// script is a script of spec/lua with its SHA-1.
type script struct{ source, digest string }

// scripts are the scripts of spec/lua by name.
var scripts = load("exchange", "extend", "release", "drain", "import", "requeue", "drop", "audit", "repair")

func load(names ...string) map[string]script {
	loaded := map[string]script{}
	for _, name := range names {
		source, err := spec.Files.ReadFile("lua/" + name + ".lua")
		if err != nil {
			panic(err) // the file is embedded
		}
		loaded[name] = newScript(string(source))
	}
	return loaded
}

func newScript(source string) script {
	digest := sha1.Sum([]byte(source)) //nolint:gosec // see above
	return script{source, hex.EncodeToString(digest[:])}
}

// run runs a script. It sends the source if Redis does not have the script yet.
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

// once disables go-redis' automatic retries for a command. A repeated claim would take
// more messages, and a repeated acknowledgement would report them lost.
type once struct{ *redis.Cmd }

// NoRetry prevents a second attempt.
func (once) NoRetry() bool { return true }
