package faults

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"github.com/remote-events/remote-events/compat/internal/calibration"
	"github.com/remote-events/remote-events/compat/internal/redisserver"
	"github.com/remote-events/remote-events/go/queueadmin"
	"github.com/remote-events/remote-events/go/remoteevent"
)

// A life is the work of a client on a queue, until it is complete or the client dies.
type life struct {
	name string
	// prepare prepares the queue for the life.
	prepare func(ctx context.Context, t *trial) error
	// live does the work, through the cutter. The error is ignored if the client died.
	live func(ctx context.Context, t *trial) error
}

func lives() []life {
	return []life{
		{"success", messages, receiving((*trial).succeed)},
		{"wait", nothing, waiting},
		{"error", messages, receiving(func(*trial, context.Context, *remoteevent.Delivery) error { return errors.New("not now") })},
		{"panic", messages, receiving(func(*trial, context.Context, *remoteevent.Delivery) error { panic("not now") })},
		{"permanent error", messages, receiving(func(*trial, context.Context, *remoteevent.Delivery) error {
			return remoteevent.Permanent(errors.New("never"))
		})},
		{"requeue", deadLetters, func(ctx context.Context, t *trial) error {
			ids, err := t.deadIDs(ctx)
			if err == nil {
				_, err = t.dying.Requeue(ctx, ids...)
			}
			return err
		}},
		{"import", messages, importDeadLetters},
		{"drop", deadLetters, drop},
		{"drain", staged, func(ctx context.Context, t *trial) error {
			_, err := t.dying.Drain(ctx)
			return err
		}},
		{"repair", forgotten, func(ctx context.Context, t *trial) error {
			return repair(ctx, t.dying)
		}},
	}
}

// trial is one run of a life, cut at one place or nowhere, with the outcome of its events.
type trial struct {
	*flow

	near   *redis.Client // directly to Redis
	cutter *cutter
	client *redis.Client // through the cutter
	queue  *queueadmin.Queue
	dying  *queueadmin.Queue
	number int // the client's number as a receiver
}

// crashLease is short, because each trial waits until the leases of the dead expire.
const crashLease = 300 * time.Millisecond

func nothing(context.Context, *trial) error { return nil }

// waiting is the life of a receiver that must wait for its messages.
func waiting(ctx context.Context, t *trial) error {
	var sending sync.WaitGroup
	var failed error
	sending.Go(func() {
		t.waitFor(ctx, "blmove")
		failed = messages(ctx, t)
	})
	lived := receiving((*trial).succeed)(ctx, t)
	sending.Wait()
	return errors.Join(lived, failed)
}

// messages sends valid messages and a malformed one.
func messages(ctx context.Context, t *trial) error {
	store, err := plainly(t.near)
	if err != nil {
		return err
	}
	for range 6 {
		if err := t.sendOne(store); err != nil {
			return err
		}
	}
	name, number := t.queues[0], t.reserve()
	err = t.near.LPush(ctx, name, fmt.Appendf(nil, `{"signals": null, "data": {"number":%d}}`, number)).Err()
	t.sent(key(name, number), err)
	return err
}

// deadLetters makes messages into dead letters.
func deadLetters(ctx context.Context, t *trial) error {
	if err := messages(ctx, t); err != nil {
		return err
	}
	receiver, err := t.receiver(t.near, func(context.Context, *remoteevent.Delivery) error {
		return remoteevent.Permanent(errors.New("never"))
	})
	if err != nil {
		return err
	}
	sent := int64(t.mark().next)
	return t.runUntil(ctx, receiver, func(d queueadmin.Stats) bool { return d.Dead == sent })
}

// staged leaves a message that was staged and never claimed.
func staged(ctx context.Context, t *trial) error {
	if err := messages(ctx, t); err != nil {
		return err
	}
	return t.near.LMove(ctx, t.queues[0], t.queue.CompanionKeys()["staging"], "right", "left").Err()
}

// forgotten leaves messages that were claimed, and deletes their leases.
func forgotten(ctx context.Context, t *trial) error {
	if err := messages(ctx, t); err != nil {
		return err
	}
	cutter, err := startCutter(ctx, t.near.Options().Addr, "exchange", 2, beforeRequest)
	if err != nil {
		return err
	}
	defer cutter.close()
	client := redis.NewClient(&redis.Options{Addr: cutter.addr(), DialerRetries: 1, MaxRetries: -1})
	defer func() { _ = client.Close() }()
	receiver, err := t.receiver(client, func(context.Context, *remoteevent.Delivery) error { return errors.New("not now") })
	if err != nil {
		return err
	}
	if err := receiver.Run(cutter.ctx); err != nil {
		return err
	}
	return t.near.Del(ctx, t.queue.CompanionKeys()["claims"]).Err()
}

// importDeadLetters imports dead letters.
func importDeadLetters(ctx context.Context, t *trial) error {
	var letters []queueadmin.DeadLetter
	var numbers []int
	for range 3 {
		number := t.reserve()
		letters = append(letters, queueadmin.DeadLetter{
			Raw: fmt.Appendf(nil, `{"signals": [%q], "data": {"number":%d}}`, t.queues[0], number),
		})
		numbers = append(numbers, number)
	}
	_, err := t.dying.Import(ctx, letters...)
	if err == nil {
		for _, number := range numbers {
			t.sent(key(t.queues[0], number), nil)
		}
	}
	return err
}

// repair repairs the problems that an audit reports.
func repair(ctx context.Context, queue *queueadmin.Queue) error {
	var ids []string
	for fault, err := range queue.Audit(ctx) {
		if err != nil {
			return err
		}
		ids = append(ids, fault.ID)
	}
	_, err := queue.Repair(ctx, ids...)
	return err
}

// drop deletes one dead letter. It counts as handled.
func drop(ctx context.Context, t *trial) error {
	for letter, err := range t.dying.DeadLetters(ctx) {
		if err != nil {
			return err
		}
		t.forgo(t.queues[0] + " " + numberIn(letter.Raw))
		_, err = t.dying.Drop(ctx, letter.ID)
		return err
	}
	return errors.New("there are no dead letters")
}

func (t *trial) deadIDs(ctx context.Context) (ids []string, err error) {
	for letter, err := range t.queue.DeadLetters(ctx) {
		if err != nil {
			return nil, err
		}
		ids = append(ids, letter.ID)
	}
	return ids, nil
}

func (t *trial) succeed(_ context.Context, d *remoteevent.Delivery) error {
	t.handle(t.number, d)
	return nil
}

// receiver returns a receiver that handles one message at a time and prefetches others.
func (t *trial) receiver(client *redis.Client, handler remoteevent.HandlerFunc) (*remoteevent.Receiver, error) {
	return remoteevent.NewReceiver(client, handler, remoteevent.WithQueues(t.queues...),
		remoteevent.WithLogger(slog.New(slog.DiscardHandler)), remoteevent.WithLease(crashLease), remoteevent.WithPrefetch(4),
		remoteevent.WithBackoff(time.Millisecond, 5*time.Millisecond), remoteevent.WithDeduplication(time.Hour, 1000),
		remoteevent.WithMaxAttempts(50), remoteevent.WithShutdownTimeout(patience))
}

// receiving returns the life of a receiver: it handles messages, renews a lease, and
// releases its prefetched messages at shutdown.
func receiving(outcome func(*trial, context.Context, *remoteevent.Delivery) error) func(context.Context, *trial) error {
	return func(ctx context.Context, t *trial) error {
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		calls := 0
		receiver, err := t.receiver(t.client, func(ctx context.Context, d *remoteevent.Delivery) error {
			calls++
			switch calls {
			case 1: // long enough for a renewal of the lease
				t.waitFor(ctx, "extend")
			case 5:
				stop()
			}
			return outcome(t, ctx, d)
		})
		if err != nil {
			return err
		}
		context.AfterFunc(t.cutter.ctx, stop)
		return receiver.Run(ctx)
	}
}

// waitFor waits for a command of that kind.
func (t *trial) waitFor(ctx context.Context, command string) {
	for ctx.Err() == nil && t.cutter.ctx.Err() == nil && t.cutter.counts()[command] == 0 {
		pause(ctx, time.Millisecond)
	}
}

// runUntil runs a receiver until the queue's stats satisfy done.
func (t *trial) runUntil(ctx context.Context, receiver *remoteevent.Receiver, done func(queueadmin.Stats) bool) error {
	ctx, stop := calibration.WithTimeout(ctx, patience)
	defer stop()
	var running sync.WaitGroup
	var failed error
	running.Go(func() { failed = receiver.Run(ctx) })
	for {
		depths, err := t.queue.Stats(ctx)
		if err != nil || done(depths) {
			stop()
			running.Wait()
			return errors.Join(err, failed)
		}
		pause(ctx, time.Millisecond)
	}
}

// try runs a life once, lets another client finish its work, and returns the outcome of the
// events and the number of commands of each kind.
func try(ctx context.Context, server *redisserver.Instance, name string, l life, command string, nth int, where cut) (_ Figures, commands map[string]int, died bool, err error) {
	t := &trial{flow: newFlow(ctx, Size{}, name), near: redis.NewClient(&redis.Options{Addr: server.Addr()})}
	defer t.stop()
	defer func() { err = errors.Join(err, t.near.Close()) }()
	if t.queue, err = queueadmin.Open(t.near, name); err != nil {
		return Figures{}, nil, false, err
	}
	if err := l.prepare(ctx, t); err != nil {
		return Figures{}, nil, false, fmt.Errorf("prepare: %w", err)
	}
	if t.cutter, err = startCutter(ctx, server.Addr(), command, nth, where); err != nil {
		return Figures{}, nil, false, err
	}
	defer t.cutter.close()
	t.number = t.register()
	t.client = redis.NewClient(&redis.Options{Addr: t.cutter.addr(), DialerRetries: 1, MaxRetries: -1})
	defer func() { err = errors.Join(err, t.client.Close()) }()
	if t.dying, err = queueadmin.Open(t.client, name); err != nil {
		return Figures{}, nil, false, err
	}
	t.cutter.forget = func() error { return t.near.ScriptFlush(ctx).Err() }
	lived := l.live(ctx, t)
	died = t.cutter.ctx.Err() != nil
	t.cutter.end()
	if !died && lived != nil {
		return Figures{}, nil, false, lived
	}
	if err := t.receive(t.near, remoteevent.WithLease(crashLease)); err != nil {
		return Figures{}, nil, false, err
	}
	if l.name == "repair" { // the repairing client has died, so another one repairs
		if err := repair(ctx, t.queue); err != nil {
			return Figures{}, nil, false, err
		}
	}
	figures, err := t.finish(ctx, t.near)
	return figures, t.cutter.counts(), died, err
}

// ofProtocol reports whether a command belongs to reliable delivery.
func ofProtocol(command string) bool {
	return !slices.Contains([]string{"hello", "client", "ping", "auth", "select"}, command)
}

// crashPoints kills clients before, during and after each command, with every outcome of
// their listeners. It interrupts Size.Rounds commands of each kind.
func crashPoints(ctx context.Context, size Size) (figures Figures, err error) {
	server, err := redisserver.StartInstance(ctx, redisserver.Options{})
	if err != nil {
		return figures, err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	var mu sync.Mutex
	trials := 0
	attempt := func(ctx context.Context, l life, command string, nth int, where cut) (map[string]int, bool, error) {
		mu.Lock()
		trials++
		name := fmt.Sprintf("crash %d 日本 {x}", trials)
		mu.Unlock()
		f, commands, died, err := try(ctx, server, name, l, command, nth, where)
		mu.Lock()
		defer mu.Unlock()
		if ctx.Err() == nil { // otherwise another trial has failed
			figures.add(f)
		}
		if err != nil {
			err = fmt.Errorf("%s, dead at %s %d, %v: %w", l.name, command, nth, where, err)
		}
		return commands, died, err
	}
	group, running := errgroup.WithContext(ctx)
	group.SetLimit(48) // they mostly wait until leases expire
	for _, l := range lives() {
		commands, _, err := attempt(ctx, l, "", 0, beforeRequest)
		if err != nil {
			return figures, errors.Join(err, group.Wait())
		}
		for _, command := range slices.Sorted(maps.Keys(commands)) {
			if isScript(command) { // Redis may lose its scripts at any time
				commands[command+inFull] = 1
			}
		}
		for command, times := range commands {
			if !ofProtocol(command) || command == "blmove" && l.name != "wait" { // only this life waits regularly
				continue
			}
			for nth := range min(times, size.Rounds) {
				for _, where := range cuts() {
					group.Go(func() error {
						for range 5 {
							_, died, err := attempt(running, l, command, nth+1, where)
							if died {
								mu.Lock()
								figures.Faults++
								mu.Unlock()
							}
							if died || err != nil {
								return err
							}
						}
						if nth > 0 {
							return nil // the number of calls varies
						}
						return fmt.Errorf("%s: %s was not called (to be cut %v)", l.name, command, where)
					})
				}
			}
		}
	}
	return figures, group.Wait()
}
