package faults

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/compat/internal/calibration"
	"github.com/remote-events/remote-events/compat/internal/redisserver"
	"github.com/remote-events/remote-events/go/queueadmin"
	"github.com/remote-events/remote-events/go/remoteevent"
)

// outOfMemory makes Redis deny commands that need memory (noeviction) while many events are
// waiting. The listeners succeed, fail, fail permanently, or run for longer than a third of
// a lease. Receivers must continue until no event is left, and operators must be able to
// manage the dead letters, although no event can be sent.
func outOfMemory(ctx context.Context, size Size) (figures Figures, err error) {
	server, err := redisserver.StartInstance(ctx, redisserver.Options{Settings: []string{"maxmemory-policy noeviction"}})
	if err != nil {
		return figures, err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	client := redis.NewClient(&redis.Options{Addr: server.Addr()})
	defer func() { _ = client.Close() }()
	var total Figures
	for round := range size.Rounds {
		figures, err := outOfMemoryOnce(ctx, server, client, fmt.Sprintf("full %d", round), size.Events)
		total.add(figures)
		if err != nil {
			return total, err
		}
		total.Faults++
	}
	return total, nil
}

func outOfMemoryOnce(ctx context.Context, server *redisserver.Instance, client *redis.Client, name string, events int) (figures Figures, err error) {
	f := newFlow(ctx, Size{}, name)
	defer f.stop()
	queue, err := queueadmin.Open(client, name)
	if err != nil {
		return figures, err
	}
	store, err := plainly(client)
	if err != nil {
		return figures, err
	}
	for range events {
		if err := f.sendOne(store); err != nil {
			return figures, err
		}
	}
	if err := server.Do(ctx, "CONFIG", "SET", "maxmemory", "1"); err != nil {
		return figures, err
	}
	if err := f.sendOne(store); err == nil {
		return figures, errors.New("a full Redis accepted an event")
	}
	// Two receivers, one after the other: the first one is shut down while it holds
	// prefetched events, and releases them.
	listener := &troubled{flow: f, number: f.register(), enough: make(chan struct{})}
	if err := f.runTroubled(ctx, client, listener, events); err != nil {
		return figures, err
	}
	waited := f.until(ctx, func() bool { return len(f.handled) == events-events/10 })
	if depths, err := queue.Stats(ctx); err != nil || depths.Dead != int64(events/10) {
		return figures, fmt.Errorf("events remain (%+v): %w", depths, errors.Join(waited, err))
	}
	if err := attend(ctx, queue, events/10); err != nil {
		return figures, fmt.Errorf("manage dead letters: %w", err)
	}
	if err := server.Do(ctx, "CONFIG", "SET", "maxmemory", "0"); err != nil {
		return figures, err
	}
	before := f.mark()
	for range events / 5 {
		if err := f.sendOne(store); err != nil {
			return figures, err
		}
	}
	if err := f.flowsSince(ctx, before); err != nil {
		return figures, err
	}
	return f.finish(ctx, client)
}

// troubled is a listener with every outcome.
type troubled struct {
	*flow

	number int
	mu     sync.Mutex
	calls  int
	enough chan struct{} // closed when half of the events are received
}

// deliver fails every tenth event permanently and the first attempt of every seventh, and
// handles every fiftieth until its lease is renewed.
func (l *troubled) deliver(ctx context.Context, d *remoteevent.Delivery, events int) error {
	l.mu.Lock()
	l.calls++
	if l.calls == events/2 {
		close(l.enough)
	}
	l.mu.Unlock()
	var n int
	if _, err := fmt.Sscan(numberIn(d.Payload()), &n); err != nil {
		return err
	}
	switch {
	case n < events && n%10 == 3:
		return remoteevent.Permanent(errors.New("never"))
	case n%7 == 2 && d.Attempt == 1:
		return errors.New("not now")
	case n%50 == 1:
		pause(ctx, lease/2)
	}
	pause(ctx, time.Millisecond)
	l.handle(l.number, d)
	return nil
}

// runTroubled runs a receiver until half of the events are received, and then another one
// until the flow ends.
func (f *flow) runTroubled(ctx context.Context, client *redis.Client, l *troubled, events int) error {
	listen := func() (*remoteevent.Receiver, error) {
		handler := remoteevent.HandlerFunc(func(ctx context.Context, d *remoteevent.Delivery) error {
			return l.deliver(ctx, d, events)
		})
		return remoteevent.NewReceiver(client, handler, append(ordinary(f), remoteevent.WithQueues(f.queues...), remoteevent.WithLease(lease))...)
	}
	first, err := listen()
	if err != nil {
		return err
	}
	second, err := listen()
	if err != nil {
		return err
	}
	half, stop := calibration.WithTimeout(ctx, patience)
	defer stop()
	go func() {
		select {
		case <-l.enough:
			stop()
		case <-half.Done():
		}
	}()
	if err := first.Run(half); err != nil {
		return err
	}
	f.receiving.Go(func() {
		if err := second.Run(f.receiveCtx); err != nil {
			f.fail(err)
		}
	})
	return nil
}

// attend applies all operations to dead letters.
func attend(ctx context.Context, queue *queueadmin.Queue, dead int) error {
	var letters []queueadmin.DeadLetter
	for letter, err := range queue.DeadLetters(ctx) {
		if err != nil {
			return err
		}
		letters = append(letters, letter)
	}
	if len(letters) != dead {
		return fmt.Errorf("%d, not %d", len(letters), dead)
	}
	if _, err := queue.Drain(ctx); err != nil {
		return err
	}
	if err := repair(ctx, queue); err != nil {
		return err
	}
	if _, err := queue.Import(ctx, letters[0]); err != nil {
		return err
	}
	if _, err := queue.Requeue(ctx, letters[1].ID); err != nil { // it becomes a dead letter again
		return err
	}
	_, err := queue.Drop(ctx, letters[0].ID)
	return err
}
