package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/remote-events/remote-events/go/queueadmin"
)

func (a *app) queuePurgeCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "purge QUEUE…",
		Short: "Delete the waiting messages permanently",
		Long: `Delete the queued and the staged messages of each QUEUE permanently, as many as
there are when the command starts. Messages that a receiver has taken, retrying
ones included, and dead letters stay. On a terminal, the command asks for
confirmation; otherwise it requires --yes.

The exit code is 4 if a QUEUE does not exist.`,
		Example: `  remote-event queue purge new_file_event --dry-run
  remote-event queue purge new_file_event --yes`,
		Args:              atLeastOne,
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	output := a.outputListFlag(command)
	dryRun := command.Flags().Bool("dry-run", false, "delete nothing, and count what would be deleted (default false)")
	yes := command.Flags().Bool("yes", false, "do not ask for confirmation (default false)")
	command.RunE = func(cmd *cobra.Command, names []string) error {
		if !*yes && !*dryRun && !isTerminal(a.stdin) {
			return withHint(usageError("purge deletes permanently, and cannot ask for confirmation without a terminal"),
				"give --yes to delete, or --dry-run to count the messages")
		}
		return a.purgeQueues(cmd.Context(), names, *yes, *dryRun, output)
	}
	return command
}

// purged is the output of queue purge for a queue.
type purged struct {
	Queue  exact `json:"queue"`
	Purged int64 `json:"purged"`
	DryRun bool  `json:"dry_run,omitempty"`
}

func (a *app) purgeQueues(ctx context.Context, names []string, yes, dryRun bool, output *output) error {
	queues, err := a.openQueues(ctx, names)
	if err != nil {
		return err
	}
	defer queues.close()
	for _, q := range queues.all {
		if err := a.purge(ctx, queues, q, yes, dryRun, output); err != nil {
			if err := a.spare(ctx, queues, q, err); err != nil {
				return err
			}
		}
	}
	return queues.outcome()
}

func (a *app) purge(ctx context.Context, queues *queues, q *queueadmin.Queue, yes, dryRun bool, output *output) error {
	if exists, err := a.expect(ctx, queues, q); err != nil || !exists {
		return err
	}
	s, err := q.Stats(ctx)
	if err != nil {
		return err
	}
	n := s.Queued + s.Staged
	if !dryRun && n > 0 {
		if yes {
			a.announceChange(fmt.Sprintf("about to purge %s of %s", countOf(int(n), "message"), named(q.Name())), queues.target)
		} else {
			question := fmt.Sprintf("Delete %s of %s at %s permanently?", countOf(int(n), "message"), named(q.Name()), queues.target.place())
			if err := a.confirm(ctx, question); err != nil {
				return err
			}
		}
		if n, err = q.Purge(ctx); err != nil {
			return fmt.Errorf("%w; purged before: %d", err, n)
		}
	}
	return output.write(purged{exact(q.Name()), n, dryRun}, func() string {
		if dryRun {
			return fmt.Sprintf("%s: would purge %d\n", named(q.Name()), n)
		}
		return fmt.Sprintf("%s: purged %d\n", named(q.Name()), n)
	})
}

func (a *app) queueMoveCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "move SOURCE DESTINATION",
		Short: "Move queued messages to another queue",
		Long: `Move the queued messages of the queue SOURCE to the queue DESTINATION, the
oldest first, as many as there are when the command starts. They follow the
messages that wait there. Their bytes do not change: receivers dispatch each
message by the event that it names, not by its queue. At any time, each message
is in one of the queues.

In a cluster, both queues must be in one slot: give them names with the same
{tag}.

The exit code is 4 if SOURCE does not exist.`,
		Example: `  remote-event queue move new_file_event new_file_event_parked
  remote-event queue move new_file_event_parked new_file_event --limit 100`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return withHint(fmt.Errorf("%s: name the source and the destination", pathOf(cmd)), cmd.UseLine())
			}
			return nil
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	output := a.outputFlag(command)
	limit := command.Flags().Int("limit", 0, "move at most `N` messages (default all)")
	command.RunE = func(cmd *cobra.Command, names []string) error {
		if *limit < 0 {
			return usageError("--limit must not be negative")
		}
		return a.moveQueue(cmd.Context(), names[0], names[1], *limit, output)
	}
	return command
}

// moved is the output of queue move.
type moved struct {
	Source      exact `json:"source"`
	Destination exact `json:"destination"`
	Moved       int64 `json:"moved"`
}

func (a *app) moveQueue(ctx context.Context, source, destination string, limit int, output *output) error {
	if source == destination {
		return usageError("the source and the destination are the same queue")
	}
	queues, err := a.openQueues(ctx, []string{source, destination})
	if err != nil {
		return err
	}
	defer queues.close()
	from, to := queues.find(source), queues.find(destination)
	exists, err := a.expect(ctx, queues, from)
	var n int64
	if err == nil && exists {
		a.announceChange("about to move messages of "+named(source), queues.target)
		if n, err = from.Move(ctx, to, limit); err != nil {
			err = fmt.Errorf("%w; moved before: %d", err, n)
		}
	}
	if isPermission(err) {
		return a.denied(ctx, queues, err) // for both queues
	}
	if err != nil {
		if err := a.spare(ctx, queues, from, err); err != nil {
			return err
		}
	}
	if err := queues.outcome(); err != nil {
		return err
	}
	return output.write(moved{exact(source), exact(destination), n}, func() string {
		return fmt.Sprintf("moved %d from %s to %s\n", n, named(source), named(destination))
	})
}
