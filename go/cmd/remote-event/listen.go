package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/spf13/cobra"

	"github.com/remote-events/remote-events/go/queueadmin"
	"github.com/remote-events/remote-events/go/remoteevent"
	"github.com/remote-events/remote-events/go/wire"
)

// listening are the flags of the command listen.
type listening struct {
	names   []string
	count   int
	timeout time.Duration
	output  *output
	schemas *payloadSchemas
	lease   time.Duration
	once    bool // at most once
	peek    bool // take nothing
	maxDead int
	deadAge time.Duration
}

func (a *app) listenCommand() *cobra.Command {
	var l listening
	command := &cobra.Command{
		Use:     "listen [NAME…]",
		GroupID: groupEvents,
		Short:   "Take events from their queues and print them",
		Long: `Take events from the queues NAME… and print one a line, until Ctrl-C. Without a
NAME, use the queues in the remote_event section of --config.

The command takes the printed events away from the other receivers, such as
those of your application. With --peek, it takes nothing: it prints the events
that wait now, the oldest first, and ends. Others may take them meanwhile.

The command acknowledges an event after printing it. If it is killed before,
another receiver gets the event when the lease expires. With --at-most-once, an
event leaves Redis when it is taken, as with an original. A message that is
malformed, or that violates its schema in --schemas, is logged to standard
error and not counted. It becomes a dead letter, except with --at-most-once.

The command continues after a lost connection, a failover, and a move of a queue
to another node of a cluster. An event may then be printed twice, and is not
lost unless Redis lost it.

With -o ndjson, a record is {"event_name": …, "payload": …, "metadata": …,
"queue": …}, which is always valid JSON. A payload that only Python accepts,
such as one with NaN, is the string payload_text instead of payload.

The exit code is 0 even after Ctrl-C, and 4 if --timeout passes without an
event, or if none waits for --peek.`,
		Example: `  remote-event listen new_file_event
  remote-event listen new_file_event --peek
  remote-event listen new_file_event -o ndjson --count 1 --timeout 30s
  remote-event listen --config config/config.yml`,
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	output := a.outputListFlag(command)
	flags := command.Flags()
	flags.BoolVar(&l.peek, "peek", false, "print the events that wait, and take none (default false)")
	flags.IntVar(&l.count, "count", 0, "stop after `N` events, and leave the rest in Redis (default no limit)")
	flags.DurationVar(&l.timeout, "timeout", 0, "stop after this time without an event, to about a second (default no limit)")
	l.schemas = schemasFlag(command)
	flags.DurationVar(&l.lease, "lease", 30*time.Second, "time after a crash until others get an event")
	flags.BoolVar(&l.once, "at-most-once", false, "take events as an original does: an event that is taken but not printed is lost")
	flags.IntVar(&l.maxDead, "dead-letter-limit", 0, "drop and log the oldest dead letters of a queue beyond `N` (default no limit)")
	flags.DurationVar(&l.deadAge, "dead-letter-age", 0, "drop and log dead letters that are older (default no limit)")
	for _, name := range []string{"lease", "dead-letter-limit", "dead-letter-age"} {
		command.MarkFlagsMutuallyExclusive(name, "at-most-once")
		command.MarkFlagsMutuallyExclusive(name, "peek")
	}
	for _, name := range []string{"at-most-once", "timeout", "schemas"} {
		command.MarkFlagsMutuallyExclusive(name, "peek")
	}
	command.RunE = func(cmd *cobra.Command, names []string) error {
		switch {
		case cmd.Flags().Changed("count") && l.count < 1:
			return usageError("--count must be at least 1")
		case cmd.Flags().Changed("timeout") && l.timeout <= 0:
			return usageError("--timeout must be more than 0")
		case l.maxDead < 0 || l.deadAge < 0:
			return usageError("--dead-letter-limit and --dead-letter-age must not be negative")
		case l.lease < 100*time.Millisecond:
			return usageError("--lease must be at least 100ms")
		}
		if err := l.schemas.load(cmd); err != nil {
			return err
		}
		l.names, l.output = names, output
		return a.listen(cmd.Context(), &l)
	}
	return command
}

// role returns the role of the receiver.
func (l *listening) role() queueadmin.Role {
	if l.once {
		return queueadmin.ReceiverAtMostOnce
	}
	return queueadmin.ReceiverAtLeastOnce
}

// options returns the options of the queues.
func (l *listening) options() []remoteevent.QueueOption {
	if l.once {
		return []remoteevent.QueueOption{remoteevent.WithAtMostOnce()}
	}
	return []remoteevent.QueueOption{
		remoteevent.WithLease(l.lease), remoteevent.WithDeadLetterLimit(l.maxDead), remoteevent.WithDeadLetterAge(l.deadAge),
	}
}

// The reasons for which listening ends, as causes of its context.
var (
	errEnough = errors.New("received the requested number of events")
	errQuiet  = errors.New("no event within the timeout")
)

func (a *app) listen(ctx context.Context, l *listening) error {
	configuration, err := a.configuration(ctx)
	if errors.Is(err, errInterrupted) {
		return nil
	}
	if err != nil {
		return err
	}
	if len(l.names) == 0 && configuration != nil {
		l.names = configuration.RemoteEvent.Events
	}
	queueNames := slices.Compact(slices.Sorted(slices.Values(l.names)))
	if len(queueNames) == 0 {
		return withHint(usageError("no event to listen to: name one, or give --config with events in its section remote_event"),
			"remote-event listen new_file_event")
	}
	conn, err := a.connect(ctx, configuration)
	if errors.Is(err, errInterrupted) {
		return nil
	}
	if err != nil {
		return err
	}
	defer conn.close()
	if l.peek {
		return a.peekEvents(ctx, l, queueNames, conn)
	}
	if err := checkQueues(ctx, conn.client, queueNames, l.role()); err != nil {
		return a.redisError(ctx, &queues{connection: conn}, err)
	}
	a.announce(queueNames, conn.target)
	received, err := a.receive(ctx, l, queueNames, conn.client)
	switch {
	case errors.Is(err, errQuiet) && received == 0:
		return &exitError{exitNothing, fmt.Errorf("no event within %v", l.timeout)}
	case errors.Is(err, errQuiet), errors.Is(err, errEnough):
		return nil
	default:
		return err
	}
}

// announce prints the effect of listening, with the queues and Redis, before an event is
// taken.
func (a *app) announce(queueNames []string, t *target) {
	names := make([]string, len(queueNames))
	for i, name := range queueNames {
		names[i] = named(name)
	}
	fmt.Fprintf(a.stderr, "%s away from your application: %s at %s; --peek takes none; Ctrl-C stops\n",
		a.coloursOf(a.stderr).yellow("taking events"), strings.Join(names, ", "), t.place())
}

// checkQueues finds permanent errors before the command takes an event: a missing
// permission, a replica, a key of another type.
func checkQueues(ctx context.Context, client redis.UniversalClient, queues []string, role queueadmin.Role) error {
	for _, name := range queues {
		queue, err := queueadmin.Open(client, name)
		if err != nil {
			return usageError(err.Error())
		}
		err = queue.Check(ctx, role)
		d, ok := errors.AsType[*queueadmin.Diagnosis](err)
		switch {
		case ok && (d.Check == queueadmin.CheckPermission || d.Check == queueadmin.CheckAuthentication):
			return &exitError{exitConnection, err}
		case ok:
			return fmt.Errorf("queue %s: %w", named(name), err)
		case err != nil:
			return err
		}
	}
	return nil
}

// receive prints events until it ends, and returns their number and the reason: nil if
// ctx ended.
func (a *app) receive(ctx context.Context, l *listening, queues []string, client redis.UniversalClient) (received int, err error) {
	running, end := context.WithCancelCause(ctx)
	defer end(nil)
	quiet := time.AfterFunc(1<<62, func() { end(errQuiet) })
	defer quiet.Stop()
	if l.timeout > 0 {
		quiet.Reset(l.timeout)
	}
	var printing sync.Mutex // queues have separate consumers
	handle := func(_ context.Context, d *remoteevent.Delivery) error {
		printing.Lock()
		defer printing.Unlock()
		printed := running.Err() == nil
		if printed {
			if err := a.printEvent(l.output, d.Queue, d.Envelope(), time.Now()); err != nil {
				end(err)
				printed = false
			}
		}
		if !printed {
			return remoteevent.ErrRelease // too late, or not printed
		}
		received++
		if received == l.count {
			end(errEnough)
		}
		if l.timeout > 0 {
			quiet.Reset(l.timeout)
		}
		return nil
	}
	options := []remoteevent.ReceiverOption{
		l.schemas.option(),
		remoteevent.WithLogger(slog.New(unannounced{slog.NewTextHandler(redacted{a.stderr}, nil)})),
		remoteevent.WithQueues(queues...),
	}
	for _, option := range l.options() {
		options = append(options, option)
	}
	receiver, err := remoteevent.NewReceiver(client, remoteevent.HandlerFunc(handle), options...)
	if err != nil {
		return 0, err
	}
	if err := receiver.Run(running); err != nil {
		return received, err
	}
	if ctx.Err() != nil && !isOutputError(context.Cause(running)) {
		return received, nil
	}
	return received, context.Cause(running)
}

// unannounced is a log without the start and the end of a receiver, since the command
// announces itself.
type unannounced struct{ slog.Handler }

func (h unannounced) Handle(ctx context.Context, record slog.Record) error {
	switch record.Message {
	case "receiver started", "receiver stopped":
		return nil
	}
	return h.Handler.Handle(ctx, record)
}

func (h unannounced) WithAttrs(attrs []slog.Attr) slog.Handler {
	return unannounced{h.Handler.WithAttrs(attrs)}
}

func (h unannounced) WithGroup(name string) slog.Handler {
	return unannounced{h.Handler.WithGroup(name)}
}

// isAnswer reports whether an error is a reply of Redis.
func isAnswer(err error) bool {
	var answer redis.Error
	return errors.As(err, &answer)
}

// printEvent prints an event on one line. In text, it begins with the time, unless that is
// zero.
func (a *app) printEvent(output *output, queue string, env wire.Envelope, at time.Time) error {
	if !output.isText() {
		// json.Marshal would escape characters of HTML.
		text, err := env.MarshalJSON()
		if err != nil {
			return err
		}
		name, err := json.Marshal(exact(queue))
		if err != nil {
			return err
		}
		return output.line(strings.TrimSuffix(string(text), "}") + `,"queue":` + string(name) + "}")
	}
	return a.print(a.coloursOf(a.stdout).event(queue, env, at))
}

// event formats an event for people.
func (c colours) event(queue string, env wire.Envelope, at time.Time) string {
	clock := at.Local().Format(time.TimeOnly)
	if at.IsZero() {
		clock = "--:--:--"
	}
	text := c.dim(clock) + " " + c.bold(named(env.EventName)) + " " + oneLine(env.Payload)
	var more []string
	if queue != env.EventName {
		more = append(more, "queue="+named(queue))
	}
	if parents := parentsOf(env); len(parents) > 0 {
		more = append(more, "parents="+visible(strings.Join(parents, ",")))
	}
	if id := env.Metadata.Attributes[wire.AttributeID]; id != "" {
		more = append(more, "id="+visible(id))
	}
	if len(more) > 0 {
		text += " " + c.dim(strings.Join(more, " "))
	}
	return text + "\n"
}

// parentsOf returns the signals of an event except for its own name and the base signals.
func parentsOf(env wire.Envelope) []string {
	return slices.DeleteFunc(slices.Clone(env.Metadata.Signals[1:]), func(signal string) bool {
		return signal == wire.SignalRemoteEvent || signal == wire.SignalEvent
	})
}
