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

// block is the timeout of a pop in seconds. A pop is not interrupted: Redis might
// then return a message that nobody reads.
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

// layOut writes a message without checking it.
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

// unique returns the names without duplicates, in the order of their first occurrence.
func unique(names []string) []string {
	var once []string
	for _, name := range names {
		if !slices.Contains(once, name) {
			once = append(once, name)
		}
	}
	return once
}
