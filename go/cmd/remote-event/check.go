package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/remote-events/remote-events/go/queueadmin"
)

// formatNagios is the format of monitoring plugins.
const formatNagios = "nagios"

func (a *app) checkCommand() *cobra.Command {
	c := checking{
		queued:    limit[int64]{parse: parseCount, format: formatCount},
		retrying:  limit[int64]{parse: parseCount, format: formatCount},
		dead:      limit[int64]{parse: parseCount, format: formatCount},
		consumers: limit[int64]{parse: parseCount, format: formatCount, lower: true},
		age:       limit[time.Duration]{parse: time.ParseDuration, format: time.Duration.String},
	}
	command := &cobra.Command{
		Use:     "check [QUEUE…]",
		GroupID: groupQueues,
		Short:   "Compare queues with limits, for monitoring",
		Long: `Compare each QUEUE with limits, and exit with 5 if one is exceeded. Without a
QUEUE, check the queues in the remote_event section of --config, or every list
in Redis. The command changes nothing.

A LIMIT is the highest value that is not critical, or two values with a comma:
the highest that is no warning, and the highest that is not critical. Only the
given limits are checked.

--max-queued    waiting messages, staged ones included
--max-age       the time since the next message was sent, by its sender's clock.
                An original's message has no time: use --stuck
--max-retrying  messages that wait for another attempt
--max-dead      dead letters
--min-consumers the lowest number of consumers that is not critical, or two
                values with a comma: the lowest that is no warning, and the
                lowest that is not critical. Running receivers that name the
                queue count; without one, a lease that has not expired counts
                as one. Originals name no queue: while Redis has consumers of
                unknown queues, too few are a warning at most
--stuck         look again after this time: it is critical if the same message
                is still next, because no receiver takes messages, or none
                finishes them

A queue without a message does not exist in Redis, and exceeds no limit.

With -o nagios, the output and the exit code are those of a monitoring plugin:
0 ok, 1 warning, 2 critical, 3 unknown.`,
		Example: `  remote-event check new_file_event --max-queued 1000 --max-age 1m,5m
  remote-event check --max-dead 0 --stuck 10s -o nagios`,
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	flags := command.Flags()
	flags.Var(&c.queued, "max-queued", "`LIMIT` of waiting messages (default none)")
	flags.Var(&c.age, "max-age", "`LIMIT` of the age of the next message, such as 5m (default none)")
	flags.Var(&c.retrying, "max-retrying", "`LIMIT` of messages that wait for another attempt (default none)")
	flags.Var(&c.dead, "max-dead", "`LIMIT` of dead letters (default none)")
	flags.Var(&c.consumers, "min-consumers", "`LIMIT` of consumers (default none)")
	flags.DurationVar(&c.stuck, "stuck", 0, "`DURATION` after which the same next message is critical (default none)")
	output := a.outputListFlag(command, formatNagios)
	command.RunE = func(cmd *cobra.Command, names []string) error {
		if c.stuck < 0 {
			return usageError("--stuck must not be negative")
		}
		if !c.queued.set && !c.age.set && !c.retrying.set && !c.dead.set && !c.consumers.set && c.stuck == 0 {
			return withHint(usageError("no limit: there is nothing to check"), "remote-event check new_file_event --max-queued 1000 --max-dead 0")
		}
		err := a.check(cmd.Context(), &c, names, output)
		if err != nil && output.format == formatNagios && !isQuiet(err) {
			return &exitError{nagiosUnknown, err}
		}
		return err
	}
	return command
}

// level is the result of a check.
type level int

const (
	levelOK level = iota
	levelWarning
	levelCritical
)

// The exit codes of a monitoring plugin are the levels, and nagiosUnknown.
const nagiosUnknown = 3

func (l level) String() string { return [...]string{"OK", "WARNING", "CRITICAL"}[l] }

// checking are the flags of check.
type checking struct {
	queued, retrying, dead, consumers limit[int64]
	age                               limit[time.Duration]
	stuck                             time.Duration
}

// limit is a flag with the highest value that is not a warning, and the highest that is not
// critical; with lower, the lowest ones.
type limit[T cmp.Ordered] struct {
	set, lower        bool
	warning, critical T

	parse  func(string) (T, error)
	format func(T) string
}

func parseCount(text string) (int64, error) {
	n, err := strconv.ParseUint(text, 10, 63)
	return int64(n), err
}

func formatCount(n int64) string { return strconv.FormatInt(n, 10) }

// Type is the name of the value in the help.
func (*limit[T]) Type() string { return "LIMIT" }

func (l *limit[T]) String() string {
	switch {
	case !l.set:
		return ""
	case l.warning == l.critical:
		return l.format(l.critical)
	default:
		return l.format(l.warning) + "," + l.format(l.critical)
	}
}

// Set parses CRITICAL or WARNING,CRITICAL.
func (l *limit[T]) Set(text string) (err error) {
	warning, critical, two := strings.Cut(text, ",")
	if !two {
		critical = warning
	}
	if l.warning, err = l.parse(warning); err == nil {
		l.critical, err = l.parse(critical)
	}
	var zero T
	order := "lower"
	if l.lower {
		order = "higher"
	}
	if err != nil || min(l.warning, l.critical) < zero || l.lower && l.critical > l.warning || !l.lower && l.critical < l.warning {
		return errors.New("it must be a value, or WARNING,CRITICAL, of which the second is not " + order)
	}
	l.set = true
	return nil
}

// compare returns the level of a value.
func (l *limit[T]) compare(value T) level {
	switch {
	case !l.set || !l.lower && value <= l.warning || l.lower && value >= l.warning:
		return levelOK
	case !l.lower && value <= l.critical || l.lower && value >= l.critical:
		return levelWarning
	default:
		return levelCritical
	}
}

// checked is the output of check for a queue.
type checked struct {
	Queue  exact  `json:"queue"`
	Status string `json:"status"`
	// Exceeded describes the exceeded limits.
	Exceeded []string `json:"exceeded,omitempty"`
	Queued   int64    `json:"queued"`
	Retrying int64    `json:"retrying"`
	Dead     int64    `json:"dead"`
	// AgeSeconds is the age of the next message, if it has a time.
	AgeSeconds *float64 `json:"age_seconds,omitempty"`
	// Consumers is the number of consumers, if it is checked.
	Consumers *int64 `json:"consumers,omitempty"`

	level level
}

func (a *app) check(ctx context.Context, c *checking, names []string, output *output) error {
	queues, err := a.openQueues(ctx, names)
	if err != nil {
		return err
	}
	defer queues.close()
	watch, err := a.watch(queues, nil)
	if err != nil {
		return err
	}
	found, err := watch.look(ctx, c.stuck)
	if err != nil {
		return err
	}
	worst := levelOK
	var results []*checked
	for i, o := range found {
		if o == nil {
			continue
		}
		r := c.compare(o)
		if c.consumers.set && !c.consume(r, o) {
			a.report(withHint(fmt.Errorf("the consumers of the queue %s are unknown", quoted(string(o.Queue))),
				"this needs CLIENT LIST (permission +client|list, at most 2,000 connections); the embedded Redis has none"))
			queues.note(exitConnection)
		}
		if c.stuck > 0 && o.Queued+o.Staged > 0 && o.NextBytes == nil {
			a.warn(named(queues.all[i].Name()) + ": the messages are too long to be read, or may not be read: --stuck cannot compare the next one")
		}
		if o.Change != nil && o.Change.Stuck != nil && *o.Change.Stuck {
			r.exceed(levelCritical, fmt.Sprintf("the same message is next after %v", c.stuck))
		}
		r.Status = r.level.String()
		results = append(results, r)
		worst = max(worst, r.level)
	}
	if err := a.printChecks(results, worst, c, output); err != nil {
		return err
	}
	switch {
	case queues.code != exitDone && output.format == formatNagios:
		return &exitError{code: nagiosUnknown}
	case queues.code != exitDone:
		return queues.outcome()
	case output.format == formatNagios && worst > levelOK:
		return &exitError{code: int(worst)}
	case worst > levelOK:
		return &exitError{code: exitFindings}
	}
	return nil
}

// compare compares a queue with the limits.
func (c *checking) compare(o *overview) *checked {
	r := &checked{Queue: o.Queue, Queued: o.Queued + o.Staged, Retrying: o.Retrying, Dead: o.Dead}
	if o.NextSent != nil {
		age := max(0, o.info.At.Sub(*o.NextSent))
		seconds := age.Seconds()
		r.AgeSeconds = &seconds
		r.exceed(c.age.compare(age), "the next message was sent "+ago(o.info.At, *o.NextSent))
	}
	r.exceed(c.queued.compare(r.Queued), fmt.Sprintf("%d queued", r.Queued))
	r.exceed(c.retrying.compare(r.Retrying), fmt.Sprintf("%d retrying", r.Retrying))
	r.exceed(c.dead.compare(r.Dead), fmt.Sprintf("%d dead", r.Dead))
	return r
}

// consume compares the number of consumers with its limit. It reports whether the number
// is known.
func (c *checking) consume(r *checked, o *overview) (known bool) {
	if o.Receivers == nil || o.UnknownConsumers == nil {
		return false
	}
	n := int64(len(o.Receivers))
	if n == 0 && slices.ContainsFunc(o.info.Leases, func(l queueadmin.Lease) bool { return l.Expires.After(o.info.At) }) {
		n = 1
	}
	r.Consumers = &n
	level, text := c.consumers.compare(n), countOf(int(n), "consumer")
	if unknown := *o.UnknownConsumers; unknown > 0 {
		level = min(level, levelWarning)
		text += fmt.Sprintf(", beside %d of unknown queues", unknown)
	}
	r.exceed(level, text)
	return true
}

// exceed records a limit that is exceeded.
func (r *checked) exceed(l level, text string) {
	if l > levelOK {
		r.Exceeded = append(r.Exceeded, text)
		r.level = max(r.level, l)
	}
}

// text describes the queue.
func (r *checked) text() string {
	if len(r.Exceeded) > 0 {
		return strings.Join(r.Exceeded, ", ")
	}
	return fmt.Sprintf("%d queued, %d retrying, %d dead", r.Queued, r.Retrying, r.Dead)
}

func (a *app) printChecks(results []*checked, worst level, c *checking, output *output) error {
	if output.format == formatNagios {
		return a.print(nagios(results, worst, c))
	}
	colour := a.coloursOf(a.stdout)
	for _, r := range results {
		err := output.write(r, func() string {
			paint := []func(string) string{colour.green, colour.yellow, colour.red}[r.level]
			return fmt.Sprintf("%s %s: %s\n", paint(fmt.Sprintf("%-8s", r.Status)), colour.bold(named(string(r.Queue))), r.text())
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// nagios formats the results as the line of a monitoring plugin: the worst status, the
// exceeded limits, and the values behind a bar.
func nagios(results []*checked, worst level, c *checking) string {
	var texts, values []string
	value := func(r *checked, name, text, limits string) {
		label := strings.NewReplacer("'", "_", "=", "_", "|", "_").Replace(visible(string(r.Queue))) + " " + name
		values = append(values, fmt.Sprintf("'%s'=%s%s", label, text, limits))
	}
	for _, r := range results {
		if r.level == worst && worst > levelOK {
			texts = append(texts, strings.ReplaceAll(named(string(r.Queue)), "|", "_")+": "+r.text())
		}
		value(r, "queued", formatCount(r.Queued), c.queued.thresholds(formatCount))
		value(r, "retrying", formatCount(r.Retrying), c.retrying.thresholds(formatCount))
		value(r, "dead", formatCount(r.Dead), c.dead.thresholds(formatCount))
		if r.Consumers != nil {
			value(r, "consumers", formatCount(*r.Consumers), c.consumers.thresholds(formatCount))
		}
		if r.AgeSeconds != nil {
			seconds := func(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) }
			value(r, "age", strconv.FormatFloat(*r.AgeSeconds, 'f', 3, 64)+"s", c.age.thresholds(seconds))
		}
	}
	if worst == levelOK {
		texts = append(texts, fmt.Sprintf("queues checked: %d", len(results)))
	}
	line := "REMOTE_EVENT " + worst.String() + " - " + strings.Join(texts, "; ")
	if len(values) > 0 {
		line += " | " + strings.Join(values, " ")
	}
	return line + "\n"
}

// thresholds formats the limits behind a value.
func (l *limit[T]) thresholds(format func(T) string) string {
	if !l.set {
		return ""
	}
	end := ""
	if l.lower {
		end = ":" // a plugin's range without an upper limit
	}
	return ";" + format(l.warning) + end + ";" + format(l.critical) + end
}
