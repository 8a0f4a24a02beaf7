package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/remote-events/remote-events/go/wire"
)

// maxMessage is the maximum size of a value in Redis, and therefore of a message.
const maxMessage = 512 << 20

// stdinName stands for standard input instead of a file.
const stdinName = "-"

// validated is the output of the command validate for one message.
type validated struct {
	File exact `json:"file"`
	Line int   `json:"line,omitempty"` // with --lines
	wire.Report
}

func (a *app) validateCommand() *cobra.Command {
	command := &cobra.Command{
		Use:     "validate [FILE…|-]",
		GroupID: groupMessages,
		Short:   "Validate raw messages from a Redis list",
		Long: `Validate raw messages from a Redis list: one in each FILE, or one on standard
input without a FILE. With --lines, each line is a message.

The verdict is safe (a sender may send it), tolerated (a receiver delivers it,
but no sender may send it) or malformed (no receiver delivers it). An original
receiver delivers the message, drops it (it is lost) or dies (it never receives
from the queue again). Each finding has the id of a requirement of the
specification and the position in bytes. With --schemas, a payload that
violates the schema of its event makes the message malformed.

The exit code is 0 if all messages are safe, 5 if one is not, and 1 if a file
cannot be read. The other files are still validated.`,
		Example: `  redis-cli --raw lindex new_file_event -1 | remote-event validate --key new_file_event
  redis-cli --raw lrange new_file_event 0 -1 | remote-event validate --lines
  remote-event validate -o ndjson messages/*.json`,
	}
	output := a.outputListFlag(command)
	schemas := schemasFlag(command)
	lines := command.Flags().Bool("lines", false, "each line that is not blank is a message (default false)")
	key := command.Flags().String("key", "", "`NAME` of the messages' list (default the first signal of each)")
	command.RunE = func(cmd *cobra.Command, files []string) error {
		if len(files) == 0 {
			if isTerminal(a.stdin) {
				return withHint(usageError("no message: give a FILE, or a message on standard input"), cmd.UseLine())
			}
			files = []string{stdinName}
		}
		if !cmd.Flags().Changed("key") {
			key = nil
		}
		if err := schemas.load(cmd); err != nil {
			return err
		}
		v := validation{app: a, key: key, output: output, schemas: schemas}
		validate := v.file
		if *lines {
			validate = v.lines
		}
		for _, file := range files {
			if err := validate(cmd.Context(), file); err != nil {
				return err
			}
		}
		return v.result()
	}
	return command
}

// validation validates messages.
type validation struct {
	*app

	key     *string // nil means the first signal of each message
	output  *output
	schemas *payloadSchemas

	unread int // files that could not be read completely
	unsafe bool
}

// file validates the message in a file.
func (v *validation) file(ctx context.Context, file string) error {
	raw, err := v.readMessage(ctx, file)
	switch {
	case ctx.Err() != nil:
		return errInterrupted
	case err != nil:
		v.unread++
		v.report(err)
		return nil
	}
	return v.message(file, 0, raw)
}

// lines validates the messages of a file, each when it is read.
func (v *validation) lines(ctx context.Context, file string) error {
	source, err := v.open(file)
	if err != nil {
		v.unread++
		v.report(err)
		return nil
	}
	defer func() { _ = source.Close() }() // it was opened for reading
	reading, stop := context.WithCancel(ctx)
	defer stop()
	messages := make(chan rawLine)
	// The reader may wait for its source forever: do not wait for it to end.
	go readRawLines(reading, lineReader{source: buffered(source), longest: maxMessage, raw: true}, messages)
	for {
		var line rawLine
		select {
		case line = <-messages:
		case <-ctx.Done():
		}
		switch {
		case ctx.Err() != nil:
			return errInterrupted
		case errors.Is(line.err, io.EOF):
			return nil
		case line.err != nil:
			v.unread++
			v.report(readError(file, line.err))
			return nil
		}
		if err := v.message(file, line.number, line.raw); err != nil {
			return err
		}
	}
}

// rawLine is a message, or the reason for the end.
type rawLine struct {
	number int
	raw    []byte
	err    error
}

func readRawLines(ctx context.Context, in lineReader, lines chan<- rawLine) {
	for {
		raw, err := in.next()
		select {
		case lines <- rawLine{in.number, raw, err}:
		case <-ctx.Done():
			return
		}
		if err != nil {
			return
		}
	}
}

// message validates a message and prints the result.
func (v *validation) message(file string, line int, raw []byte) error {
	j := validated{File: exact(file), Line: line}
	if v.key != nil {
		j.Report = wire.InspectFrom(*v.key, raw, wire.Limits{})
	} else {
		j.Report = wire.Inspect(raw, wire.Limits{})
	}
	v.schemas.inspect(raw, &j.Report)
	v.unsafe = v.unsafe || j.Verdict != wire.Safe
	return v.output.write(j, func() string { return v.coloursOf(v.stdout).validated(j) })
}

// result returns the outcome of the command.
func (v *validation) result() error {
	switch {
	case v.unread > 0:
		return &exitError{code: exitFailed} // each error was reported
	case v.unsafe:
		return &exitError{code: exitFindings}
	default:
		return nil
	}
}

// readMessage reads a file or standard input, which may be a terminal or an endless pipe:
// it returns when the context ends.
func (a *app) readMessage(ctx context.Context, file string) ([]byte, error) {
	type content struct {
		raw []byte
		err error
	}
	read := make(chan content, 1)
	go func() {
		raw, err := a.readFile(file)
		read <- content{raw, err}
	}()
	select {
	case c := <-read:
		return c.raw, c.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// open opens a file, or standard input.
func (a *app) open(file string) (io.ReadCloser, error) {
	if file == stdinName {
		return io.NopCloser(a.stdin), nil
	}
	opened, err := os.Open(file) //nolint:gosec // the user names the file
	if err != nil {
		return nil, err
	}
	return opened, nil
}

// readError adds the name of the file to an error, unless it has it.
func readError(file string, err error) error {
	if _, has := errors.AsType[*os.PathError](err); has {
		return err
	}
	return fmt.Errorf("read %s: %w", named(file), err)
}

func (a *app) readFile(file string) ([]byte, error) {
	source, err := a.open(file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = source.Close() }() // it was opened for reading
	raw, err := io.ReadAll(io.LimitReader(source, maxMessage+1))
	if err != nil {
		return nil, readError(file, err)
	}
	if len(raw) > maxMessage {
		return nil, fmt.Errorf("read %s: it is longer than 512 MiB, the maximum of a value in Redis", named(file))
	}
	return raw, nil
}

// validated formats a result for people: a line for the verdicts and one for
// each finding.
func (c colours) validated(j validated) string {
	var b strings.Builder
	place := named(string(j.File))
	if j.Line > 0 {
		place += ":" + strconv.Itoa(j.Line)
	}
	fmt.Fprintf(&b, "%s: %s; an original receiver %s\n", c.bold(place), c.verdict(j.Verdict), c.legacy(j.Legacy))
	for _, f := range j.Findings {
		fmt.Fprintf(&b, "  %s  %s  byte %-6d  %s\n",
			c.cyan(fmt.Sprintf("%-7s", f.Requirement)), c.severity(f.Severity), f.Offset, f.Message)
	}
	return b.String()
}

func (c colours) verdict(v wire.Verdict) string {
	switch v {
	case wire.Safe:
		return c.green(string(v))
	case wire.Tolerated:
		return c.yellow(string(v))
	default:
		return c.red(string(v))
	}
}

func (c colours) legacy(l wire.Legacy) string {
	switch l {
	case wire.Delivers:
		return c.green(string(l))
	case wire.Drops:
		return c.yellow(string(l))
	default:
		return c.red(string(l))
	}
}

func (c colours) severity(s wire.Severity) string {
	text := fmt.Sprintf("%-9s", s)
	switch s {
	case wire.SeverityWarning:
		return text
	case wire.SeverityTolerated:
		return c.yellow(text)
	default:
		return c.red(text)
	}
}
