package main

import (
	"context"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/remote-events/remote-events/go/cmd/remote-event/internal/deadletter"
	"github.com/remote-events/remote-events/go/queueadmin"
)

const (
	// completionTimeout is the maximum time to read names from Redis while a person waits
	// for the completion of a word.
	completionTimeout = time.Second
	// maxCompletions is the maximum number of ids that are offered.
	maxCompletions = 100
)

// typeable matches the names that a shell takes as they are. Others are not offered: a
// shell could run a part of them.
var typeable = regexp.MustCompile(`^[\p{L}\p{N}_./@%+=,:][\p{L}\p{N}_./@%+=,:-]*$`)

// adoptCompletion completes the arguments of the commands whose usage has names of queues.
func (a *app) adoptCompletion(command *cobra.Command) {
	for _, member := range command.Commands() {
		a.adoptCompletion(member)
	}
	queues := 0 // the number of arguments that are names of queues
	for _, word := range strings.Fields(command.Use)[1:] {
		switch strings.Trim(word, "[]") {
		case "QUEUE…", "NAME…":
			queues = 1 << 16
		case "QUEUE", "SOURCE", "DESTINATION":
			queues++
		case "NAME":
			if command.ValidArgsFunction == nil {
				queues++
			}
		}
	}
	if queues > 0 {
		command.ValidArgsFunction = func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if len(args) >= queues {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return a.completeQueues(cmd, args), cobra.ShellCompDirectiveNoFileComp
		}
	}
}

// fromRedis reads completions from Redis. It returns none if Redis does not reply in time,
// and prints nothing.
func (a *app) fromRedis(cmd *cobra.Command, names []string, read func(ctx context.Context, q *queues) []cobra.Completion) []cobra.Completion {
	quiet := &app{
		stdin: strings.NewReader(""), stdout: &screen{to: io.Discard}, stderr: &screen{to: io.Discard},
		environ: a.environ, connection: a.connection,
	}
	quiet.connection.timeout = completionTimeout
	ctx, cancel := context.WithTimeout(cmd.Context(), completionTimeout)
	defer cancel()
	queues, err := quiet.openQueues(ctx, names)
	if err != nil {
		return nil
	}
	defer queues.close()
	return read(ctx, queues)
}

// completeQueues returns the names of the queues, except those that are given.
func (a *app) completeQueues(cmd *cobra.Command, given []string) []cobra.Completion {
	return a.fromRedis(cmd, nil, func(_ context.Context, q *queues) []cobra.Completion {
		var names []cobra.Completion
		for _, queue := range q.all {
			if name := queue.Name(); typeable.MatchString(name) && !slices.Contains(given, name) {
				names = append(names, name)
			}
		}
		return names
	})
}

// completeLetters completes the short id of a dead letter of the queues that are given, or
// of all queues.
func (a *app) completeLetters(cmd *cobra.Command, args []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
	found := a.fromRedis(cmd, args, func(ctx context.Context, q *queues) []cobra.Completion {
		var ids []cobra.Completion
		for _, queue := range q.all {
			for id, err := range queue.DeadLetterIDs(ctx) {
				if err != nil || len(ids) == maxCompletions {
					break
				}
				if short := deadletter.ShortID(id); strings.HasPrefix(short, word) {
					ids = append(ids, cobra.CompletionWithDesc(short, named(queue.Name())))
				}
			}
		}
		return ids
	})
	return found, cobra.ShellCompDirectiveNoFileComp
}

// completeClause completes a clause of --match: its field with the operator, then a reason
// or the name of an event.
func (a *app) completeClause(cmd *cobra.Command, _ []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
	const directive = cobra.ShellCompDirectiveNoFileComp
	for _, operator := range []string{"!=", "="} {
		field, _, found := strings.Cut(word, operator)
		if !found {
			continue
		}
		var values []string
		switch field {
		case "reason":
			for _, code := range queueadmin.Codes() {
				values = append(values, string(code))
			}
		case "event":
			values = a.completeQueues(cmd, nil)
		}
		for i, value := range values {
			values[i] = field + operator + value
		}
		return values, directive
	}
	fields := []cobra.Completion{
		"event=", "event!=", "reason=", "reason!=", "error=", "error!=", "died<", "died<=", "died>", "died>=",
	}
	return fields, directive | cobra.ShellCompDirectiveNoSpace
}

// completeContexts completes the name of a context, as the only argument or of a flag.
func (a *app) completeContexts(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	saved, err := a.contexts()
	if err != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []cobra.Completion
	for _, name := range saved.names() {
		c := saved.Contexts[name]
		names = append(names, cobra.CompletionWithDesc(name, visible(c.summary())))
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
