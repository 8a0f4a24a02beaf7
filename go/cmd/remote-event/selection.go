package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/remote-events/remote-events/go/cmd/remote-event/internal/deadletter"
	"github.com/remote-events/remote-events/go/queueadmin"
)

// matchHelp explains --match.
const matchHelp = `--match takes one of these clauses; several must all hold. In a PATTERN, *
matches any text and ? any character. A TIME is in RFC 3339, a date, or an age,
such as -2h.

  event=PATTERN   event!=PATTERN   the event's name; empty if undecodable
  reason=PATTERN  reason!=PATTERN  failed, panicked, permanent, malformed,
                                   schema, expired or imported
  error=PATTERN   error!=PATTERN   the text of the error
  died<TIME  died<=TIME  died>TIME  died>=TIME`

// idsHelp explains --ids.
const idsHelp = `--ids selects exactly the dead letters in FILE: an export, the lines of dead ls
-o ndjson, or one id a line. Dead letters added later are not selected. To
select by time, use --match 'died<=TIME'.`

// selection selects dead letters.
type selection struct {
	ids     []string
	file    string   // of --ids
	clauses []string // of --match
	all     bool

	rules deadletter.Rules
	// wanted are the requested dead letters in their order; nil without --id and --ids.
	wanted []wanted
}

// wanted is a requested dead letter.
type wanted struct {
	id     string
	queue  *string // nil for any queue
	byHand bool    // from an argument
}

// register adds the flags. If the command changes dead letters, one of the flags is
// required.
func (s *selection) register(a *app, command *cobra.Command, changes bool) {
	flags := command.Flags()
	flags.StringArrayVar(&s.ids, "id", nil, "select the dead letter with this `ID`, short or full; repeatable (default all)")
	flags.StringVar(&s.file, "ids", "", "select the dead letters with the ids in `FILE`, or - for standard input (default all)")
	flags.StringArrayVar(&s.clauses, "match", nil, "select dead letters that match the `CLAUSE`; repeatable (default all)")
	_ = command.MarkFlagFilename("ids")
	_ = command.RegisterFlagCompletionFunc("id", a.completeLetters)
	_ = command.RegisterFlagCompletionFunc("match", a.completeClause)
	command.MarkFlagsMutuallyExclusive("id", "ids", "match")
	if changes {
		flags.BoolVar(&s.all, "all", false, "select all current dead letters (default false)")
		command.MarkFlagsMutuallyExclusive("id", "ids", "match", "all")
		command.MarkFlagsOneRequired("id", "ids", "match", "all")
	}
}

// prepare reads the clauses and the ids.
func (s *selection) prepare(ctx context.Context, a *app, now time.Time) error {
	for _, clause := range s.clauses {
		r, err := deadletter.ParseClause(clause, now)
		if err != nil {
			return withHint(usageError(fmt.Sprintf("--match %q: %v", clause, err)), "event=new_*, reason=schema, 'died<2026-11-24T03:00:00Z'")
		}
		s.rules = append(s.rules, r)
	}
	for _, id := range slices.Compact(slices.Sorted(slices.Values(s.ids))) { // by age
		s.wanted = append(s.wanted, wanted{id: id, byHand: true})
	}
	if s.file != "" {
		read, err := a.readIDs(ctx, s.file)
		if err != nil {
			return err
		}
		s.wanted = read
	}
	return nil
}

// named reports whether ids were given.
func (s *selection) named() bool { return len(s.ids) > 0 || s.file != "" }

// queues returns the names of the queues of the requested dead letters, or nil if one is
// unknown.
func (s *selection) queues() []string {
	var names []string
	for _, w := range s.wanted {
		if w.queue == nil {
			return nil
		}
		names = append(names, *w.queue)
	}
	return names
}

// of returns the requested ids that may be in a queue.
func (s *selection) of(queue string) []string {
	var ids []string
	for _, w := range s.wanted {
		if w.queue == nil || *w.queue == queue {
			ids = append(ids, w.id)
		}
	}
	return ids
}

// readIDs reads the ids of a file, which contains records or one id a line.
func (a *app) readIDs(ctx context.Context, file string) ([]wanted, error) {
	source, err := a.open(file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = source.Close() }() // it was opened for reading
	reading, stop := context.WithCancel(ctx)
	defer stop()
	lines := make(chan rawLine)
	// The reader may wait for its source forever: do not wait for it to end.
	go readRawLines(reading, lineReader{source: buffered(source), longest: maxRecord}, lines)
	read := []wanted{}
	for {
		var line rawLine
		select {
		case line = <-lines:
		case <-ctx.Done():
			return nil, errInterrupted
		}
		switch {
		case errors.Is(line.err, io.EOF):
			return read, nil
		case line.err != nil:
			return nil, fmt.Errorf("--ids: %w", line.err)
		}
		w, err := wantedOf(line.raw)
		if err != nil {
			return nil, usageError(fmt.Sprintf("--ids: line %d: %v", line.number, err))
		}
		read = append(read, w)
	}
}

// wantedOf parses an id, or the record of a dead letter with an id.
func wantedOf(line []byte) (wanted, error) {
	line = bytes.TrimSpace(line)
	if line[0] != '{' {
		return wanted{id: string(line)}, nil
	}
	var record struct {
		Queue    *exact `json:"queue"`
		Delivery exact  `json:"delivery"`
	}
	if err := json.Unmarshal(line, &record); err != nil || record.Queue == nil || record.Delivery == "" {
		return wanted{}, errors.New("neither an id nor a record with delivery and queue")
	}
	return wanted{id: string(record.Delivery), queue: (*string)(record.Queue)}, nil
}

// errNoLetter is the error of an empty selection.
var errNoLetter = &exitError{exitNothing, errors.New("no dead letter matches")}

// eachLetter calls a function with each selected dead letter, in the order of
// their deaths in each queue, or of their ids in the file. It reports queues that
// cannot be read and continues. It returns the requested ids that are not dead letters.
func (a *app) eachLetter(
	ctx context.Context, queues *queues, s *selection, do func(letter queueadmin.DeadLetter) error,
) (found int, missing []wanted, err error) {
	if err := a.resolve(ctx, queues, s); err != nil {
		return 0, nil, err
	}
	seen := map[string]bool{}
	for _, q := range queues.all {
		letters := q.DeadLetters(ctx)
		if s.named() {
			letters = q.DeadLettersByID(ctx, s.of(q.Name())...)
		}
		for letter, err := range letters {
			if err == nil {
				seen[letter.ID] = true
				if !s.rules.Take(&letter) {
					continue
				}
				found++
				err = do(letter)
			}
			if err == nil {
				continue
			}
			if err := a.spare(ctx, queues, q, err); err != nil {
				return found, nil, err
			}
			break
		}
	}
	for _, w := range s.wanted {
		if !seen[w.id] && (w.queue == nil || queues.find(*w.queue) != nil) {
			missing = append(missing, w)
		}
	}
	return found, missing, nil
}

// reportMissing reports the ids from arguments that no dead letter has, and returns their
// number.
func (a *app) reportMissing(queues *queues, missing []wanted) int {
	n := 0
	for _, w := range missing {
		if w.byHand {
			a.report(withHint(fmt.Errorf("there is no dead letter with the id %s", quoted(w.id)),
				"dead ls prints the ids of dead letters, which logs call delivery; the attribute id of an event is another one"))
			queues.note(exitNothing)
			n++
		}
	}
	return n
}
