package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/remote-events/remote-events/go/wire"
)

// maxMessage is the longest value of Redis: what is longer is no message.
const maxMessage = 512 << 20

// stdinName stands for standard input where a file is expected.
const stdinName = "-"

// judgement is what the verb validate says of one file.
type judgement struct {
	File string `json:"file"`
	wire.Report
}

func (a *app) validateCommand() *cobra.Command {
	command := &cobra.Command{
		Use:     "validate [FILE…|-]",
		GroupID: groupMessages,
		Short:   "Judge raw messages, as they stand in a Redis list",
		Long: `Judge raw messages, as they stand in a Redis list: one in each FILE, or on
standard input where none is named.

The verdict is safe (a sender may send it), tolerated (a receiver delivers it, no
sender may send it) or malformed (no receiver delivers it). What an original
receiver does with it is delivers, drops (it is lost) or dies (its queue is dead
from then on). Each finding has the requirement of the specification, and the
byte where it stands. With --schemas, a payload that does not fit the schema of its
event is malformed, too.

Ends with 0 where every message is safe, with 5 where one is not, and with 1
where a file cannot be read; the others are judged all the same.`,
		Example: `  redis-cli --raw lindex new_file_event -1 | remote-event validate --key new_file_event
  remote-event validate -o ndjson messages/*.json`,
	}
	output := outputFlag(command, formatText, formatNDJSON)
	schemas := schemasFlag(command)
	key := command.Flags().String("key", "", "`NAME` of the list in which the messages stand (default the first signal of each)")
	command.RunE = func(cmd *cobra.Command, files []string) error {
		if len(files) == 0 {
			if isTerminal(a.stdin) {
				return withHint(usageError("no message: name a FILE, or give one on standard input"), cmd.UseLine())
			}
			files = []string{stdinName}
		}
		if !cmd.Flags().Changed("key") {
			key = nil
		}
		if err := schemas.load(cmd); err != nil {
			return err
		}
		return a.validate(cmd.Context(), files, key, output.value, schemas)
	}
	return command
}

func (a *app) validate(ctx context.Context, files []string, key *string, format string, schemas *payloadSchemas) error {
	unread, unsafe := 0, false
	for _, file := range files {
		raw, err := a.readMessage(ctx, file)
		if ctx.Err() != nil {
			return errInterrupted
		}
		if err != nil {
			unread++
			a.report(err)
			continue
		}
		j := judgement{File: file}
		if key != nil {
			j.Report = wire.InspectFrom(*key, raw, wire.Limits{})
		} else {
			j.Report = wire.Inspect(raw, wire.Limits{})
		}
		schemas.judge(raw, &j.Report)
		unsafe = unsafe || j.Verdict != wire.Safe
		if format == formatNDJSON {
			err = a.printJSON(j)
		} else {
			err = a.print(a.coloursOf(a.stdout).judgement(j))
		}
		if err != nil {
			return err
		}
	}
	switch {
	case unread > 0:
		return &exitError{code: exitFailed} // each has been reported
	case unsafe:
		return &exitError{code: exitFindings}
	default:
		return nil
	}
}

// readMessage reads a file or standard input, which may be a terminal or a pipe
// that never ends: it returns when the context does.
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

func (a *app) readFile(file string) ([]byte, error) {
	source := a.stdin
	if file != stdinName {
		opened, err := os.Open(file) //nolint:gosec // the user's choice
		if err != nil {
			return nil, err
		}
		defer func() { _ = opened.Close() }() // it was read only
		source = opened
	}
	raw, err := io.ReadAll(io.LimitReader(source, maxMessage+1))
	if err != nil {
		if _, named := errors.AsType[*os.PathError](err); !named {
			err = fmt.Errorf("read %s: %w", file, err)
		}
		return nil, err
	}
	if len(raw) > maxMessage {
		return nil, fmt.Errorf("read %s: it is longer than 512 MiB, and no value of Redis is", file)
	}
	return raw, nil
}

// judgement writes a report for people: a line for the verdicts and one for
// each finding.
func (c colours) judgement(j judgement) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s; an original receiver %s\n", c.bold(visible(j.File)), c.verdict(j.Verdict), c.legacy(j.Legacy))
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
