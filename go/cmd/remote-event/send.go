package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/redis/go-redis/v9"
	"github.com/spf13/cobra"

	"github.com/remote-events/remote-events/go/remoteevent"
	"github.com/remote-events/remote-events/go/wire"
)

// sending are the flags of the command send.
type sending struct {
	name     string
	parents  []string
	pairs    []string // from --metadata
	metadata map[string]string
	plain    bool
	ndjson   string
	output   *output
	schemas  *payloadSchemas
}

// sent is the output of send -o json for one event.
type sent struct {
	EventName string `json:"event_name"`
	ID        string `json:"id,omitempty"`
	Bytes     int    `json:"bytes"`
}

func (a *app) sendCommand() *cobra.Command {
	var s sending
	command := &cobra.Command{
		Use:     "send NAME [JSON|-]",
		GroupID: groupEvents,
		Short:   "Send one event or many",
		Long: `Send an event. Its payload is a JSON object, from the argument or from standard
input. With --ndjson, send one event for each line of a file.

The command rejects a payload that is not portable, that would end an original
receiver, or that violates its schema in --schemas, and sends nothing. With
--ndjson, it stops at a rejected line, after sending the lines before it.

While a cluster moves a queue to another node, it continues. If the connection
breaks, as in a failover, it stops and names the first line that is not stored,
or whose outcome is unknown: continue there, which may send an event twice. A
failover loses events that the old primary stored and the new one did not
receive.

On a terminal, it reports the sent events on standard error. In scripts, use the
exit code. With -o json or ndjson, standard output is an object with event_name,
id and bytes. With --ndjson, its members are event_name, sent, failed_line if a
line was rejected, and unknown if the connection was lost before Redis replied.`,
		Example: `  remote-event send new_file_event '{"path": "/uploads/video1.mp4"}'
  remote-event send new_file_event --parent file_event < payload.json
  remote-event send new_file_event --ndjson payloads.ndjson`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) < 1 || len(args) > 2 {
				return withHint(errors.New("send takes the event's name and at most one payload"), cmd.UseLine())
			}
			return nil
		},
	}
	output := a.outputFlag(command)
	flags := command.Flags()
	flags.StringArrayVar(&s.parents, "parent", nil, "`NAME` of a parent event, whose listeners also receive the event; repeatable, nearest first (default none)")
	flags.StringArrayVar(&s.pairs, "metadata", nil, "attribute `NAME=VALUE`; repeatable (default id, a UUIDv7, and time)")
	flags.BoolVar(&s.plain, "plain", false, "omit the metadata, as the originals do (default false)")
	flags.StringVar(&s.ndjson, "ndjson", "", "send one payload for each line of `FILE`, or - for standard input (default none)")
	_ = command.MarkFlagFilename("ndjson")
	s.schemas = schemasFlag(command)
	command.RunE = func(cmd *cobra.Command, args []string) error {
		s.name, s.output = args[0], output
		if err := s.check(args, cmd.Flags().Changed("ndjson")); err != nil {
			return err
		}
		if err := s.schemas.load(cmd); err != nil {
			return err
		}
		if cmd.Flags().Changed("ndjson") {
			return a.sendLines(cmd.Context(), &s)
		}
		return a.sendOne(cmd.Context(), &s, args[1:])
	}
	return command
}

// check rejects flags that contradict each other, and parses the attributes.
func (s *sending) check(args []string, lines bool) error {
	if s.name == "" {
		return usageError("the event's name is empty: give one, such as new_file_event")
	}
	if s.plain && len(s.pairs) > 0 {
		return usageError("--plain omits the metadata: omit --plain or --metadata")
	}
	if lines && len(args) > 1 {
		return usageError("--ndjson reads the payloads: omit the payload or --ndjson")
	}
	if lines && s.ndjson == "" {
		return usageError("--ndjson: give a file, or - for standard input")
	}
	for _, pair := range s.pairs {
		name, value, ok := strings.Cut(pair, "=")
		_, twice := s.metadata[name]
		switch {
		case !ok:
			return usageError(fmt.Sprintf("--metadata %q: the form is NAME=VALUE", pair))
		case twice:
			return usageError(fmt.Sprintf("--metadata %s is given twice", name))
		case lines && name == wire.AttributeID:
			return usageError("--metadata id: an id must be unique, and --ndjson sends many events")
		}
		if s.metadata == nil {
			s.metadata = map[string]string{}
		}
		s.metadata[name] = value
	}
	return nil
}

// envelope returns the event of a payload. It adds the id and the time here, so that they
// are known before sending.
func (s *sending) envelope(payload []byte) wire.Envelope {
	env := wire.Envelope{
		EventName: s.name,
		Payload:   bytes.TrimRight(payload, " \t\r\n"),
		Metadata:  wire.Metadata{Signals: wire.Chain(s.name, s.parents...), Attributes: s.metadata},
	}
	if s.plain {
		return env
	}
	return remoteevent.Stamp(env)
}

// sender returns the library's sender. It logs nothing, because the command reports
// warnings before sending.
func (s *sending) sender(client redis.UniversalClient) (*remoteevent.Sender, error) {
	options := []remoteevent.SenderOption{remoteevent.WithLogger(slog.New(slog.DiscardHandler)), s.schemas.option()}
	if s.plain {
		options = append(options, remoteevent.WithoutMetadata())
	}
	return remoteevent.NewSender(client, options...)
}

// sendOne sends the event of one payload.
func (a *app) sendOne(ctx context.Context, s *sending, args []string) error {
	payload, err := a.payload(ctx, args)
	if err != nil {
		return err
	}
	env := s.envelope(payload)
	message, warnings, err := s.schemas.encode(env)
	if err != nil {
		return err
	}
	for _, w := range warnings {
		a.warn(w.String())
	}
	conn, err := a.connectConfigured(ctx)
	if err != nil {
		return err
	}
	defer conn.close()
	sender, err := s.sender(conn.client)
	if err != nil {
		return err
	}
	if ctx.Err() != nil {
		return errInterrupted
	}
	// An interruption does not stop sending, so that the outcome is known.
	if err := sender.Forward(context.WithoutCancel(ctx), env); err != nil {
		return a.sendError(ctx, conn, err, s.name)
	}
	if !s.output.isText() {
		return s.output.write(sent{s.name, env.Metadata.Attributes[wire.AttributeID], len(message)}, nil)
	}
	if isTerminal(a.stderr) {
		fmt.Fprintf(a.stderr, "%s %s (%d bytes) to %s\n", a.coloursOf(a.stderr).green("sent"), named(s.name), len(message), conn.target)
	}
	return nil
}

// payload returns the payload from the arguments or from standard input.
func (a *app) payload(ctx context.Context, args []string) ([]byte, error) {
	if len(args) == 1 && args[0] != stdinName {
		return []byte(args[0]), nil
	}
	if len(args) == 0 && isTerminal(a.stdin) {
		return nil, withHint(usageError("no payload: give it as an argument or on standard input"),
			`remote-event send new_file_event '{"path": "/uploads/video1.mp4"}'`)
	}
	payload, err := a.readMessage(ctx, stdinName)
	if ctx.Err() != nil {
		return nil, errInterrupted
	}
	return payload, err
}

// sendError distinguishes a rejected event from an error of Redis.
func (a *app) sendError(ctx context.Context, conn *connection, err error, names ...string) error {
	var answer redis.Error
	switch {
	case redis.IsPermissionError(err):
		return withHint(a.explain(conn.target, err), a.permission(context.WithoutCancel(ctx), conn.client, names...))
	case redis.IsAuthError(err), errors.Is(err, remoteevent.ErrNotSent), errors.Is(err, remoteevent.ErrUnknown):
		return a.explain(conn.target, err)
	case errors.As(err, &answer):
		return withHint(err, hintForAnswer(conn.target, answer.Error()))
	default:
		return err
	}
}
