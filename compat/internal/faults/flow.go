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
	// patience is how long a flow may stand still on an idle machine before a scenario
	// fails.
	patience = 60 * time.Second
	// enduring is how long one may flow there without what a scenario waits for.
	enduring = 5 * patience
)

// backlog is how many events wait for receivers at most, unless a scenario has fewer.
const backlog = 1000

// flow is events that senders put into queues and receivers take out, while a
// scenario does something to Redis. It knows which events were promised, and what
// became of them.
type flow struct {
	queues  []string
	work    time.Duration // that a listener takes
	backlog int           // how many events wait for receivers at most

	// elsewhere is set where other processes receive: what they have handled may be on
	// its way to here still when Redis has nothing more of it.
	elsewhere bool

	mu         sync.Mutex
	promised   map[string]bool // queue and number of each event that was answered
	handled    map[string]int
	deliveries map[string]bool  // by their ids, at least once
	next       int              // number of the next event
	calls      int              // of listeners
	latest     []map[string]int // of each receiver: number of the last event of each queue
	unknown    int              // sends without an answer
	refused    int              // sends that are certainly not in Redis
	loading    int              // those of them that a loading Redis refused
	taken      int              // events that originals took, and lost when they were killed
	stale      int              // acknowledgements that came after the lease was lost
	outages    int              // times a receiver could not go on for a while
	changed    chan struct{}    // closed when something is promised or handled
	pause      time.Duration    // the longest until events flowed again

	sending, receiving sync.WaitGroup
	stopSending        context.CancelFunc
	stopReceiving      context.CancelFunc
	sendCtx            context.Context //nolint:containedctx // of the senders
	receiveCtx         context.Context //nolint:containedctx // of the receivers
	failed             error           // of a receiver
}

func newFlow(ctx context.Context, queues ...string) *flow {
	f := &flow{queues: queues, backlog: backlog, promised: map[string]bool{}, handled: map[string]int{}, deliveries: map[string]bool{}, changed: make(chan struct{})}
	f.sendCtx, f.stopSending = context.WithCancel(ctx)
	f.receiveCtx, f.stopReceiving = context.WithCancel(ctx)
	return f
}

// startAlone starts a Redis with a client and a flow. end stops all three.
func startAlone(ctx context.Context, options redisserver.Options, queues ...string) (server *redisserver.Instance, client *redis.Client, f *flow, end func() error, err error) {
	if server, err = redisserver.StartInstance(ctx, options); err != nil {
		return nil, nil, nil, nil, err
	}
	client = redis.NewClient(&redis.Options{Addr: server.Addr()})
	if f, err = startFlow(ctx, client, queues...); err != nil {
		return nil, nil, nil, nil, errors.Join(err, client.Close(), server.Close())
	}
	return server, client, f, func() error {
		f.stop()
		_ = client.Close()
		return server.Close()
	}, nil
}

// send has a sender send events, one after the other and to each queue in turn,
// until the flow stops. It waits while receivers are far behind. What Redis does
// not answer is not sent again.
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

// sendPlainly has so many senders send as everybody does.
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
		f.refused++
		if redis.HasErrorPrefix(err, "LOADING") {
			f.loading++
		}
		f.change()
	}
}

// forgo takes the promise of an event back.
func (f *flow) forgo(key string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.promised, key)
}

func (f *flow) change() {
	close(f.changed)
	f.changed = make(chan struct{})
}

// receive has another receiver take events until the flow ends. Receivers are
// counted from 0.
func (f *flow) receive(client redis.UniversalClient, options ...remoteevent.ReceiverOption) error {
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

// register gives a receiver its number.
func (f *flow) register() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.latest = append(f.latest, map[string]int{})
	return len(f.latest) - 1
}

// handle notes that a receiver has handled an event.
func (f *flow) handle(receiver int, d *remoteevent.Delivery) {
	number, err := strconv.Atoi(numberIn(d.Payload()))
	if err != nil || d.EventName() != d.Queue || len(d.Envelope().Metadata.Signals) != 3 {
		f.fail(fmt.Errorf("nobody sent what came by queue %q: %.100q", d.Queue, d.Raw))
		return
	}
	f.mu.Lock()
	f.deliveries[d.Queue+" "+d.ID] = true
	f.mu.Unlock()
	f.note(receiver, d.Queue, number)
}

// note notes that a receiver has handled the event of that number.
func (f *flow) note(receiver int, queue string, number int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if number >= f.next || f.queues[number%len(f.queues)] != queue {
		f.failed = fmt.Errorf("nobody sent event %d by queue %q", number, queue)
		return
	}
	f.handled[key(queue, number)]++
	f.latest[receiver][queue] = max(f.latest[receiver][queue], number)
	f.calls++
	f.change()
}

// fail notes why the flow is of no use.
func (f *flow) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failed = err
}

// count returns how many events were handled.
func (f *flow) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.handled)
}

// numberIn is the number of an event, in digits, from its message or payload.
func numberIn(text []byte) string {
	_, rest, _ := strings.Cut(string(text), `"number":`) // an original puts a space behind it
	number, _, _ := strings.Cut(rest, "}")
	return strings.TrimSpace(number)
}

// Write takes what receivers log, and counts.
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

// flowFor waits until so many events more are handled.
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
		return fmt.Errorf("%d of %d events flow: %w", flowed, events, err)
	}
	return nil
}

// flowsAgain waits until an event that was sent from now on is handled in each
// queue, and by each of these receivers, and notes how long that took.
func (f *flow) flowsAgain(ctx context.Context, receivers ...int) error {
	return f.flowsSince(ctx, f.mark(), receivers...)
}

// mark is a point of a flow.
type mark struct {
	next int // number of the first event after it
	time time.Time
}

func (f *flow) mark() mark {
	f.mu.Lock()
	defer f.mu.Unlock()
	return mark{f.next, time.Now()}
}

// flowsSince does so for events that were sent since then.
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

// until waits until a condition on the sent and handled events holds. It gives up if
// nothing is promised or handled for patience, and after enduring in any case.
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
			return fmt.Errorf("nothing flows: %w", context.Cause(still))
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

// stop ends senders and receivers, if they are still there.
func (f *flow) stop() {
	f.stopSending()
	f.stopReceiving()
	f.sending.Wait()
	f.receiving.Wait()
}
