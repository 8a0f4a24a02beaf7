package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/remote-events/remote-events/go/remoteevent"
	"github.com/remote-events/remote-events/go/wire"
)

// A batch consists of the lines that are available when the previous batch is stored, up
// to these limits. A slow source is therefore sent without delay, and memory is limited.
const (
	maxBatchLines = 1000
	maxBatchBytes = 1 << 20
)

// line is one payload, or the end of the source.
type line struct {
	number  int   // from 1, including blank lines
	end     int64 // the position of its end in the source
	bytes   int   // the length of the message
	event   wire.Envelope
	warning string
	err     error // the reason for which it is the last; io.EOF at the end of the source
}

// batch is a group of lines.
type batch struct {
	lines []line
	bytes int
	err   error // the reason for which it is the last
	end   int   // the number of the line with that reason
}

func (b *batch) add(l line) {
	if b.err, b.end = l.err, l.number; b.err == nil {
		b.lines, b.bytes = append(b.lines, l), b.bytes+l.bytes
	}
}

func (b *batch) empty() bool { return len(b.lines) == 0 && b.err == nil }

func (b *batch) full() bool {
	return len(b.lines) >= maxBatchLines || b.bytes >= maxBatchBytes || b.err != nil
}

func (b *batch) events() []wire.Envelope {
	events := make([]wire.Envelope, len(b.lines))
	for i, l := range b.lines {
		events[i] = l.event
	}
	return events
}

// gather groups lines into batches, until the last line or the end of the
// context.
func gather(ctx context.Context, lines <-chan line) <-chan batch {
	batches := make(chan batch)
	go func() {
		defer close(batches)
		var b batch
		for {
			from, to := lines, batches
			if b.full() {
				from = nil
			}
			if b.empty() {
				to = nil
			}
			select {
			case l := <-from:
				b.add(l)
			case to <- b:
				if b.err != nil {
					return
				}
				b = batch{}
			case <-ctx.Done():
				return
			}
		}
	}()
	return batches
}

// progress counts the sent events.
type progress struct {
	EventName string `json:"event_name"`
	Sent      int    `json:"sent"`
	Unknown   int    `json:"unknown,omitempty"`
	// FailedLine is the number of the first line that was rejected, or whose outcome is
	// unknown.
	FailedLine int `json:"failed_line,omitempty"`

	last int // the number of the last sent line
}

// sendLines sends an event for each line of a file or of standard input.
func (a *app) sendLines(ctx context.Context, s *sending) error {
	source, err := a.open(s.ndjson)
	if err != nil {
		return err
	}
	defer func() { _ = source.Close() }() // it was opened for reading
	conn, err := a.connectConfigured(ctx)
	if err != nil {
		return err
	}
	defer conn.close()
	sender, err := s.sender(conn.client)
	if err != nil {
		return err
	}
	bar := a.sendingBar(s.name, source)
	done := progress{EventName: s.name}
	err = a.pump(ctx, s, source, bar, &done, sender)
	bar.clear()
	if !s.output.isText() {
		if err := s.output.write(done, nil); err != nil {
			return err
		}
	}
	if failed, ok := errors.AsType[*remoteevent.BatchError](err); ok {
		return a.sendError(ctx, conn, &partlySentError{failed, done}, s.name)
	}
	if err == nil && isTerminal(a.stderr) {
		fmt.Fprintf(a.stderr, "%s %d of %s to %s\n", a.coloursOf(a.stderr).green("sent"), done.Sent, named(s.name), conn.target)
	}
	return err
}

// partlySentError reports how many events were sent before Redis failed.
type partlySentError struct {
	batch *remoteevent.BatchError
	done  progress
}

func (e *partlySentError) Error() string {
	for _, r := range e.batch.Results {
		if r.Err != nil {
			text := fmt.Sprintf("%v; stored: %d", r.Err, e.done.Sent)
			if e.done.last > 0 {
				text += fmt.Sprintf(" (up to line %d)", e.done.last)
			}
			if e.done.Unknown > 0 {
				text += fmt.Sprintf(", unknown: %d (the next)", e.done.Unknown)
			}
			return text + ", not sent: the rest"
		}
	}
	return e.batch.Error()
}

func (e *partlySentError) Unwrap() error { return e.batch }

// pump reads, checks and sends lines until the source ends, a line is invalid,
// Redis fails or the context ends.
func (a *app) pump(
	ctx context.Context, s *sending, source io.Reader, bar *sendingBar, done *progress, sender *remoteevent.Sender,
) error {
	reading, stop := context.WithCancel(ctx)
	defer stop()
	lines := make(chan line)
	// The reader may wait for its source forever: do not wait for it to end.
	go s.read(reading, source, lines)
	for b := range gather(reading, lines) {
		if ctx.Err() != nil {
			break
		}
		if len(b.lines) > 0 {
			if err := a.store(ctx, b, bar, done, sender); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(b.err, io.EOF):
			return nil
		case b.err != nil:
			done.FailedLine = b.end
			return fmt.Errorf("%w; sent before it: %d, the rest not", b.err, done.Sent)
		}
	}
	text := fmt.Sprintf("interrupted; sent: %d", done.Sent)
	if done.last > 0 {
		text += fmt.Sprintf(" (up to line %d)", done.last)
	}
	return &exitError{exitInterrupted, errors.New(text + ", the rest not")}
}

// store sends a batch and counts the results.
func (a *app) store(ctx context.Context, b batch, bar *sendingBar, done *progress, sender *remoteevent.Sender) error {
	for _, l := range b.lines {
		if l.warning != "" {
			bar.clear()
			a.warn(fmt.Sprintf("line %d: %s; this warning is not repeated", l.number, l.warning))
		}
	}
	// An interruption does not stop a batch, so that its outcome is known.
	err := sender.ForwardBatch(context.WithoutCancel(ctx), b.events()...)
	if partly, ok := errors.AsType[*remoteevent.BatchError](err); ok {
		done.Unknown = partly.Count(remoteevent.Unknown)
		for i, r := range partly.Results {
			if r.Outcome == remoteevent.Stored {
				done.Sent++
				done.last = b.lines[i].number
			} else if done.FailedLine == 0 {
				done.FailedLine = b.lines[i].number
			}
		}
	}
	if err != nil {
		return err
	}
	last := b.lines[len(b.lines)-1]
	done.Sent += len(b.lines)
	done.last = last.number
	bar.update(done.Sent, last.end)
	return nil
}

// read reads lines and validates each, up to the first invalid one.
func (s *sending) read(ctx context.Context, source io.Reader, lines chan<- line) {
	in := lineReader{source: buffered(source), longest: maxLine}
	warned := map[wire.Requirement]bool{}
	for {
		payload, err := in.next()
		l := line{number: in.number, end: in.offset, err: err}
		if err != nil && !errors.Is(err, io.EOF) {
			l.number++ // the line that could not be read
		}
		if err == nil {
			l.event = s.envelope(payload)
			message, warnings, err := s.schemas.encode(l.event)
			if err != nil {
				l.err = fmt.Errorf("line %d: %w", l.number, err)
			}
			l.bytes = len(message)
			for _, w := range warnings {
				if !warned[w.Requirement] {
					warned[w.Requirement], l.warning = true, w.String()
				}
			}
		}
		select {
		case lines <- l:
		case <-ctx.Done():
			return
		}
		if l.err != nil {
			return
		}
	}
}

// maxLine is the maximum length of a line that is read as a whole, to report its length
// when it is rejected.
const maxLine = wire.DefaultReceiveBytes

// byteOrderMark is U+FEFF in UTF-8.
const byteOrderMark = "\uFEFF"

var errByteOrderMark = errors.New("line 1: it begins with a byte order mark (U+FEFF), which JSON forbids: save the file as UTF-8 without it")

// lineReader reads lines up to a maximum length.
type lineReader struct {
	source  *bufio.Reader
	longest int  // maximum length in bytes
	raw     bool // lines may contain any bytes
	number  int
	offset  int64
}

func buffered(source io.Reader) *bufio.Reader { return bufio.NewReaderSize(source, 64<<10) }

// next returns the next line that is not blank, in its own memory, or
// io.EOF.
func (r *lineReader) next() ([]byte, error) {
	for {
		var whole []byte
		for {
			part, err := r.source.ReadSlice('\n')
			r.offset += int64(len(part))
			whole = append(whole, part...)
			if len(whole) > r.longest {
				return nil, fmt.Errorf("line %d: it is longer than %d MiB", r.number+1, r.longest>>20)
			}
			if err == nil || errors.Is(err, io.EOF) && len(whole) > 0 {
				break
			}
			if !errors.Is(err, bufio.ErrBufferFull) {
				return nil, err
			}
		}
		r.number++
		if r.number == 1 && !r.raw && bytes.HasPrefix(whole, []byte(byteOrderMark)) {
			return nil, errByteOrderMark
		}
		if text := bytes.TrimRight(whole, " \t\r\n"); len(text) > 0 {
			return text, nil
		}
	}
}
