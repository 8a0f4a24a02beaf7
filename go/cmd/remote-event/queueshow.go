package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/remote-events/remote-events/go/queueadmin"
	"github.com/remote-events/remote-events/go/wire"
)

func (a *app) queueShowCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "show QUEUE…",
		Short: "Show how a queue is doing: counts, ages and reasons",
		Long: `Show the messages of each QUEUE by state, with the age of the next one, and the
dead letters by reason. The command changes nothing.

A queued message of an original tells no time: the age of the next message is
then unknown. With --interval, the command looks twice, and shows how fast the
number of messages changes, and whether the next message is still the same.

The exit code is 4 if a QUEUE does not exist.`,
		Example: `  remote-event queue show new_file_event
  remote-event queue show new_file_event --interval 10s`,
		Args:              atLeastOne,
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	interval := command.Flags().Duration("interval", 0, "look again after this `DURATION`, and show the changes (default do not)")
	output := a.outputListFlag(command)
	command.RunE = func(cmd *cobra.Command, names []string) error {
		if *interval < 0 {
			return usageError("--interval must not be negative")
		}
		return a.showQueues(cmd.Context(), names, *interval, output)
	}
	return command
}

// maxReasons is the number of dead letters whose reasons queue show reads.
const maxReasons = 10_000

// overview is the output of queue show for a queue. Times are absent if they are unknown.
type overview struct {
	queueStats

	// NextSent is when the next queued message was sent, by its sender's clock.
	NextSent *time.Time `json:"next_sent,omitempty"`
	// NextBytes is the length of the next queued message.
	NextBytes int `json:"next_bytes,omitempty"`
	// LeaseExpires is when the first lease expires, and RetryDue when the first retry is
	// due, by Redis' clock.
	LeaseExpires *time.Time `json:"lease_expires,omitempty"`
	RetryDue     *time.Time `json:"retry_due,omitempty"`
	// DeadByReason counts the dead letters, the oldest 10,000 at most.
	DeadByReason map[string]int64 `json:"dead_by_reason,omitempty"`
	// Change has the changes with --interval.
	Change *queueChange `json:"change,omitempty"`

	next []byte // the next queued message
}

// queueChange is the difference between two looks at a queue.
type queueChange struct {
	Seconds float64 `json:"seconds"`
	// Queued, Retrying and Dead are the changes of the counts a second.
	Queued   float64 `json:"queued_per_second"`
	Retrying float64 `json:"retrying_per_second"`
	Dead     float64 `json:"dead_per_second"`
	// Stuck reports that the next message is the same.
	Stuck bool `json:"same_next"`
}

func (a *app) showQueues(ctx context.Context, names []string, interval time.Duration, output *output) error {
	queues, err := a.openQueues(ctx, names)
	if err != nil {
		return err
	}
	defer queues.close()
	begin := time.Now()
	overviews := make([]*overview, len(queues.all))
	for i, q := range queues.all {
		exists, err := a.expect(ctx, queues, q)
		if err == nil && exists {
			overviews[i], err = overviewOf(ctx, q)
		}
		if err != nil {
			if err := a.spare(ctx, queues, q, err); err != nil {
				return err
			}
		}
	}
	if interval > 0 {
		if err := pause(ctx, time.Until(begin.Add(interval))); err != nil {
			return err
		}
	}
	for i, q := range queues.all {
		o := overviews[i]
		if o == nil {
			continue
		}
		if interval > 0 {
			o, err = o.again(ctx, q, time.Since(begin))
		}
		if err == nil {
			err = o.explainDead(ctx, q)
		}
		if err != nil {
			if err := a.spare(ctx, queues, q, err); err != nil {
				return err
			}
			continue
		}
		err = output.write(o, func() string { return a.coloursOf(a.stdout).overview(o, time.Now()) })
		if err != nil {
			return err
		}
	}
	return queues.outcome()
}

// overviewOf looks at a queue. It does not read the reasons of dead letters.
func overviewOf(ctx context.Context, q *queueadmin.Queue) (*overview, error) {
	s, err := q.Stats(ctx)
	if err != nil {
		return nil, err
	}
	o := &overview{queueStats: queueStats{exact(q.Name()), s.Queued, s.Staged, s.Leased, s.Retrying, s.Dead}}
	for _, state := range []queueadmin.State{queueadmin.StateQueued, queueadmin.StateLeased, queueadmin.StateRetrying} {
		for m, err := range q.Peek(ctx, 1, state) {
			if err != nil {
				return nil, err
			}
			switch state {
			case queueadmin.StateLeased:
				o.LeaseExpires = timeOf(m.Due)
			case queueadmin.StateRetrying:
				o.RetryDue = timeOf(m.Due)
			default:
				o.next, o.NextBytes = m.Raw, len(m.Raw)
				env, _ := wire.Decode(m.Raw, wire.Limits{}) // a malformed message tells no time
				if at, ok := sentAt(env); ok {
					o.NextSent = timeOf(at)
				}
			}
		}
	}
	return o, nil
}

// explainDead counts the dead letters by reason.
func (o *overview) explainDead(ctx context.Context, q *queueadmin.Queue) error {
	if o.Dead == 0 {
		return nil
	}
	counts, err := q.DeadByCode(ctx, maxReasons)
	if err != nil {
		return err
	}
	o.DeadByReason = map[string]int64{}
	for code, n := range counts {
		if code == "" {
			code = "unknown"
		}
		o.DeadByReason[string(code)] += n
	}
	return nil
}

// pause waits for a time. It returns an error if the context ends first.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return errInterrupted
	}
}

// again returns a later overview with the changes since the first.
func (o *overview) again(ctx context.Context, q *queueadmin.Queue, after time.Duration) (*overview, error) {
	later, err := overviewOf(ctx, q)
	if err != nil {
		return nil, err
	}
	rate := func(before, now int64) float64 { return float64(now-before) / after.Seconds() }
	later.Change = &queueChange{
		Seconds: after.Seconds(), Queued: rate(o.Queued, later.Queued), Retrying: rate(o.Retrying, later.Retrying), Dead: rate(o.Dead, later.Dead),
		Stuck: o.next != nil && string(o.next) == string(later.next),
	}
	return later, nil
}

// overview formats a queue for people.
func (c colours) overview(o *overview, now time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", c.bold(named(string(o.Queue))))
	row := func(state string, n int64, change float64, more ...string) {
		text := fmt.Sprintf("  %s %9d", c.cyan(fmt.Sprintf("%-8s", state)), n)
		if change != 0 {
			more = append([]string{fmt.Sprintf("%+.1f/s", change)}, more...)
		}
		if len(more) > 0 {
			text += "  " + strings.Join(more, "; ")
		}
		fmt.Fprintln(&b, text)
	}
	change := o.Change
	if change == nil {
		change = &queueChange{}
	}
	var next []string
	switch {
	case o.NextSent != nil:
		next = append(next, "the next was sent "+ago(now, *o.NextSent))
	case o.Queued > 0:
		next = append(next, "the next tells no time")
	}
	if change.Stuck {
		next = append(next, c.yellow("the same message is next after "+span(time.Duration(change.Seconds*float64(time.Second)))))
	}
	row("queued", o.Queued, change.Queued, next...)
	row("staged", o.Staged, 0)
	row("leased", o.Leased, 0, dueText("the first lease expires", "the first lease expired", o.LeaseExpires, now)...)
	row("retrying", o.Retrying, change.Retrying, dueText("the next is due", "the next has been due since", o.RetryDue, now)...)
	row("dead", o.Dead, change.Dead, deadText(o)...)
	return b.String()
}

// dueText describes a time that comes or has passed.
func dueText(comes, passed string, at *time.Time, now time.Time) []string {
	switch {
	case at == nil:
		return nil
	case at.After(now):
		return []string{comes + " " + ago(now, *at)}
	default:
		return []string{passed + " " + ago(now, *at)}
	}
}

// deadText describes the dead letters by reason, the most frequent first.
func deadText(o *overview) []string {
	if len(o.DeadByReason) == 0 {
		return nil
	}
	reasons := slices.SortedFunc(maps.Keys(o.DeadByReason), func(x, y string) int {
		if n := o.DeadByReason[y] - o.DeadByReason[x]; n != 0 {
			return int(n)
		}
		return strings.Compare(x, y)
	})
	for i, reason := range reasons {
		reasons[i] = fmt.Sprintf("%s %d", visible(reason), o.DeadByReason[reason])
	}
	text := strings.Join(reasons, ", ")
	if o.Dead > maxReasons {
		text += fmt.Sprintf(" (of the oldest %d)", maxReasons)
	}
	return []string{text}
}
