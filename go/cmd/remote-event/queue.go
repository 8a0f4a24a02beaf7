package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/remote-events/remote-events/go/queueadmin"
)

func (a *app) queueCommand() *cobra.Command {
	return family(&cobra.Command{
		Use:     "queue",
		GroupID: groupQueues,
		Short:   "Count, show, move and delete waiting messages",
		Example: `  remote-event queue ls
  remote-event queue show new_file_event
  remote-event queue peek new_file_event`,
	}, a.queueListCommand(), a.queueShowCommand(), a.queuePeekCommand(), a.queueMoveCommand(), a.queuePurgeCommand(), a.queueDrainCommand(), a.queueKEDACommand())
}

func (a *app) queueListCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "ls [QUEUE…]",
		Short: "Count the messages of the queues",
		Long: `Count the messages of each QUEUE. Without a QUEUE, count those of the queues in
the remote_event section of --config and of every list in Redis.

queued    in the list, where originals see them too
staged    moved off the list for a receiver that waited
leased    being handled, until the lease expires
retrying  failed, and waiting for another attempt
dead      waiting for an operator: see remote-event dead
age       time since the next message was sent, by its sender's clock
memory    bytes in Redis, estimated
recv      running receivers that name the queue; originals name none

A "?" stands for an unknown value. With --interval, the command looks
twice, and shows how fast the number of waiting messages changes. Messages in
and out are known if the newest one of the first look has an id and still waits.

The exit code is 4 if there is no queue, or if a QUEUE does not exist. Redis
has no empty lists.`,
		Example: `  remote-event queue ls
  remote-event queue ls new_file_event -o ndjson`,
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	interval := intervalFlag(command)
	output := a.outputListFlag(command)
	command.RunE = func(cmd *cobra.Command, names []string) error {
		if *interval < 0 {
			return usageError("--interval must not be negative")
		}
		return a.listQueues(cmd.Context(), names, *interval, output)
	}
	return command
}

func (a *app) listQueues(ctx context.Context, names []string, interval time.Duration, output *output) error {
	queues, err := a.openQueues(ctx, names)
	if err != nil {
		return err
	}
	defer queues.close()
	if len(queues.all) == 0 {
		return &exitError{exitNothing, errors.New("there is no queue at " + queues.target.String())}
	}
	watch, err := a.watch(queues, names)
	if err != nil {
		return err
	}
	found, err := watch.look(ctx, interval)
	if err != nil {
		return err
	}
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', tabwriter.AlignRight)
	header := "queued\tstaged\tleased\tretrying\tdead\tage\tmemory\trecv\t  queue\n"
	if interval > 0 {
		header = "queued\tstaged\tleased\tretrying\tdead\tage\tchange/s\tin/s\tout/s\t  queue\n"
	}
	fmt.Fprint(table, header)
	rows := 0
	for _, o := range found {
		if o == nil {
			continue
		}
		rows++
		if output.isText() {
			fmt.Fprint(table, o.row(interval > 0))
			continue
		}
		if err := output.write(o, nil); err != nil {
			return err
		}
	}
	if output.isText() && rows > 0 {
		_ = table.Flush() // it writes to memory
		if err := a.print(text.String()); err != nil {
			return err
		}
	}
	return queues.outcome()
}

func (a *app) queueDrainCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "drain QUEUE…",
		Short: "Return staged and retrying messages to the list",
		Long: `Return the staged and the retrying messages of each QUEUE to its list, for
original receivers, which see only the list. Stop the reliable receivers of the
queue first: they would take the messages again. Leased messages of a crashed
receiver can be returned once their lease has expired. Dead letters stay.

The exit code is 4 if a QUEUE does not exist.`,
		Example:           "  remote-event queue drain new_file_event",
		Args:              atLeastOne,
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	output := a.outputListFlag(command)
	command.RunE = func(cmd *cobra.Command, names []string) error {
		return a.drainQueues(cmd.Context(), names, output)
	}
	return command
}

// drained is the output of queue drain for a queue.
type drained struct {
	Queue    exact `json:"queue"`
	Returned int   `json:"returned"`
	Leased   int64 `json:"leased"`
	Dead     int64 `json:"dead"`
}

func (a *app) drainQueues(ctx context.Context, names []string, output *output) error {
	queues, err := a.openQueues(ctx, names)
	if err != nil {
		return err
	}
	defer queues.close()
	a.announceChange("about to drain "+countOf(len(queues.all), "queue"), queues.target)
	for _, q := range queues.all {
		if err := a.drain(ctx, queues, q, output); err != nil {
			if err := a.spare(ctx, queues, q, err); err != nil {
				return err
			}
		}
	}
	return queues.outcome()
}

func (a *app) drain(ctx context.Context, queues *queues, q *queueadmin.Queue, output *output) error {
	if exists, err := a.expect(ctx, queues, q); err != nil || !exists {
		return err
	}
	n, err := q.Drain(ctx)
	var left queueadmin.Stats
	if err == nil {
		left, err = q.Stats(ctx)
	}
	if err != nil {
		return fmt.Errorf("%w; returned: %d", err, n)
	}
	name := named(q.Name())
	err = output.write(drained{exact(q.Name()), n, left.Leased, left.Dead}, func() string {
		return fmt.Sprintf("%s: returned %d; remaining: %d leased, %d dead\n", name, n, left.Leased, left.Dead)
	})
	if err == nil && left.Leased > 0 {
		a.warn(name + ": leased messages are being handled; if their receiver crashed, drain again after the lease has expired")
	}
	return err
}
