package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/remote-events/remote-events/go/queueadmin"
)

func (a *app) queueCommand() *cobra.Command {
	return family(&cobra.Command{
		Use:     "queue",
		GroupID: groupQueues,
		Short:   "Count messages, and return queues to originals",
		Example: `  remote-event queue ls
  remote-event queue drain new_file_event`,
	}, a.queueListCommand(), a.queueDrainCommand())
}

func (a *app) queueListCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "ls [QUEUE…]",
		Short: "Count the messages of the queues",
		Long: `Count the messages of each QUEUE, or where none is named, of those in the
remote_event section of --config and of every list that Redis has.

queued    messages in the list, which originals see, too
staged    moved off the list for a receiver that waited
leased    being handled, until their lease runs out
retrying  failed, and waiting for another attempt
dead      waiting for an operator: remote-event dead

Ends with 4 where there is no queue, or where a QUEUE does not exist. A list without
messages does not exist in Redis.`,
		Example: `  remote-event queue ls
  remote-event queue ls new_file_event -o ndjson`,
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	output := outputFlag(command, formatText, formatNDJSON)
	command.RunE = func(cmd *cobra.Command, names []string) error {
		return a.listQueues(cmd.Context(), names, output.value)
	}
	return command
}

// queueDepths is what queue ls says of a queue.
type queueDepths struct {
	Queue    string `json:"queue"`
	Queued   int64  `json:"queued"`
	Staged   int64  `json:"staged"`
	Leased   int64  `json:"leased"`
	Retrying int64  `json:"retrying"`
	Dead     int64  `json:"dead"`
}

func (a *app) listQueues(ctx context.Context, names []string, format string) error {
	queues, err := a.openQueues(ctx, names)
	if err != nil {
		return err
	}
	defer queues.close()
	if len(queues.all) == 0 {
		return &exitError{exitNothing, errors.New("there is no queue at " + queues.address)}
	}
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(table, "queued\tstaged\tleased\tretrying\tdead\t  queue\n")
	rows := 0
	for _, q := range queues.all {
		d, err := q.Stats(ctx)
		exists := true
		if err == nil && d == (queueadmin.Stats{}) && slices.Contains(names, q.Name()) {
			exists, err = a.expect(ctx, queues, q)
		}
		if err != nil {
			if err := a.spare(ctx, queues, q, err); err != nil {
				return err
			}
			continue
		}
		if !exists {
			continue
		}
		rows++
		if format == formatNDJSON {
			if err := a.printJSON(queueDepths{q.Name(), d.Queued, d.Staged, d.Leased, d.Retrying, d.Dead}); err != nil {
				return err
			}
		}
		fmt.Fprintf(table, "%d\t%d\t%d\t%d\t%d\t  %s\n", d.Queued, d.Staged, d.Leased, d.Retrying, d.Dead, named(q.Name()))
	}
	if format == formatText && rows > 0 {
		_ = table.Flush() // into memory
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
		Long: `Return the staged and the retrying messages of each QUEUE to its list, for a queue
that only originals receive from: they see nothing but the list. Stop its reliable
receivers first, or they take the messages again. Messages that are leased to a
receiver that died can be returned when the lease has run out. Dead letters stay.

Ends with 4 where a QUEUE does not exist.`,
		Example:           "  remote-event queue drain new_file_event",
		Args:              atLeastOne,
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	output := outputFlag(command, formatText, formatNDJSON)
	command.RunE = func(cmd *cobra.Command, names []string) error {
		return a.drainQueues(cmd.Context(), names, output.value)
	}
	return command
}

// drained is what queue drain says of a queue.
type drained struct {
	Queue     string `json:"queue"`
	GivenBack int    `json:"given_back"`
	Leased    int64  `json:"leased"`
	Dead      int64  `json:"dead"`
}

func (a *app) drainQueues(ctx context.Context, names []string, format string) error {
	queues, err := a.openQueues(ctx, names)
	if err != nil {
		return err
	}
	defer queues.close()
	for _, q := range queues.all {
		if err := a.drain(ctx, queues, q, format); err != nil {
			if err := a.spare(ctx, queues, q, err); err != nil {
				return err
			}
		}
	}
	return queues.outcome()
}

func (a *app) drain(ctx context.Context, queues *queues, q *queueadmin.Queue, format string) error {
	if exists, err := a.expect(ctx, queues, q); err != nil || !exists {
		return err
	}
	n, err := q.Drain(ctx)
	var left queueadmin.Stats
	if err == nil {
		left, err = q.Stats(ctx)
	}
	if err != nil {
		return fmt.Errorf("%w; given back: %d", err, n)
	}
	name := named(q.Name())
	if format == formatNDJSON {
		err = a.printJSON(drained{q.Name(), n, left.Leased, left.Dead})
	} else {
		err = a.print(fmt.Sprintf("%s: gave back %d; left: %d leased, %d dead\n", name, n, left.Leased, left.Dead))
	}
	if err == nil && left.Leased > 0 {
		a.warn(name + ": leased messages are being handled; if their receiver is dead, drain again when the lease has run out")
	}
	return err
}
