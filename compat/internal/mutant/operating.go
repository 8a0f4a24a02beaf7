package mutant

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/wire"
)

// operating has the mutants whose mistakes show in outages, when they stop, in logs and in
// other keys.
var operating = []Mutation{
	{Name: "repeats-lost-pushes", About: "has a client that repeats commands whose replies were lost", Requirement: "SEND-5", Cases: []string{"redis/sender-*"},
		client: func(options *redis.Options) { options.MaxRetries = 3 }},
	{Name: "pushes-again", About: "pushes again after an error of the connection, and reports the first", Requirement: "SEND-5", Cases: []string{"redis/sender-*"},
		push: func(ctx context.Context, client *redis.Client, key string, message []byte) error {
			err := client.LPush(ctx, key, message).Err()
			if err != nil && !redisSays(err) {
				_ = client.LPush(ctx, key, message).Err()
			}
			return err
		}},
	{Name: "trusts-lost-replies", About: "reports an event as sent after an error of the connection", Requirement: "SEND-6", Cases: []string{"redis/sender-*"},
		push: func(ctx context.Context, client *redis.Client, key string, message []byte) error {
			err := client.LPush(ctx, key, message).Err()
			if _, dialing := errors.AsType[*net.OpError](err); redisSays(err) || dialing {
				return err
			}
			return nil
		}},
	{Name: "one-outcome", About: "reports every failure with one text", Requirement: "SEND-6", Cases: []string{"redis/sender-*"},
		answer: func(err error, _ wire.Envelope) error {
			if err != nil {
				return errors.New("the event was not sent")
			}
			return nil
		}},
	{Name: "expires-lists", About: "expires the list after a day when it has pushed", Requirement: "SEND-9", Cases: []string{"redis/sender-*"},
		push: alsoSending(func(ctx context.Context, client *redis.Client, key string, _ []byte) {
			client.Expire(ctx, key, 24*time.Hour)
		})},
	{Name: "trims-lists", About: "keeps the newest 10,000 messages of a list", Requirement: "SEND-9", Cases: []string{"redis/sender-*"},
		push: alsoSending(func(ctx context.Context, client *redis.Client, key string, _ []byte) { client.LTrim(ctx, key, 0, 9999) })},
	{Name: "sends-elsewhere", About: "pushes each event to another list, too", Requirement: "SEND-3", Cases: []string{"redis/sender-*", "send/parents"},
		push: alsoSending(func(ctx context.Context, client *redis.Client, key string, message []byte) {
			client.LPush(ctx, "log:"+key, message)
		})},
	{Name: "constant-ids", About: "writes the same id into all events", Requirement: "META-5", Cases: []string{"redis/sender-*"}, before: attribute("id", func() string { return "01938b2e-4c5d-7000-8000-000000000001" })},
	{Name: "ids-of-a-process", About: "counts its ids from 1 in each process", Requirement: "META-5", Cases: []string{"redis/sender-*"}, before: attribute("id", countUp())},
	{Name: "local-times", About: "writes local time with a Z", Requirement: "META-5", Cases: []string{"redis/sender-*"}, before: attribute("time", func() string { return time.Now().Format("2006-01-02T15:04:05Z") })},
	{Name: "times-of-epoch", About: "writes the beginning of Unix time into all events", Requirement: "META-5", Cases: []string{"redis/sender-*"}, before: attribute("time", func() string { return "1970-01-01T00:00:00Z" })},
	{Name: "quotes-rejected-payloads", About: "quotes the payload in a rejection", Requirement: "SEC-1", Cases: []string{"redis/sender-*"},
		answer: func(err error, env wire.Envelope) error {
			if err != nil {
				err = fmt.Errorf("%w: %s", err, env.Payload[:min(len(env.Payload), 200)])
			}
			return err
		}},
	{Name: "logs-sent-payloads", About: "logs what it sends", Requirement: "SEC-1", Cases: []string{"redis/sender-*"},
		push: alsoSending(func(_ context.Context, _ *redis.Client, key string, message []byte) {
			logf("send %s: %s", key, message)
		})},
	{Name: "quotes-the-url", About: "quotes the URL of Redis in an error", Requirement: "SEC-1", Cases: []string{"redis/sender-*"},
		answer: func(err error, _ wire.Envelope) error {
			if err != nil {
				err = fmt.Errorf("%s: %w", os.Getenv("REDIS_URL"), err)
			}
			return err
		}},

	{Name: "gives-up-connecting", About: "ends after the third error of the connection in a row", Requirement: "RECV-6", Cases: []string{"redis/long-outage", "redis/restart"}, failed: third(func(err error) bool { return !redisSays(err) })},
	{Name: "gives-up-on-errors", About: "ends after the third error that Redis replies", Requirement: "RECV-6", Cases: []string{"redis/error-replies", "redis/wrongtype*"}, failed: third(redisSays)},
	{Name: "busy-loop", About: "does not pause after errors", Requirement: "RECV-6", Cases: []string{"redis/long-outage", "redis/error-replies"}, hasty: true},
	{Name: "exits-at-the-stop", About: "ends while it handles a message when it is asked to stop", Requirement: "RECV-12", Cases: []string{"redis/stop-*"}, quits: true},
	{Name: "cuts-off-pops", About: "does not wait for the reply to its pop for more than a second when it stops", Requirement: "RECV-12", Cases: []string{"redis/stop-*"}, pop: cutOff},
	{Name: "puts-back-left", About: "returns prefetched messages to the left end of the list", Requirement: "RECV-12", Cases: []string{"redis/stop-*"}, pop: fetchSomeAhead, stopping: putBack(false,
		func(ctx context.Context, client *redis.Client, queue string, message any) {
			client.LPush(ctx, queue, message)
		})},
	{Name: "puts-back-reversed", About: "returns prefetched messages in reverse order", Requirement: "RECV-12", Cases: []string{"redis/stop-*"}, pop: fetchSomeAhead, stopping: putBack(false,
		func(ctx context.Context, client *redis.Client, queue string, message any) {
			client.RPush(ctx, queue, message)
		})},
	{Name: "puts-back-less", About: "returns all prefetched messages except one", Requirement: "RECV-12", Cases: []string{"redis/stop-*"}, pop: fetchSomeAhead, stopping: putBack(true,
		func(ctx context.Context, client *redis.Client, queue string, message any) {
			client.RPush(ctx, queue, message)
		})},
	{Name: "starves-queues", About: "has one blocking pop for all queues", Requirement: "RECV-8", Cases: []string{"redis/a-quiet-queue", "redis/a-busy-queue-and-a-quiet-one"},
		queues: func(queues []string) []string { return []string{strings.Join(unique(queues), "\xff")} }, pop: popAny(func(queues []string) []string { return queues })},
	{Name: "starves-first-queues", About: "has one blocking pop for all queues, the last one first", Requirement: "RECV-8", Cases: []string{"redis/a-quiet-queue"},
		queues: func(queues []string) []string { return []string{strings.Join(unique(queues), "\xff")} }, pop: popAny(func(queues []string) []string {
			queues = slices.Clone(queues)
			slices.Reverse(queues)
			return queues
		})},
	{Name: "drops-the-same", About: "drops a message that is identical to the last one", Requirement: "RECV-2", Cases: []string{"redis/equal-*"}, reject: seen(false, func(raw []byte) string { return string(raw) })},
	{Name: "drops-known-ids", About: "drops an event with an id that it has seen before", Requirement: "RECV-2", Cases: []string{"redis/equal-*"}, reject: seen(true, func(raw []byte) string {
		var message struct {
			Metadata struct {
				ID string `json:"id"`
			} `json:"metadata"`
		}
		_ = json.Unmarshal(raw, &message)
		return message.Metadata.ID
	})},
	{Name: "logs-payloads", About: "logs what it receives", Requirement: "RECV-10", Cases: []string{"redis/fifo", "redis/poison-*"}, after: alsoReceiving(func(_ context.Context, _ *redis.Client, queue, raw string) { logf("received from %s: %s", queue, raw) })},
	{Name: "logs-malformed", About: "logs malformed messages", Requirement: "SEC-1", Cases: []string{"redis/poison-*"}, ends: func(raw []byte, malformed bool) fate {
		if malformed {
			logf("malformed: %.40s…", raw)
		}
		return lives
	}},
	{Name: "logs-the-url", About: "logs the URL of Redis with an error", Requirement: "SEC-1", Cases: []string{"redis/receiver-*"}, failed: func(err error) bool {
		logf("%s: %v", os.Getenv("REDIS_URL"), err)
		return false
	}},
	{Name: "sends-on-elsewhere", About: "sends each received message to another list", Requirement: "DISP-4", Cases: []string{"redis/receiver-*"}, after: alsoReceiving(func(ctx context.Context, client *redis.Client, queue, raw string) {
		client.LPush(ctx, "done:"+queue, raw)
	})},
	{Name: "sends-on-to-parents", About: "sends each received message to the lists of the parents", Requirement: "DISP-4", Cases: []string{"redis/receiver-*"}, after: alsoReceiving(func(ctx context.Context, client *redis.Client, _, raw string) {
		client.LPush(ctx, wire.SignalRemoteEvent, raw)
	})},
	{Name: "expires-queues", About: "expires its queues", Requirement: "RECV-13", Cases: []string{"redis/receiver-*"}, after: alsoReceiving(func(ctx context.Context, client *redis.Client, queue, _ string) {
		client.Expire(ctx, queue, time.Hour)
	})},
	{Name: "trims-queues", About: "keeps the newest 10,000 messages of its queues", Requirement: "RECV-13", Cases: []string{"redis/receiver-*"}, after: alsoReceiving(func(ctx context.Context, client *redis.Client, queue, _ string) {
		client.LTrim(ctx, queue, 0, 9999)
	})},
	{Name: "deletes-empty-queues", About: "deletes a queue after an empty reply", Requirement: "RECV-13", Cases: []string{"redis/receiver-*"}, after: alsoReceiving(func(ctx context.Context, client *redis.Client, queue, _ string) {
		if client.LLen(ctx, queue).Val() == 0 {
			client.Del(ctx, queue)
		}
	})},
}

func logf(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

// alsoSending is a push that is followed by another action.
func alsoSending(also func(ctx context.Context, client *redis.Client, key string, message []byte)) func(context.Context, *redis.Client, string, []byte) error {
	return func(ctx context.Context, client *redis.Client, key string, message []byte) error {
		err := client.LPush(ctx, key, message).Err()
		if err == nil {
			also(ctx, client, key, message)
		}
		return err
	}
}

// alsoReceiving is an action after each message, even while the mutant stops.
func alsoReceiving(also func(ctx context.Context, client *redis.Client, queue, raw string)) func(context.Context, *redis.Client, string, string) {
	return func(ctx context.Context, client *redis.Client, queue, raw string) {
		also(context.WithoutCancel(ctx), client, queue, raw)
	}
}

// attribute writes an attribute into events that do not have it.
func attribute(name string, value func() string) func(*wire.Envelope) {
	return func(env *wire.Envelope) {
		if _, ok := env.Metadata.Attributes[name]; !ok {
			set(env, name, value())
		}
	}
}

func countUp() func() string {
	var n atomic.Int64
	return func() string { return strconv.FormatInt(n.Add(1), 10) }
}

// third ends the queue at the third error of a kind in a row.
func third(kind func(error) bool) func(error) bool {
	var n atomic.Int64
	return func(err error) bool { return kind(err) && n.Add(1) >= 3 }
}

// fetchSomeAhead takes a hundred messages at once and returns them one after the other.
func fetchSomeAhead(ctx context.Context, client *redis.Client, queue string) (string, error) {
	ahead.Lock()
	defer ahead.Unlock()
	if len(ahead.messages[queue]) == 0 {
		messages, err := client.RPopCount(context.WithoutCancel(ctx), queue, 100).Result()
		if err != nil {
			pause(ctx)
			return "", err
		}
		ahead.messages[queue] = messages
	}
	first := ahead.messages[queue][0]
	ahead.messages[queue] = ahead.messages[queue][1:]
	return first, nil
}

// cutOff waits for the reply to a pop, but only for a second after the context has ended.
func cutOff(ctx context.Context, client *redis.Client, queue string) (string, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type reply struct {
		raw string
		err error
	}
	replies := make(chan reply, 1)
	go func() {
		raw, err := fromTheRight(ctx, client, queue)
		replies <- reply{raw, err}
	}()
	select {
	case r := <-replies:
		return r.raw, r.err
	case <-ctx.Done():
	}
	select {
	case r := <-replies:
		return r.raw, r.err
	case <-time.After(time.Second):
		return "", ctx.Err()
	}
}

// putBack returns the prefetched messages to the queue: the oldest first, or the newest
// first, and one fewer.
func putBack(newestFirst bool, push func(ctx context.Context, client *redis.Client, queue string, message any)) func(context.Context, *redis.Client, string) {
	return func(ctx context.Context, client *redis.Client, queue string) {
		ahead.Lock()
		defer ahead.Unlock()
		messages := ahead.messages[queue]
		if newestFirst {
			messages = slices.Clone(messages[min(1, len(messages)):])
			slices.Reverse(messages)
		}
		for _, message := range messages {
			push(ctx, client, queue, message)
		}
	}
}

// popAny takes a message from the first of all queues that has one.
func popAny(order func([]string) []string) func(context.Context, *redis.Client, string) (string, error) {
	return func(ctx context.Context, client *redis.Client, queues string) (string, error) {
		command := []any{"BRPOP"}
		for _, queue := range order(strings.Split(queues, "\xff")) {
			command = append(command, queue)
		}
		popped, err := client.Do(context.WithoutCancel(ctx), append(command, block)...).StringSlice()
		if err != nil {
			return "", err
		}
		return popped[1], nil
	}
}

// seen rejects messages with the same key as the last one, or as any before.
func seen(ever bool, keyOf func(raw []byte) string) func([]byte, wire.Envelope) bool {
	var mu sync.Mutex
	known := map[string]bool{}
	return func(raw []byte, _ wire.Envelope) bool {
		mu.Lock()
		defer mu.Unlock()
		key := keyOf(raw)
		same := key != "" && known[key]
		if !ever {
			clear(known)
		}
		known[key] = true
		return same
	}
}
