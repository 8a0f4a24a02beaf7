package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/remote-events/remote-events/go/cmd/remote-event/internal/printable"
	"github.com/remote-events/remote-events/go/queueadmin"
	"github.com/remote-events/remote-events/go/wire"
)

// states are the states that queue peek shows, in the order in which receivers take them.
var states = []string{
	string(queueadmin.StateStaged), string(queueadmin.StateQueued), string(queueadmin.StateRetrying), string(queueadmin.StateLeased),
}

// peeking are the flags of queue peek.
type peeking struct {
	limit  int
	states []string
}

func (a *app) queuePeekCommand() *cobra.Command {
	var p peeking
	command := &cobra.Command{
		Use:   "peek QUEUE…",
		Short: "Show messages without taking them",
		Long: `Show the messages of each QUEUE that are next, and change nothing: the command
takes no message from a receiver, and counts no attempt. It shows staged,
queued, retrying and leased messages in this order; of each state, those that
receivers take first, or whose lease expires first. Dead letters are shown by
remote-event dead.

With -o json and ndjson, "message" is the message in base64.

The exit code is 4 if there is no such message, or if a QUEUE does not exist.`,
		Example: `  remote-event queue peek new_file_event
  remote-event queue peek new_file_event --state retrying --limit 100 -o ndjson`,
		Args:              atLeastOne,
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	command.Flags().IntVar(&p.limit, "limit", 10, "show at most `N` messages of each queue")
	command.Flags().StringArrayVar(&p.states, "state", nil, "show messages in this `STATE` only; repeatable (default all)")
	_ = command.RegisterFlagCompletionFunc("state", cobra.FixedCompletions(states, cobra.ShellCompDirectiveNoFileComp))
	output := a.outputListFlag(command)
	command.RunE = func(cmd *cobra.Command, names []string) error {
		if p.limit < 1 {
			return usageError("--limit must be at least 1")
		}
		for _, state := range p.states {
			if !slices.Contains(states, state) {
				return unknownWord("state", state, states)
			}
		}
		return a.peekQueues(cmd.Context(), names, &p, output)
	}
	return command
}

// peeked is the output of queue peek for a message.
type peeked struct {
	Queue     exact      `json:"queue"`
	State     string     `json:"state"`
	Delivery  exact      `json:"delivery,omitempty"`
	Attempts  int        `json:"attempts"`
	FirstSeen *time.Time `json:"first_seen,omitempty"`
	Due       *time.Time `json:"due,omitempty"`
	EventName exact      `json:"event_name,omitempty"`
	EventID   exact      `json:"id,omitempty"`
	Reason    exact      `json:"reason,omitempty"`
	Error     exact      `json:"error,omitempty"`
	Bytes     int        `json:"bytes"`
	Message   []byte     `json:"message"`
}

func (a *app) peekQueues(ctx context.Context, names []string, p *peeking, output *output) error {
	queues, err := a.openQueues(ctx, names)
	if err != nil {
		return err
	}
	defer queues.close()
	shown := 0
	for _, q := range queues.all {
		n, err := a.peekQueue(ctx, q, p, output)
		shown += n
		if err == nil && n == 0 {
			_, err = a.expect(ctx, queues, q)
		}
		if err != nil {
			if err := a.spare(ctx, queues, q, err); err != nil {
				return err
			}
		}
	}
	if shown == 0 && queues.code == exitDone {
		return &exitError{exitNothing, errors.New("there is no such message")}
	}
	return queues.outcome()
}

func (a *app) peekQueue(ctx context.Context, q *queueadmin.Queue, p *peeking, output *output) (shown int, err error) {
	var wanted []queueadmin.State
	for _, state := range p.states {
		wanted = append(wanted, queueadmin.State(state))
	}
	for m, err := range q.Peek(ctx, p.limit, wanted...) {
		if err != nil {
			return shown, err
		}
		shown++
		err = output.write(peekedOf(&m), func() string { return a.coloursOf(a.stdout).peeked(&m, time.Now()) })
		if err != nil {
			return shown, err
		}
	}
	return shown, nil
}

func peekedOf(m *queueadmin.Message) peeked {
	env, _ := wire.Decode(m.Raw, wire.Limits{}) // a malformed message has no event
	return peeked{
		Queue: exact(m.Queue), State: string(m.State), Delivery: exact(m.ID), Attempts: m.Attempts, FirstSeen: timeOf(m.FirstSeen), Due: timeOf(m.Due),
		EventName: exact(env.EventName), EventID: exact(env.Metadata.Attributes[wire.AttributeID]),
		Reason: exact(m.Code), Error: exact(m.Error), Bytes: len(m.Raw), Message: m.Raw,
	}
}

// timeOf returns a time for JSON, or nil for the zero time.
func timeOf(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// peeked formats a message on one line.
func (c colours) peeked(m *queueadmin.Message, now time.Time) string {
	env, err := wire.Decode(m.Raw, wire.Limits{})
	text := fmt.Sprintf("%-8s ", m.State)
	if err != nil {
		text += c.bold(named(m.Queue)) + " " + c.red("malformed") + " " + oneLine(m.Raw)
	} else {
		text += c.bold(named(env.EventName)) + " " + oneLine(env.Payload)
	}
	var more []string
	if err == nil && m.Queue != env.EventName {
		more = append(more, "queue="+named(m.Queue))
	}
	if id := env.Metadata.Attributes[wire.AttributeID]; id != "" {
		more = append(more, "id="+visible(id))
	}
	if at, ok := sentAt(env); ok {
		more = append(more, "sent="+ago(now, at))
	}
	if m.Attempts > 0 {
		more = append(more, fmt.Sprintf("attempts=%d", m.Attempts))
	}
	if m.State == queueadmin.StateRetrying {
		more = append(more, "due="+ago(now, m.Due))
	}
	if m.State == queueadmin.StateLeased {
		more = append(more, "lease="+ago(now, m.Due))
	}
	if m.Code != "" {
		more = append(more, "reason="+visible(string(m.Code)))
	}
	if m.Error != "" {
		more = append(more, visible(m.Error))
	}
	if len(more) > 0 {
		text += " " + c.dim(strings.Join(more, " "))
	}
	return text + "\n"
}

// sentAt returns the time at which an event was sent, if it has one.
func sentAt(env wire.Envelope) (time.Time, bool) {
	at, err := time.Parse(time.RFC3339, env.Metadata.Attributes[wire.AttributeTime])
	return at, err == nil
}

// ago formats a time relative to now: "5m3s ago", "in 12s" or "now".
func ago(now, at time.Time) string {
	switch d := now.Sub(at); {
	case d >= time.Second:
		return printable.Duration(d) + " ago"
	case d <= -time.Second:
		return "in " + printable.Duration(-d)
	default:
		return "now"
	}
}
