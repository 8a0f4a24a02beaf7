package faults

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/compat/internal/calibration"
	"github.com/remote-events/remote-events/compat/internal/redisserver"
	"github.com/remote-events/remote-events/go/remoteevent"
	"github.com/remote-events/remote-events/go/wire"
)

const (
	// patience is the maximum time on an idle machine for which a flow may make no
	// progress.
	patience = 60 * time.Second
	// enduring is the maximum time of a wait for a flow that makes progress.
	enduring = 5 * patience
)

// backlog is the default limit of the number of events that wait for receivers.
const backlog = 1000

// flow sends events to queues and receives them, while a scenario injects faults. It
// records which events were promised and their outcome.
type flow struct {
	queues  []string
	work    time.Duration // the duration of a listener's call
	backlog int           // limit of the number of waiting events

	adapter []string // the command of the adapter that receives; nil for the Go library

	// elsewhere reports whether other processes receive. Their reports of handled events
	// may arrive after Redis has removed the events.
	elsewhere bool

	mu          sync.Mutex
	promised    map[string]bool // queue and number of each event that Redis has acknowledged
	handled     map[string]int
	deliveries  map[string]bool  // ids of deliveries at least once
	next        int              // number of the next event
	calls       int              // calls of listeners
	latest      []map[string]int // for each receiver, the number of the last event of each queue
	unknown     int              // sends without a reply
	failedSends int              // sends that certainly failed
	loading     int              // failed sends that a loading Redis denied
	taken       int              // events that killed originals have lost
	stale       int              // acknowledgements after the loss of the lease
	outages     int              // interruptions of receivers
	changed     chan struct{}    // closed when an event is promised or handled
	pause       time.Duration    // the longest time until events flowed again

	sending, receiving sync.WaitGroup
	stopSending        context.CancelFunc
	stopReceiving      context.CancelFunc
	sendCtx            context.Context //nolint:containedctx // of the senders
	receiveCtx         context.Context //nolint:containedctx // of the receivers
	failed             error           // the first error of a receiver
}

func newFlow(ctx context.Context, size Size, queues ...string) *flow {
	f := &flow{queues: queues, adapter: size.Adapter, backlog: backlog, promised: map[string]bool{}, handled: map[string]int{}, deliveries: map[string]bool{}, changed: make(chan struct{})}
	f.sendCtx, f.stopSending = context.WithCancel(ctx)
	f.receiveCtx, f.stopReceiving = context.WithCancel(ctx)
	return f
}

// startAlone starts a Redis, a client and a flow. end stops all three.
func startAlone(ctx context.Context, size Size, options redisserver.Options, queues ...string) (server *redisserver.Instance, client *redis.Client, f *flow, end func() error, err error) {
	if server, err = redisserver.StartInstance(ctx, options); err != nil {
		return nil, nil, nil, nil, err
	}
	client = redis.NewClient(&redis.Options{Addr: server.Addr()})
	if f, err = startFlow(ctx, size, client, queues...); err != nil {
		return nil, nil, nil, nil, errors.Join(err, client.Close(), server.Close())
	}
	return server, client, f, func() error {
		f.stop()
		_ = client.Close()
		return server.Close()
	}, nil
}

// send starts a sender that sends events one after the other, to each queue in turn, until
// the flow stops. It waits while the backlog is full. It does not repeat a send without a
// reply.
func (f *flow) send(store push) {
	f.sending.Go(func() {
		for f.sendCtx.Err() == nil {
			if f.until(f.sendCtx, func() bool { return len(f.promised)-len(f.handled) < f.backlog }) != nil {
				continue
			}
			err := f.sendOne(store)
			if err != nil {
				pause(f.sendCtx, 10*time.Millisecond)
			}
		}
	})
}

// sendPlainly starts the given number of ordinary senders.
func (f *flow) sendPlainly(client redis.UniversalClient, senders int) error {
	for range senders {
		store, err := plainly(client)
		if err != nil {
			return err
		}
		f.send(store)
	}
	return nil
}

// reserve returns the number of the next event.
func (f *flow) reserve() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.next++
	return f.next - 1
}

// sendOne sends the next event.
func (f *flow) sendOne(store push) error {
	number := f.reserve()
	queue := f.queues[number%len(f.queues)]
	err := store(context.WithoutCancel(f.sendCtx), wire.Envelope{
		EventName: queue, Payload: fmt.Appendf(nil, `{"number":%d}`, number),
		Metadata: wire.Metadata{
			Signals: []string{queue, "remote_event", "event"}, Attributes: map[string]string{"id": key(queue, number)},
		},
	})
	f.sent(key(queue, number), err)
	return err
}

func key(queue string, number int) string { return queue + " " + strconv.Itoa(number) }

func (f *flow) sent(key string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case err == nil:
		f.promised[key] = true
		f.change()
	case errors.Is(err, remoteevent.ErrUnknown):
		f.unknown++
	default:
		f.failedSends++
		if redis.HasErrorPrefix(err, "LOADING") {
			f.loading++
		}
		f.change()
	}
}

// forgo withdraws the promise of an event.
func (f *flow) forgo(key string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.promised, key)
}

func (f *flow) change() {
	close(f.changed)
	f.changed = make(chan struct{})
}

// receive starts another receiver, which receives until the flow ends. Receivers are
// numbered from 0.
func (f *flow) receive(client redis.UniversalClient, options ...remoteevent.ReceiverOption) error {
	if f.adapter != nil {
		return f.receiveByAdapter(client)
	}
	number := f.register()
	handler := remoteevent.HandlerFunc(func(ctx context.Context, d *remoteevent.Delivery) error {
		pause(ctx, f.work)
		f.handle(number, d)
		return nil
	})
	options = slices.Concat(ordinary(f), []remoteevent.ReceiverOption{remoteevent.WithQueues(f.queues...)}, options)
	receiver, err := remoteevent.NewReceiver(client, handler, options...)
	if err != nil {
		return err
	}
	f.receiving.Go(func() {
		if err := receiver.Run(f.receiveCtx); err != nil {
			f.fail(err)
		}
	})
	return nil
}

// register returns the number of a new receiver.
func (f *flow) register() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.latest = append(f.latest, map[string]int{})
	return len(f.latest) - 1
}

// handle records that a receiver has handled an event.
func (f *flow) handle(receiver int, d *remoteevent.Delivery) {
	number, err := strconv.Atoi(numberIn(d.Payload()))
	if err != nil || d.EventName() != d.Queue || len(d.Envelope().Metadata.Signals) != 3 {
		f.fail(fmt.Errorf("received an unknown message from queue %q: %.100q", d.Queue, d.Raw))
		return
	}
	f.mu.Lock()
	f.deliveries[d.Queue+" "+d.ID] = true
	f.mu.Unlock()
	f.note(receiver, d.Queue, number)
}

// note records that a receiver has handled the event with that number.
func (f *flow) note(receiver int, queue string, number int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if number >= f.next || f.queues[number%len(f.queues)] != queue {
		f.failed = fmt.Errorf("received event %d, which was not sent, from queue %q", number, queue)
		return
	}
	f.handled[key(queue, number)]++
	f.latest[receiver][queue] = max(f.latest[receiver][queue], number)
	f.calls++
	f.change()
}

// fail records an error that makes the flow unusable.
func (f *flow) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failed = err
}

// count returns the number of handled events.
func (f *flow) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.handled)
}

// numberIn returns the digits of the event's number in a message or payload.
func numberIn(text []byte) string {
	_, rest, _ := strings.Cut(string(text), `"number":`) // originals add a space
	number, _, _ := strings.Cut(rest, "}")
	return strings.TrimSpace(number)
}

// Write receives the log of receivers, and counts events in it.
func (f *flow) Write(line []byte) (int, error) {
	text := string(line)
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case strings.Contains(text, "lease lost before"):
		f.stale++
	case strings.Contains(text, "receiving again"):
		f.outages++
	}
	return len(line), nil
}

// flowFor waits until the given number of further events is handled.
func (f *flow) flowFor(ctx context.Context, events int) error {
	f.mu.Lock()
	first := f.calls
	f.mu.Unlock()
	flowed := 0
	err := f.until(ctx, func() bool {
		flowed = f.calls - first
		return flowed >= events
	})
	if err != nil {
		return fmt.Errorf("%d of %d events handled: %w", flowed, events, err)
	}
	return nil
}

// flowsAgain waits until each queue and each of these receivers has handled an event sent
// after the call, and records the time.
func (f *flow) flowsAgain(ctx context.Context, receivers ...int) error {
	return f.flowsSince(ctx, f.mark(), receivers...)
}

// mark is a point in the sequence of a flow's events.
type mark struct {
	next int // number of the first event after it
	time time.Time
}

func (f *flow) mark() mark {
	f.mu.Lock()
	defer f.mu.Unlock()
	return mark{f.next, time.Now()}
}

// flowsSince is flowsAgain for events sent after a mark.
func (f *flow) flowsSince(ctx context.Context, m mark, receivers ...int) error {
	var idle []string
	err := f.until(ctx, func() bool {
		idle = nil
		for _, queue := range f.queues {
			if !slices.ContainsFunc(f.latest, func(l map[string]int) bool { return l[queue] >= m.next }) {
				idle = append(idle, fmt.Sprintf("queue %q", queue))
			}
		}
		for _, number := range receivers {
			if !slices.ContainsFunc(f.queues, func(queue string) bool { return f.latest[number][queue] >= m.next }) {
				idle = append(idle, fmt.Sprintf("receiver %d", number))
			}
		}
		return len(idle) == 0
	})
	if err != nil {
		return fmt.Errorf("no events flow through %s: %w", strings.Join(idle, ", "), err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pause = max(f.pause, time.Since(m.time))
	return nil
}

// until waits until a condition on the sent and handled events holds. It fails if no event
// is promised or handled for patience, and in any case after enduring.
func (f *flow) until(ctx context.Context, holds func() bool) error {
	ctx, cancel := calibration.WithTimeout(ctx, enduring)
	defer cancel()
	for {
		f.mu.Lock()
		held, changed := holds(), f.changed
		f.mu.Unlock()
		if held {
			return nil
		}
		still, stop := calibration.WithTimeout(ctx, patience)
		select {
		case <-changed:
			pause(ctx, time.Millisecond)
		case <-still.Done():
			stop()
			return fmt.Errorf("no progress: %w", context.Cause(still))
		}
		stop()
	}
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// stop stops the senders and receivers that still run.
func (f *flow) stop() {
	f.stopSending()
	f.stopReceiving()
	f.sending.Wait()
	f.receiving.Wait()
}
