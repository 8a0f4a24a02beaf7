package faults

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/remote-events/remote-events/compat/internal/adapter"
	"github.com/remote-events/remote-events/compat/internal/calibration"
	"github.com/remote-events/remote-events/compat/internal/protocol"
	"github.com/remote-events/remote-events/compat/internal/redisserver"
)

// originalsKilled runs originals beside reliable receivers, and kills the originals with
// SIGKILL. Originals deliver at most once, so their unhandled events are lost. These events
// are counted separately. No other event may be lost.
func originalsKilled(ctx context.Context, size Size) (figures Figures, err error) {
	server, client, f, end, err := startAlone(ctx, size, redisserver.Options{}, "originals killed")
	if err != nil {
		return figures, err
	}
	defer func() { err = errors.Join(err, end()) }()
	number := f.register()
	chance := rand.New(rand.NewPCG(size.Seed, 1))
	handled := 0
	for range size.Rounds {
		n, err := f.oneOriginal(ctx, server.URL(), number, size.Events, time.Duration(chance.IntN(20))*time.Millisecond)
		handled += n
		if err != nil {
			return figures, err
		}
	}
	f.stopSending()
	f.sending.Wait()
	dead, err := f.drain(ctx, client)
	if err != nil {
		return figures, err
	}
	// The messages that reliable receivers took have ids, and each is handled or dead.
	// The originals took all other pushed messages.
	pushed, err := calls(ctx, client, "lpush")
	if err != nil {
		return figures, err
	}
	f.mu.Lock()
	f.taken = pushed - len(f.deliveries) - len(dead) - handled
	f.mu.Unlock()
	figures, err = f.finish(ctx, client)
	figures.Faults = size.Rounds
	if err == nil && (figures.Taken < 0 || figures.Taken > size.Rounds) {
		err = fmt.Errorf("%d originals with one event each in flight cannot have lost %d events", size.Rounds, figures.Taken)
	}
	return figures, err
}

// oneOriginal runs an original until it has handled the given number of events. It then waits
// for later and kills the original. It returns the number of handled events.
func (f *flow) oneOriginal(ctx context.Context, redisURL string, number, events int, later time.Duration) (handled int, err error) {
	life, kill := context.WithCancel(ctx)
	defer kill()
	receiver, err := startPython(ctx, life, redisURL)
	if err != nil {
		return 0, err
	}
	defer func() { _ = receiver.Close() }() // the error is that of the kill
	queue := f.queues[0]
	if err := receiver.Receive(ctx, protocol.Reception{Queues: []string{queue}, Signals: []string{queue}}); err != nil {
		return 0, err
	}
	for {
		waiting, cancel := calibration.WithTimeout(ctx, patience)
		observed, err := receiver.Next(waiting)
		cancel()
		event, ok := observed.(protocol.Event)
		switch {
		case err != nil && life.Err() != nil && ctx.Err() == nil && !errors.Is(err, adapter.ErrTimeout):
			return handled, nil
		case err != nil || !ok:
			return handled, fmt.Errorf("an original has stopped receiving: %+v, %w", observed, err)
		}
		n, _ := strconv.Atoi(numberIn([]byte(event.PayloadText)))
		f.note(number, queue, n)
		if handled++; handled == events {
			time.AfterFunc(later, kill)
		}
	}
}
