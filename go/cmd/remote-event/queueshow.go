package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"
)

func (a *app) queueShowCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "show QUEUE…",
		Short: "Show the state of a queue: counts, ages, reasons and receivers",
		Long: `Show the messages of each QUEUE by state, with the ages of the oldest, the dead
letters by reason, the memory, and the running receivers. The command changes
nothing, and does not delay Redis, however long a queue or its messages are.

A queued message of an original has no time: the age of the next message is
then unknown. With --interval, the command looks twice, and shows how fast the
number of messages changes, and whether the next message is still the same.
Redis counts no messages that come in or go out: they are shown if the newest
message of the first look is still queued and has an id.

Receivers of this library name their queues to Redis. Others, such as original
receivers, do not: only their number is known, for all queues of the server.
Leases name no receiver.

The exit code is 4 if a QUEUE does not exist.`,
		Example: `  remote-event queue show new_file_event
  remote-event queue show new_file_event --interval 10s`,
		Args:              atLeastOne,
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	interval := intervalFlag(command)
	output := a.outputListFlag(command)
	command.RunE = func(cmd *cobra.Command, names []string) error {
		if *interval < 0 {
			return usageError("--interval must not be negative")
		}
		return a.showQueues(cmd.Context(), names, *interval, output)
	}
	return command
}

func intervalFlag(command *cobra.Command) *time.Duration {
	return command.Flags().Duration("interval", 0, "look again after this `DURATION`, and show the changes (default do not)")
}

func (a *app) showQueues(ctx context.Context, names []string, interval time.Duration, output *output) error {
	queues, err := a.openQueues(ctx, names)
	if err != nil {
		return err
	}
	defer queues.close()
	watch, err := a.watch(queues, names)
	if err != nil {
		return err
	}
	found, err := watch.look(ctx, interval)
	if err != nil {
		return err
	}
	for _, o := range found {
		if o == nil {
			continue
		}
		if err := output.write(o, func() string { return a.coloursOf(a.stdout).overview(o) }); err != nil {
			return err
		}
	}
	return queues.outcome()
}
