package mutant

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/pyjson"
	"github.com/remote-events/remote-events/go/wire"
)

// block is how long a pop waits, in seconds as Redis takes them. A pop is not
// cut short: what Redis hands over then would be lost.
const block = "0.1"

func fromTheRight(ctx context.Context, client *redis.Client, queue string) (string, error) {
	return take(ctx, client, "BRPOP", queue)
}

func fromTheLeft(ctx context.Context, client *redis.Client, queue string) (string, error) {
	return take(ctx, client, "BLPOP", queue)
}

func take(ctx context.Context, client *redis.Client, command, queue string) (string, error) {
	popped, err := client.Do(context.WithoutCancel(ctx), command, queue, block).StringSlice()
	if err != nil {
		return "", err
	}
	return popped[1], nil
}

// pause waits before the next attempt.
func pause(ctx context.Context) {
	select {
	case <-time.After(20 * time.Millisecond):
	case <-ctx.Done():
	}
}

// layOut writes a message without a look at it.
func layOut(env wire.Envelope) []byte {
	out := append([]byte(`{"data": `), env.Payload...)
	out = append(out, `, "signals": [`...)
	for i, signal := range env.Metadata.Signals {
		if i > 0 {
			out = append(out, ", "...)
		}
		out = pyjson.AppendQuote(out, signal)
	}
	out = append(out, ']')
	for i, name := range slices.Sorted(maps.Keys(env.Metadata.Attributes)) {
		if i == 0 {
			out = append(out, `, "metadata": {`...)
		} else {
			out = append(out, ", "...)
		}
		out = pyjson.AppendQuote(out, name)
		out = append(out, ": "...)
		out = pyjson.AppendQuote(out, env.Metadata.Attributes[name])
	}
	if len(env.Metadata.Attributes) > 0 {
		out = append(out, '}')
	}
	return append(out, '}')
}

func contains[T comparable](all []T, one T) bool { return slices.Contains(all, one) }

// unique are the names, each where it first stands.
func unique(names []string) []string {
	var once []string
	for _, name := range names {
		if !slices.Contains(once, name) {
			once = append(once, name)
		}
	}
	return once
}
