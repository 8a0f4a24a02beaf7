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

// originalsKilled has originals receive beside reliable receivers, and kills them
// with SIGKILL. What they held is gone, as they deliver at most once; it is counted
// apart, and nothing else may be gone.
func originalsKilled(ctx context.Context, size Size) (figures Figures, err error) {
	server, client, f, end, err := startAlone(ctx, redisserver.Options{}, "originals killed")
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
	// What reliable receivers took has ids, and each of them was handled or is dead.
	// The originals took the rest of what was pushed.
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
		err = fmt.Errorf("%d originals, which hold one event at a time, cannot have lost %d", size.Rounds, figures.Taken)
	}
	return figures, err
}

// oneOriginal has an original receive until it has handled so many events, kills it
// a while later, and returns how many it has handled.
func (f *flow) oneOriginal(ctx context.Context, redisURL string, number, events int, later time.Duration) (handled int, err error) {
	life, kill := context.WithCancel(ctx)
	defer kill()
	receiver, err := startPython(ctx, life, redisURL)
	if err != nil {
		return 0, err
	}
	defer func() { _ = receiver.Close() }() // it was killed
	queue := f.queues[0]
	if err := receiver.Receive(ctx, []string{queue}, []string{queue}); err != nil {
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
			return handled, fmt.Errorf("an original does not receive any more: %+v, %w", observed, err)
		}
		n, _ := strconv.Atoi(numberIn([]byte(event.PayloadText)))
		f.note(number, queue, n)
		if handled++; handled == events {
			time.AfterFunc(later, kill)
		}
	}
}
