package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/remote-events/remote-events/go/queueadmin"
)

// maxRecord is the maximum length of a line of an import: the largest value of Redis in
// base64, and the other members.
const maxRecord = maxMessage/3*4 + 1<<20

func (a *app) deadImportCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "import FILE|-",
		Short: "Store exported records as dead letters",
		Long: `Store the records of remote-event dead export as dead letters of their queues,
with their messages, attempts, times and reasons. Each gets a new id, so that a
record that is imported twice is stored twice. To send the messages, use
remote-event dead requeue.

At an invalid line, the command stops. It stores the lines before it.`,
		Example: `  remote-event dead import dead.ndjson
  remote-event dead export --redis redis://old | remote-event dead import - --redis redis://new`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return withHint(errors.New("import takes one file, or - for standard input"), cmd.UseLine())
			}
			return nil
		},
	}
	output := a.outputFlag(command)
	dryRun := command.Flags().Bool("dry-run", false, "store nothing, and validate the records (default false)")
	command.RunE = func(cmd *cobra.Command, args []string) error {
		return a.importLetters(cmd.Context(), args[0], output, *dryRun)
	}
	return command
}

// imported is the output of import.
type imported struct {
	Imported   int  `json:"imported"`
	FailedLine int  `json:"failed_line,omitempty"`
	DryRun     bool `json:"dry_run,omitempty"`
}

func (a *app) importLetters(ctx context.Context, file string, output *output, dryRun bool) error {
	source, err := a.open(file)
	if err != nil {
		return err
	}
	defer func() { _ = source.Close() }() // it was opened for reading
	conn, err := a.connectConfigured(ctx)
	if err != nil {
		return err
	}
	i := importing{app: a, queues: &queues{connection: conn}, dryRun: dryRun}
	defer i.queues.close()
	if !dryRun {
		a.announceChange("about to import dead letters", conn.target)
	}
	err = i.run(ctx, source)
	if !output.isText() {
		if printed := output.write(i.result(), nil); printed != nil {
			return printed
		}
	} else if err == nil {
		text := fmt.Sprintf("imported %d\n", i.stored)
		if dryRun {
			text = fmt.Sprintf("would import %d\n", i.stored)
		}
		return a.print(text)
	}
	return err
}

// importing stores records. It stores consecutive records of one queue together.
type importing struct {
	*app

	queues  *queues
	dryRun  bool
	pending []queueadmin.DeadLetter
	bytes   int
	stored  int
	failed  int // the number of the invalid line
}

func (i *importing) result() imported { return imported{i.stored, i.failed, i.dryRun} }

// recordLine is a line of an import.
type recordLine struct {
	number int
	letter queueadmin.DeadLetter
	err    error // the reason for which it is the last; io.EOF at the end
}

func (i *importing) run(ctx context.Context, source io.Reader) error {
	reading, stop := context.WithCancel(ctx)
	defer stop()
	lines := make(chan recordLine)
	// The reader may wait for its source forever: do not wait for it to end.
	go readRecords(reading, source, lines)
	for {
		var line recordLine
		select {
		case line = <-lines:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			return &exitError{exitInterrupted, fmt.Errorf("interrupted; stored: %d, the rest not", i.stored)}
		}
		if line.err == nil {
			line.err = i.open(line)
		}
		if line.err != nil || i.full(line.letter.Queue) {
			if err := i.flush(ctx); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(line.err, io.EOF):
			return nil
		case line.err != nil:
			i.failed = line.number
			return fmt.Errorf("%w; stored before it: %d, the rest not", line.err, i.stored)
		}
		i.pending = append(i.pending, line.letter)
		i.bytes += len(line.letter.Raw)
	}
}

// open opens the queue of a record on first use.
func (i *importing) open(line recordLine) error {
	if i.queues.find(line.letter.Queue) != nil {
		return nil
	}
	queue, err := queueadmin.Open(i.queues.client, line.letter.Queue)
	if err != nil {
		return fmt.Errorf("line %d: %w", line.number, err)
	}
	i.queues.all = append(i.queues.all, queue)
	return nil
}

// full reports whether the pending records must be stored before a record of this queue
// is added.
func (i *importing) full(queue string) bool {
	const most, mostBytes = 100, 4 << 20
	return len(i.pending) > 0 && (i.pending[0].Queue != queue || len(i.pending) >= most || i.bytes >= mostBytes)
}

func (i *importing) flush(ctx context.Context) error {
	if len(i.pending) == 0 {
		return nil
	}
	if i.dryRun {
		i.stored += len(i.pending)
	} else {
		ids, err := i.queues.find(i.pending[0].Queue).Import(context.WithoutCancel(ctx), i.pending...)
		i.stored += len(ids)
		if err != nil {
			err = fmt.Errorf("%w; stored: %d, unknown: up to %d (the next), not stored: the rest",
				err, i.stored, len(i.pending)-len(ids))
			return i.redisError(context.WithoutCancel(ctx), i.queues, err)
		}
	}
	i.pending, i.bytes = nil, 0
	return nil
}

// readRecords reads lines up to the first invalid one.
func readRecords(ctx context.Context, source io.Reader, lines chan<- recordLine) {
	in := lineReader{source: buffered(source), longest: maxRecord}
	for {
		text, err := in.next()
		line := recordLine{number: in.number, err: err}
		if err == nil {
			if err := json.Unmarshal(text, &line.letter); err != nil {
				line.err = fmt.Errorf("line %d: %w", in.number, err)
			}
		} else if !errors.Is(err, io.EOF) {
			line.number++
		}
		select {
		case lines <- line:
		case <-ctx.Done():
			return
		}
		if line.err != nil {
			return
		}
	}
}
