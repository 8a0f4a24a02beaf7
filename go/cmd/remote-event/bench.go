package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/redis/go-redis/v9"
	"github.com/spf13/cobra"

	"github.com/remote-events/remote-events/go/queueadmin"
	"github.com/remote-events/remote-events/go/remoteevent"
	"github.com/remote-events/remote-events/go/wire"
)

// benchFlags are the flags of the command bench.
type benchFlags struct {
	duration   time.Duration
	count      int
	size       int
	goroutines int
}

// The limits of a part of bench.
const (
	benchRate  = 1000 // events a second in the latency parts
	benchBatch = 1000
	// benchBytes is the maximum memory of one part in Redis.
	benchBytes = 64 << 20
	// benchCleanup is the maximum time to remove the keys at the end.
	benchCleanup = 5 * time.Second
)

func (a *app) benchCommand() *cobra.Command {
	var f benchFlags
	command := &cobra.Command{
		Use:     "bench",
		GroupID: groupQueues,
		Short:   "Measure the throughput and latency of this Redis",
		Long: `Measure how fast the library sends and receives events through this Redis, and
the time from the call of Send to the listener.

The parts run one after the other: send with one goroutine, with many, and in
batches of 1,000; receive at most once and at least once with default options;
latency of both at 1,000 events a second. Each part runs for --duration, or
until --count events or 64 MiB, and verifies its number of events.

The command uses a queue with a random name and removes it after each part, and
also after Ctrl-C. After a second Ctrl-C the queue may remain. The command does
not touch other queues, but loads this Redis.`,
		Example: `  remote-event bench
  remote-event bench --duration 500ms --size 16384 -o json`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	output := a.outputFlag(command)
	flags := command.Flags()
	flags.DurationVar(&f.duration, "duration", 2*time.Second, "maximum time of each part")
	flags.IntVar(&f.count, "count", 200_000, "maximum `NUMBER` of events in each part")
	flags.IntVar(&f.size, "size", 100, "length of the payload in `BYTES`, from 50 to 1000000")
	flags.IntVar(&f.goroutines, "goroutines", 50, "`NUMBER` of goroutines in the part with many")
	command.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := f.check(); err != nil {
			return err
		}
		return a.bench(cmd.Context(), f, output)
	}
	return command
}

const (
	minBenchSize = 50
	maxBenchSize = 1_000_000
)

func (f benchFlags) check() error {
	switch {
	case f.duration <= 0:
		return usageError(fmt.Sprintf("--duration %v: must be more than 0", f.duration))
	case f.count < 2:
		return usageError(fmt.Sprintf("--count %d: must be at least 2", f.count))
	case f.size < minBenchSize || f.size > maxBenchSize:
		return usageError(fmt.Sprintf("--size %d: must be from %d to %d", f.size, minBenchSize, maxBenchSize))
	case f.goroutines < 1:
		return usageError(fmt.Sprintf("--goroutines %d: must be at least 1", f.goroutines))
	}
	return nil
}

// benchmark is one run of bench.
type benchmark struct {
	benchFlags

	client redis.UniversalClient
	queue  *queueadmin.Queue
	sender *remoteevent.Sender
	begin  time.Time
}

// benchPart is one part with its results.
type benchPart struct {
	Part      string  `json:"part"`
	Events    int     `json:"events"`
	Seconds   float64 `json:"seconds,omitempty"`
	PerSecond float64 `json:"events_per_second,omitempty"`
	// Latency is the result of a latency part.
	Latency *benchLatency `json:"latency,omitempty"`

	run func(ctx context.Context, part *benchPart) error
}

// parts returns the parts in their order.
func (b *benchmark) parts() []*benchPart {
	once := remoteevent.WithAtMostOnce()
	return []*benchPart{
		{Part: "send, 1 goroutine", run: b.send(1)},
		{Part: fmt.Sprintf("send, %d goroutines", b.goroutines), run: b.send(b.goroutines)},
		{Part: "send, batches of " + strconv.Itoa(benchBatch), run: b.sendBatches},
		{Part: "receive, at most once", run: b.receive(once)},
		{Part: "receive, at least once", run: b.receive()},
		{Part: "latency, at most once", run: b.latency(once)},
		{Part: "latency, at least once", run: b.latency()},
	}
}

// bench connects, runs the parts and prints the results.
func (a *app) bench(ctx context.Context, f benchFlags, output *output) (err error) {
	conn, err := a.connectConfigured(ctx)
	if err != nil {
		return err
	}
	defer conn.close()
	client := conn.client
	b := &benchmark{benchFlags: f, client: client, begin: time.Now()}
	name := "remote_event_bench_" + strings.ToLower(rand.Text()[:12])
	if b.queue, err = queueadmin.Open(client, name); err != nil {
		return err
	}
	if b.sender, err = remoteevent.NewSender(client, quietLibrary); err != nil {
		return err
	}
	fail := func(err error) error {
		if err == nil || ctx.Err() != nil {
			return err
		}
		return a.sendError(ctx, conn, err)
	}
	defer func() { err = errors.Join(err, fail(b.clean(ctx))) }()
	parts := b.parts()
	bar := a.benchBar(parts, f.duration)
	defer bar.clear()
	for _, part := range parts {
		bar.begin(part)
		err := part.run(ctx, part)
		bar.end()
		if err == nil {
			err = b.clean(ctx)
		}
		if ctx.Err() != nil {
			return &exitError{exitInterrupted, fmt.Errorf("interrupted in the part %q", part.Part)}
		}
		if err != nil {
			return fail(fmt.Errorf("%s: %w", part.Part, err))
		}
	}
	bar.clear()
	report := benchReport{Redis: conn.target.String(), Size: f.size, Parts: parts}
	return output.write(report, func() string { return report.text(a.coloursOf(a.stdout)) })
}

// quietLibrary discards the library's log. Errors end the command.
var quietLibrary = remoteevent.WithLogger(slog.New(slog.DiscardHandler))

// clean removes the queue and its companion keys, even after an interruption.
func (b *benchmark) clean(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), benchCleanup)
	defer cancel()
	keys := []string{b.queue.Name()}
	for _, key := range b.queue.CompanionKeys() {
		keys = append(keys, key)
	}
	var errs []error
	for _, key := range keys { // one by one, because a cluster has no command for keys of several slots
		errs = append(errs, b.client.Del(ctx, key).Err())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("remove the queue %s: %w", b.queue.Name(), err)
	}
	return nil
}

// benchEvent is the payload of an event.
type benchEvent struct {
	// Sent is the time of sending, in nanoseconds since the start.
	Sent    int64  `json:"sent"`
	Padding string `json:"padding"`
}

// EventName implements remoteevent.Event. It is not the name of the queue, which differs
// for each run. Decode accepts an event of any name.
func (benchEvent) EventName() string { return "remote_event_bench" }

// envelope returns a new event of the chosen size.
func (b *benchmark) envelope() wire.Envelope {
	payload := make([]byte, 0, b.size)
	payload = append(payload, `{"sent":`...)
	payload = strconv.AppendInt(payload, int64(time.Since(b.begin)), 10)
	payload = append(payload, `,"padding":"`...)
	for len(payload) < b.size-2 {
		payload = append(payload, 'x')
	}
	return wire.Envelope{
		EventName: b.queue.Name(),
		Payload:   append(payload, `"}`...),
		Metadata:  wire.Metadata{Signals: wire.Chain(b.queue.Name())},
	}
}

// maxEvents returns the maximum number of events in a part.
func (b *benchmark) maxEvents() int { return max(2, min(b.count, benchBytes/(b.size+200))) }

// done sets the results of a part.
func (p *benchPart) done(events int, took time.Duration) {
	p.Events, p.Seconds = events, took.Seconds()
	p.PerSecond = float64(events) / max(took.Seconds(), 1e-9)
}

// stored verifies the number of events in the list.
func (b *benchmark) stored(ctx context.Context, events int) error {
	length, err := b.client.LLen(ctx, b.queue.Name()).Result()
	if err == nil && length != int64(events) {
		err = fmt.Errorf("stored %d of %d sent events", length, events)
	}
	return err
}

// send returns the part that sends with a number of goroutines.
func (b *benchmark) send(goroutines int) func(ctx context.Context, part *benchPart) error {
	return func(ctx context.Context, part *benchPart) error {
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		var claimed, sent atomic.Int64
		begin := time.Now()
		var group sync.WaitGroup
		for range goroutines {
			group.Go(func() {
				for ctx.Err() == nil && time.Since(begin) < b.duration && claimed.Add(1) <= int64(b.maxEvents()) {
					if err := b.sender.Forward(ctx, b.envelope()); err != nil {
						cancel(err)
						return
					}
					sent.Add(1)
				}
			})
		}
		group.Wait()
		part.done(int(sent.Load()), time.Since(begin))
		if err := context.Cause(ctx); err != nil {
			return err
		}
		return b.stored(ctx, part.Events)
	}
}

func (b *benchmark) sendBatches(ctx context.Context, part *benchPart) error {
	begin := time.Now()
	sent, err := b.fill(ctx, begin)
	if err != nil {
		return err
	}
	part.done(sent, time.Since(begin))
	return b.stored(ctx, sent)
}

// fill sends batches for the duration.
func (b *benchmark) fill(ctx context.Context, begin time.Time) (sent int, err error) {
	for sent < b.maxEvents() && (sent == 0 || time.Since(begin) < b.duration) {
		envelopes := make([]wire.Envelope, min(benchBatch, b.maxEvents()-sent))
		for i := range envelopes {
			envelopes[i] = b.envelope()
		}
		if err := b.sender.ForwardBatch(ctx, envelopes...); err != nil {
			return sent, err
		}
		sent += len(envelopes)
	}
	return sent, nil
}

// consume receives while work runs. The listener decodes each event.
func (b *benchmark) consume(ctx context.Context, options []remoteevent.ReceiverOption, heard func(event benchEvent), work func(ctx context.Context) error) error {
	handler := remoteevent.HandlerFunc(func(_ context.Context, delivery *remoteevent.Delivery) error {
		event, err := remoteevent.Decode[benchEvent](delivery.Envelope())
		if err == nil {
			heard(event)
		}
		return err
	})
	receiver, err := remoteevent.NewReceiver(b.client, handler, append(options, remoteevent.WithQueues(b.queue.Name()), quietLibrary)...)
	if err != nil {
		return err
	}
	receiving, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- receiver.Run(receiving) }()
	err = work(ctx)
	stop()
	return errors.Join(err, <-ended)
}

// receive returns the part that empties a full list, or receives for the duration.
// Filling the list is part of the duration.
func (b *benchmark) receive(options ...remoteevent.ReceiverOption) func(ctx context.Context, part *benchPart) error {
	return func(ctx context.Context, part *benchPart) error {
		sent, err := b.fill(ctx, time.Now().Add(-b.duration/2))
		if err != nil {
			return err
		}
		var mu sync.Mutex
		var first, last time.Time
		handled := 0
		began, all := make(chan struct{}), make(chan struct{})
		heard := func(benchEvent) {
			mu.Lock()
			defer mu.Unlock()
			last = time.Now()
			switch handled++; handled {
			case 1:
				first = last
				close(began)
			case sent:
				close(all)
			}
		}
		err = b.consume(ctx, options, heard, func(ctx context.Context) error {
			select {
			case <-began:
			case <-time.After(benchPatience):
				return errors.New("no event arrived")
			case <-ctx.Done():
				return ctx.Err()
			}
			select {
			case <-all:
			case <-time.After(b.duration):
			case <-ctx.Done():
			}
			return ctx.Err()
		})
		if err != nil {
			return err
		}
		part.done(handled, last.Sub(first))
		if handled < 2 {
			return fmt.Errorf("received %d of %d sent events", handled, sent)
		}
		left, err := b.client.LLen(ctx, b.queue.Name()).Result()
		if err == nil && handled+int(left) > sent {
			err = fmt.Errorf("handled %d of %d sent events; %d remain", handled, sent, left)
		}
		return err
	}
}

// benchPatience is the maximum time to wait for the first event, and for the last one of
// a latency part.
const benchPatience = 30 * time.Second

// latency returns the part that sends at a fixed rate and measures the time to the
// listener.
func (b *benchmark) latency(options ...remoteevent.ReceiverOption) func(ctx context.Context, part *benchPart) error {
	return func(ctx context.Context, part *benchPart) error {
		events := max(2, min(b.maxEvents(), int(b.duration.Seconds()*benchRate)))
		var mu sync.Mutex
		histogram := hdrhistogram.New(1, int64(time.Minute), 3)
		handled, all := 0, make(chan struct{})
		heard := func(event benchEvent) {
			latency := int64(time.Since(b.begin)) - event.Sent
			mu.Lock()
			defer mu.Unlock()
			_ = histogram.RecordValue(min(max(latency, 1), int64(time.Minute))) // within the range
			if handled++; handled == events {
				close(all)
			}
		}
		err := b.consume(ctx, options, heard, func(ctx context.Context) error {
			begin := time.Now()
			for i := range events {
				select {
				case <-time.After(time.Until(begin.Add(time.Duration(i) * time.Second / benchRate))):
				case <-ctx.Done():
					return ctx.Err()
				}
				if err := b.sender.Forward(ctx, b.envelope()); err != nil {
					return err
				}
			}
			select {
			case <-all:
				return nil
			case <-time.After(benchPatience):
				return errors.New("some events did not arrive")
			case <-ctx.Done():
				return ctx.Err()
			}
		})
		if err != nil {
			return err
		}
		if handled != events {
			return fmt.Errorf("handled %d of %d sent events", handled, events)
		}
		part.Events = events
		part.Latency = latencyOf(histogram)
		return nil
	}
}
