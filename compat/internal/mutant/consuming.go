package mutant

import (
	"context"
	"sync/atomic"

	"github.com/redis/go-redis/v9"
)

// consuming has the mutants that take messages in another way, or end.
var consuming = []Mutation{
	{Name: "pops-left", About: "takes the newest message first", Requirement: "RECV-1", Cases: []string{"redis/fifo", "redis/backlog", "redis/pushed-to-the-right"}, pop: fromTheLeft},
	{Name: "dies-of-poison", About: "ends the queue at a malformed message, and reports it", Requirement: "RECV-5", Cases: []string{"poison", "redis/poison-*"}, ends: atMalformed(dies)},
	{Name: "swallows-poison", About: "ends the queue at a malformed message without a report", Requirement: "RECV-5", Cases: []string{"poison/array", "redis/poison-*"}, ends: atMalformed(fades)},
	{Name: "exits-at-poison", About: "ends its process at a malformed message", Requirement: "RECV-5", Cases: []string{"poison", "redis/poison-*"}, ends: atMalformed(exits)},
	{Name: "poison-put-back", About: "puts a malformed message back into its list", Requirement: "RECV-5", Cases: []string{"poison/array", "redis/poison-*"},
		after: func(ctx context.Context, client *redis.Client, queue, raw string) {
			if len(members([]byte(raw))) == 0 {
				_ = client.RPush(ctx, queue, raw).Err()
				pause(ctx)
			}
		}},
	{Name: "no-reconnect", About: "ends when the connection is lost", Requirement: "RECV-6", Cases: []string{"redis/client-kill*", "redis/restart"},
		failed: func(err error) bool { return !redisSays(err) }},
	{Name: "dies-of-wrongtype", About: "ends when Redis replies with an error", Requirement: "RECV-6", Cases: []string{"redis/wrongtype*"}, failed: redisSays},
	{Name: "four-queues", About: "serves only as many queues as it has threads", Requirement: "RECV-8", Cases: []string{"redis/forty-queues"},
		queues: func(queues []string) []string { return queues[:min(4, len(queues))] }},
	{Name: "last-queue", About: "consumes only the last of its queues", Requirement: "RECV-8", Cases: []string{"redis/several-queues"},
		queues: func(queues []string) []string { return queues[len(queues)-1:] }},
	{Name: "queue-twice", About: "has two consumers for a queue that is named twice", Requirement: "RECV-7", Cases: []string{"redis/a-queue-twice"},
		queues: func(queues []string) []string { return queues },
		pop:    byTurns()},
	{Name: "stops-late", About: "takes messages after the request to stop, and does not deliver them", Requirement: "RECV-12", Cases: []string{"redis/stop-*", "redis/restart-of-the-receiver"},
		stopping: func(ctx context.Context, client *redis.Client, queue string) {
			_, _ = client.RPopCount(ctx, queue, 10).Result()
		}},
	{Name: "drops-at-the-stop", About: "loses the prefetched messages when it stops", Requirement: "RECV-12", Cases: []string{"redis/stop-*", "redis/restart-of-the-receiver"}, pop: fetchAhead},
	{Name: "deletes-the-backlog", About: "deletes the list when it starts", Requirement: "RECV-2", Cases: []string{"redis/backlog"},
		queues: func(queues []string) []string { return queues }, pop: afterDelete()},
	{Name: "reads-without-taking", About: "reads the oldest message without removing it", Requirement: "RECV-2", Cases: []string{"redis/one-at-a-time", "redis/fifo"},
		pop: func(ctx context.Context, client *redis.Client, queue string) (string, error) {
			pause(ctx)
			return client.LIndex(ctx, queue, -1).Result()
		}},
	{Name: "pops-twice", About: "takes two messages and delivers one", Requirement: "RECV-2", Cases: []string{"redis/fifo"},
		after: func(ctx context.Context, client *redis.Client, queue, _ string) { _ = client.RPop(ctx, queue).Err() }},
}

func atMalformed(f fate) func([]byte, bool) fate {
	return func(_ []byte, malformed bool) fate {
		if malformed {
			return f
		}
		return lives
	}
}

// redisSays reports whether an error is a reply of Redis, and not an error of the connection.
func redisSays(err error) bool {
	_, ok := err.(redis.Error) //nolint:errorlint // go-redis wraps none of them
	return ok
}

// fetchAhead takes seven messages at once and returns them one after the other.
func fetchAhead(ctx context.Context, client *redis.Client, queue string) (string, error) {
	ahead.Lock()
	defer ahead.Unlock()
	if len(ahead.messages[queue]) == 0 {
		messages, err := client.RPopCount(context.WithoutCancel(ctx), queue, 7).Result()
		if err != nil {
			pause(ctx)
			return "", err
		}
		ahead.messages[queue] = messages
	}
	pause(ctx) // the time of handling
	first := ahead.messages[queue][0]
	ahead.messages[queue] = ahead.messages[queue][1:]
	return first, nil
}

// byTurns delays every second message, as if there were two consumers.
func byTurns() func(context.Context, *redis.Client, string) (string, error) {
	var taken atomic.Int64
	return func(ctx context.Context, client *redis.Client, queue string) (string, error) {
		raw, err := fromTheRight(ctx, client, queue)
		if err == nil && taken.Add(1)%2 == 1 {
			pause(ctx)
		}
		return raw, err
	}
}

// afterDelete deletes each list before the first pop.
func afterDelete() func(context.Context, *redis.Client, string) (string, error) {
	begun := map[string]bool{}
	return func(ctx context.Context, client *redis.Client, queue string) (string, error) {
		ahead.Lock()
		first := !begun[queue]
		begun[queue] = true
		ahead.Unlock()
		if first {
			if err := client.Del(ctx, queue).Err(); err != nil {
				return "", err
			}
		}
		return fromTheRight(ctx, client, queue)
	}
}
