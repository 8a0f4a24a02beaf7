package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/remote-events/remote-events/go/cmd/remote-event/internal/printable"
	"github.com/remote-events/remote-events/go/queueadmin"
)

// queueStats counts the messages of a queue by state.
type queueStats struct {
	Queue    exact `json:"queue"`
	Queued   int64 `json:"queued"`
	Staged   int64 `json:"staged"`
	Leased   int64 `json:"leased"`
	Retrying int64 `json:"retrying"`
	Dead     int64 `json:"dead"`
}

// overview is the output of queue ls and queue show for a queue. Members that are unknown
// are absent.
type overview struct {
	queueStats

	// Bytes is the memory of the queue and its companion keys.
	Bytes *int64 `json:"bytes,omitempty"`
	// NextSent is when the next message was sent, by its sender's clock, and NextBytes is
	// its length.
	NextSent  *time.Time `json:"next_sent,omitempty"`
	NextBytes *int64     `json:"next_bytes,omitempty"`
	// LeasedSince is when the oldest leased message was first delivered, and LeaseExpires
	// when the first lease expires.
	LeasedSince  *time.Time `json:"leased_since,omitempty"`
	LeaseExpires *time.Time `json:"lease_expires,omitempty"`
	// RetryingSince is when the oldest retrying message was first delivered, and RetryDue
	// when the first is due.
	RetryingSince *time.Time `json:"retrying_since,omitempty"`
	RetryDue      *time.Time `json:"retry_due,omitempty"`
	// DeadByReason counts the dead letters, the latest 1,000 at most.
	DeadByReason map[string]int64 `json:"dead_by_reason,omitempty"`
	// Receivers are the running receivers that name the queue, and null if unknown.
	Receivers []receiverOverview `json:"receivers"`
	// UnknownConsumers is the number of connections to Redis that wait for messages of
	// queues that they do not name, such as those of original receivers.
	UnknownConsumers *int64 `json:"unknown_consumers,omitempty"`
	// Change has the changes with --interval.
	Change *queueChange `json:"change,omitempty"`

	info queueadmin.QueueInfo
}

// receiverOverview is a receiver in the output.
type receiverOverview struct {
	Addr    string `json:"addr"`
	Name    exact  `json:"name,omitempty"`
	Waiting bool   `json:"waiting"`
}

// queueChange is the difference between two looks at a queue.
type queueChange struct {
	Seconds float64 `json:"seconds"`
	// Queued, Retrying and Dead are the changes of the counts a second.
	Queued   float64 `json:"queued_per_second"`
	Retrying float64 `json:"retrying_per_second"`
	Dead     float64 `json:"dead_per_second"`
	// In and Out are the new and the taken messages a second.
	In  *float64 `json:"in_per_second,omitempty"`
	Out *float64 `json:"out_per_second,omitempty"`
	// Stuck reports that the next message is the same.
	Stuck *bool `json:"same_next,omitempty"`
}

// watch observes the queues of a command.
type watch struct {
	app      *app
	queues   *queues
	named    []string // by the user, who expects that they exist
	observer *queueadmin.Observer
}

func (a *app) watch(queues *queues, named []string) (*watch, error) {
	observer, err := queueadmin.NewObserver(queues.client)
	if err != nil {
		return nil, err
	}
	return &watch{a, queues, named, observer}, nil
}

// look observes the queues, and once more after the interval if it is not 0. It reports
// queues that cannot be read, and returns nil for them, and for those that do not exist
// although the user named them.
func (w *watch) look(ctx context.Context, interval time.Duration) ([]*overview, error) {
	begin := time.Now()
	found, err := w.once(ctx)
	if err != nil || interval == 0 || !slices.ContainsFunc(found, func(o *overview) bool { return o != nil }) {
		return found, err
	}
	if err := pause(ctx, time.Until(begin.Add(interval))); err != nil {
		return nil, err
	}
	again, err := w.once(ctx)
	for i := range again {
		if found[i] == nil {
			again[i] = nil
		}
	}
	return again, err
}

func (w *watch) once(ctx context.Context) ([]*overview, error) {
	names := make([]string, len(w.queues.all))
	for i, q := range w.queues.all {
		names[i] = q.Name()
	}
	snapshot, err := w.observer.Observe(ctx, names...)
	if err != nil {
		return nil, w.app.redisError(ctx, w.queues, err)
	}
	unknown := unknownConsumers(snapshot.Servers)
	found := make([]*overview, len(names))
	for i, info := range snapshot.Queues {
		q, err, exists := w.queues.all[i], info.Err, true
		if err == nil && info.Stats == (queueadmin.Stats{}) && len(info.Receivers) == 0 && slices.Contains(w.named, q.Name()) {
			exists, err = w.app.expect(ctx, w.queues, q)
		}
		switch {
		case err != nil:
			if w.queues.failed[q.Name()] { // it is reported once
				continue
			}
			w.queues.failed[q.Name()] = true
			if err := w.app.spare(ctx, w.queues, q, err); err != nil {
				return nil, err
			}
		case exists:
			found[i] = overviewOf(info, unknown)
		}
	}
	return found, nil
}

// unknownConsumers returns the number of consumers whose queues are unknown, or nil.
func unknownConsumers(servers []queueadmin.ServerInfo) *int64 {
	sum := int64(0)
	for _, s := range servers {
		if s.Waiting == nil {
			return nil
		}
		sum += *s.Waiting
	}
	return &sum
}

func overviewOf(info queueadmin.QueueInfo, unknown *int64) *overview {
	s := info.Stats
	o := &overview{
		queueStats: queueStats{exact(info.Queue), s.Queued, s.Staged, s.Leased, s.Retrying, s.Dead},
		Bytes:      info.Bytes, NextSent: timeOf(info.Next.Sent), NextBytes: info.Next.Bytes,
		RetryingSince: timeOf(info.RetryingSince), RetryDue: timeOf(info.RetryDue), UnknownConsumers: unknown, info: info,
	}
	if len(info.Leases) > 0 {
		oldest := slices.MinFunc(info.Leases, func(a, b queueadmin.Lease) int { return a.Since.Compare(b.Since) })
		o.LeasedSince, o.LeaseExpires = timeOf(oldest.Since), timeOf(info.Leases[0].Expires)
	}
	for code, n := range info.DeadByCode {
		if o.DeadByReason == nil {
			o.DeadByReason = map[string]int64{}
		}
		if code == "" {
			code = "unknown"
		}
		o.DeadByReason[string(code)] += n
	}
	if info.ReceiversKnown {
		o.Receivers = []receiverOverview{}
	}
	for _, r := range info.Receivers {
		o.Receivers = append(o.Receivers, receiverOverview{r.Addr, exact(r.Name), r.Waiting})
	}
	if c := info.Change; c != nil {
		o.Change = &queueChange{Seconds: c.Interval.Seconds(), Queued: c.Queued, Retrying: c.Retrying, Dead: c.Dead, In: c.In, Out: c.Out}
		if info.Next.Bytes != nil {
			stuck := info.Next.Since.Before(info.At)
			o.Change.Stuck = &stuck
		}
	}
	return o
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

func decimal(n int64) string { return strconv.FormatInt(n, 10) }

// row formats the values of queue ls for a table.
func (o *overview) row(interval bool) string {
	cells := []string{
		decimal(o.Queued), decimal(o.Staged), decimal(o.Leased), decimal(o.Retrying), decimal(o.Dead),
		o.age(), sizeText(o.Bytes), o.consumers(),
	}
	if interval {
		change := cmp.Or(o.Change, &queueChange{})
		cells = append(cells[:len(cells)-2], rateText(&change.Queued, "%+.1f"), rateText(change.In, "%.1f"), rateText(change.Out, "%.1f"))
	}
	return strings.Join(cells, "\t") + "\t  " + named(string(o.Queue)) + "\n"
}

// unknown stands for a value that is not known, and none for one that does not exist.
const (
	unknown = "?"
	none    = "-"
)

// age formats the age of the next message.
func (o *overview) age() string {
	switch {
	case o.Queued+o.Staged == 0:
		return none
	case o.NextSent == nil:
		return unknown
	default:
		return printable.Duration(max(0, o.info.At.Sub(*o.NextSent)))
	}
}

// consumers formats the number of receivers.
func (o *overview) consumers() string {
	if o.Receivers == nil {
		return unknown
	}
	return strconv.Itoa(len(o.Receivers))
}

func rateText(rate *float64, format string) string {
	if rate == nil {
		return unknown
	}
	return fmt.Sprintf(format, *rate)
}

// sizeText formats a number of bytes: 512, 1.5K, 20M.
func sizeText(n *int64) string {
	if n == nil {
		return unknown
	}
	return printable.Size(*n)
}

// overview formats a queue for people.
func (c colours) overview(o *overview) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", c.bold(named(string(o.Queue))))
	now := o.info.At
	text := func(label, value string, more ...string) {
		line := fmt.Sprintf("  %s %9s", c.cyan(fmt.Sprintf("%-9s", label)), value)
		if len(more) > 0 {
			line += "  " + strings.Join(more, "; ")
		}
		fmt.Fprintln(&b, line)
	}
	row := func(state string, n int64, change float64, more ...string) {
		if change != 0 {
			more = append([]string{fmt.Sprintf("%+.1f/s", change)}, more...)
		}
		text(state, decimal(n), more...)
	}
	change := cmp.Or(o.Change, &queueChange{})
	row("queued", o.Queued, change.Queued, c.nextText(o)...)
	row("staged", o.Staged, 0)
	leased := dueText("the first lease expires", "the first lease expired", o.LeaseExpires, now)
	row("leased", o.Leased, 0, append(leased, sinceText("the oldest was delivered", o.LeasedSince, now)...)...)
	retrying := dueText("the next is due", "the next has been due since", o.RetryDue, now)
	row("retrying", o.Retrying, change.Retrying, append(retrying, sinceText("the oldest was first delivered", o.RetryingSince, now)...)...)
	row("dead", o.Dead, change.Dead, deadText(o)...)
	text("memory", sizeText(o.Bytes))
	text("receivers", o.consumers(), c.receiverTexts(o)...)
	return b.String()
}

// nextText describes the next message.
func (c colours) nextText(o *overview) (next []string) {
	change := o.Change
	if change != nil && change.In != nil {
		next = append(next, fmt.Sprintf("in %.1f/s, out %.1f/s", *change.In, *change.Out))
	}
	switch {
	case o.NextSent != nil:
		next = append(next, "the next was sent "+ago(o.info.At, *o.NextSent))
	case o.Queued+o.Staged > 0 && o.NextBytes == nil:
		next = append(next, "the next is too long to be read, or may not be read")
	case o.Queued+o.Staged > 0:
		next = append(next, "the next has no time")
	}
	if change != nil && change.Stuck != nil && *change.Stuck {
		next = append(next, c.yellow("the same message is next after "+printable.Duration(time.Duration(change.Seconds*float64(time.Second)))))
	}
	return next
}

// receiverTexts describes the consumers.
func (c colours) receiverTexts(o *overview) (texts []string) {
	const most = 3
	for _, r := range o.Receivers[:min(most, len(o.Receivers))] {
		text := r.Addr
		if r.Name != "" {
			text += " " + named(string(r.Name))
		}
		if r.Waiting {
			text += " waits"
		}
		texts = append(texts, text)
	}
	if more := len(o.Receivers) - most; more > 0 {
		texts = append(texts, fmt.Sprintf("and %d more", more))
	}
	switch {
	case o.Receivers == nil:
		texts = append(texts, "unknown: needs CLIENT LIST (permission +client|list, at most 2,000 connections)")
	case o.UnknownConsumers != nil && *o.UnknownConsumers > 0:
		texts = append(texts, c.dim(fmt.Sprintf("beside %d of unknown queues, such as originals", *o.UnknownConsumers)))
	}
	return texts
}

// sinceText describes a time that has passed.
func sinceText(what string, at *time.Time, now time.Time) []string {
	if at == nil {
		return nil
	}
	return []string{what + " " + ago(now, *at)}
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
	counted := int64(0)
	for i, reason := range reasons {
		counted += o.DeadByReason[reason]
		reasons[i] = fmt.Sprintf("%s %d", visible(reason), o.DeadByReason[reason])
	}
	text := strings.Join(reasons, ", ")
	if counted < o.Dead {
		text += fmt.Sprintf(" (of the latest %d)", counted)
	}
	return []string{text}
}
