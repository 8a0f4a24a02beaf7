package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/spf13/cobra"

	"github.com/remote-events/remote-events/go/cmd/remote-event/internal/top"
	"github.com/remote-events/remote-events/go/queueadmin"
)

func (a *app) topCommand() *cobra.Command {
	command := &cobra.Command{
		Use:     "top [QUEUE…]",
		GroupID: groupQueues,
		Short:   "Watch queues and their consumers live",
		Long: `Watch each QUEUE on the terminal. Without a QUEUE, watch the queues in the
remote_event section of --config and every list in Redis. The view takes no
message, and continues when Redis is away.

up, down, pgup, pgdown   select a queue or a message
enter                    details
p                        the next messages, without taking them
d                        the dead letters; r requeues one, and asks first
s, /                     sort, filter by name
space                    pause this view; receivers continue
?, q                     help, back or quit

Columns that do not fit are omitted. A "?" stands for an unknown value.
Under LC_ALL=C, the view has ASCII characters only.`,
		Example:           "  remote-event top\n  remote-event top new_file_event --interval 5s",
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	interval := command.Flags().Duration("interval", 2*time.Second, "`DURATION` between observations")
	command.RunE = func(cmd *cobra.Command, names []string) error {
		if *interval < 100*time.Millisecond {
			return usageError("--interval must be at least 100ms")
		}
		return a.top(cmd.Context(), names, *interval)
	}
	return command
}

func (a *app) top(ctx context.Context, names []string, interval time.Duration) error {
	output, isFile := fileOf(a.stdout)
	if !isFile || !isTerminal(a.stdout) || !isTerminal(a.stdin) || a.getenv("TERM") == "dumb" {
		return withHint(usageError("top: standard input and output must be a terminal"), "remote-event queue ls prints the same once")
	}
	queues, err := a.connectQueues(ctx, a.connect)
	if err != nil {
		return err
	}
	defer queues.close()
	observer, err := queueadmin.NewObserver(queues.client)
	if err != nil {
		return err
	}
	backend := &topBackend{client: queues.client, observer: observer, search: len(names) == 0, queues: map[string]bool{}}
	if backend.search {
		names = queues.configured
	}
	for _, name := range names {
		if _, err := queueadmin.Open(queues.client, name); err != nil {
			return usageError(err.Error())
		}
		backend.queues[name] = true
	}
	return top.Run(ctx, top.Config{
		Backend: backend, Redis: queues.target.place(), Interval: interval, Timeout: 5 * time.Second, Input: a.stdin, Output: output,
		Colour: bool(a.coloursOf(a.stdout)), ASCII: !a.isUnicode(),
	})
}

// isUnicode reports whether the locale has all characters.
func (a *app) isUnicode() bool {
	locale := strings.ToLower(cmp.Or(a.getenv("LC_ALL"), a.getenv("LC_CTYPE"), a.getenv("LANG")))
	return strings.Contains(locale, "utf-8") || strings.Contains(locale, "utf8")
}

// topBackend is the Redis of top. Its methods are called one at a time.
type topBackend struct {
	client   redis.UniversalClient
	observer *queueadmin.Observer

	search     bool
	nextSearch time.Time
	queues     map[string]bool
	last       queueadmin.Snapshot
}

// Observe implements top.Backend. It searches for queues rarely, because it reads the names
// of all keys.
func (b *topBackend) Observe(ctx context.Context) (queueadmin.Snapshot, error) {
	if begin := time.Now(); b.search && begin.After(b.nextSearch) {
		found, err := queueadmin.FindQueues(ctx, b.client)
		if err != nil {
			return queueadmin.Snapshot{}, err
		}
		for _, name := range found {
			b.queues[name] = true
		}
		b.nextSearch = time.Now().Add(20 * time.Since(begin))
	}
	names := make([]string, 0, len(b.queues))
	for name := range b.queues {
		names = append(names, name)
	}
	slices.Sort(names)
	snapshot, err := b.observer.Observe(ctx, names...)
	if err == nil {
		b.last = snapshot
	}
	return snapshot, err
}

// Peek implements top.Backend. It reads no long messages, which would delay Redis.
func (b *topBackend) Peek(ctx context.Context, queue string, limit int) (messages []queueadmin.Message, err error) {
	for _, q := range b.last.Queues {
		if q.Queue == queue && q.Stats.Queued+q.Stats.Staged > 0 && q.Bytes != nil && *q.Bytes/(q.Stats.Queued+q.Stats.Staged) > 1<<20 {
			return nil, fmt.Errorf("the messages have more than 1 MiB: remote-event queue peek %s reads them", named(queue))
		}
	}
	q, err := queueadmin.Open(b.client, queue)
	if err != nil {
		return nil, err
	}
	for m, err := range q.Peek(ctx, limit) {
		if err != nil {
			return messages, err
		}
		messages = append(messages, m)
	}
	return messages, nil
}

// DeadLetters implements top.Backend.
func (b *topBackend) DeadLetters(ctx context.Context, queue string, limit int) (letters []queueadmin.DeadLetterSummary, err error) {
	q, err := queueadmin.Open(b.client, queue)
	if err != nil {
		return nil, err
	}
	var ids []string
	for death, err := range q.LatestDeaths(ctx, time.Time{}) {
		if err != nil {
			return nil, err
		}
		if ids = append(ids, death.ID); len(ids) == limit {
			break
		}
	}
	for letter, err := range q.SummariesByID(ctx, ids...) {
		if err != nil {
			return nil, err
		}
		letters = append(letters, letter)
	}
	return letters, nil
}

// Requeue implements top.Backend.
func (b *topBackend) Requeue(ctx context.Context, queue, id string) (bool, error) {
	q, err := queueadmin.Open(b.client, queue)
	if err != nil {
		return false, err
	}
	missing, err := q.Requeue(ctx, id)
	return len(missing) == 0, err
}
