package faults

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/compat/internal/adapter"
	"github.com/remote-events/remote-events/compat/internal/protocol"
)

// external is a consumer that is the reliable receiver of an adapter.
type external struct {
	*adapter.Adapter

	working sync.WaitGroup // its listeners
	reading sync.WaitGroup
	ending  atomic.Bool // it was killed or asked to stop
}

// The settings of the reliable receivers of adapters, which are the settings of the library's
// receivers.
const (
	adapterAttempts = 5
	adapterRetry    = 100 * time.Millisecond
)

// startAdapter starts an adapter that receives from queues of the flow.
func (f *flow) startAdapter(ctx context.Context, addr string, queues []string, lease, work time.Duration) (_ *external, err error) {
	process, err := adapter.Start(context.WithoutCancel(ctx), adapter.Options{
		Command: f.adapter, RedisURL: "redis://" + addr, StartTimeout: patience, Timeout: patience, Grace: patience,
	})
	if err != nil {
		return nil, fmt.Errorf("start the adapter: %w", err)
	}
	e := &external{Adapter: process}
	defer func() {
		if err != nil {
			err = errors.Join(err, process.Close())
		}
	}()
	who, err := process.Hello(ctx)
	if err != nil {
		return nil, fmt.Errorf("start the adapter: %w", err)
	}
	if !slices.Contains(who.Classes, protocol.ReliableReceiver) {
		return nil, fmt.Errorf("the adapter does not claim the class %q", protocol.ReliableReceiver)
	}
	err = process.Receive(ctx, protocol.Reception{Queues: queues, Signals: queues, Hold: work > 0, Reliable: &protocol.Reliable{
		LeaseMS: lease.Milliseconds(), MaxAttempts: adapterAttempts, RetryMS: adapterRetry.Milliseconds(),
	}})
	if err != nil {
		return nil, err
	}
	number := f.register()
	f.elsewhere = true
	e.reading.Go(func() { e.read(ctx, f, number, work) })
	return e, nil
}

// read records the handled events until the adapter has ended.
func (e *external) read(ctx context.Context, f *flow, number int, work time.Duration) {
	for {
		observed, err := e.Next(context.WithoutCancel(ctx))
		if err != nil {
			if !e.ending.Load() {
				f.fail(fmt.Errorf("the adapter has stopped receiving: %w", err))
			}
			return
		}
		event, ok := observed.(protocol.Event)
		if !ok {
			f.fail(fmt.Errorf("the adapter has stopped receiving: %+v", observed))
			return
		}
		n, err := strconv.Atoi(numberIn([]byte(event.PayloadText)))
		if err != nil {
			f.fail(fmt.Errorf("the adapter reported an event that was not sent: %s", event.PayloadText))
			return
		}
		e.working.Go(func() {
			pause(ctx, work)
			f.note(number, event.EventName, n)
			if event.Call != 0 {
				_ = e.Return(context.WithoutCancel(ctx), protocol.Return{Call: event.Call}) // or it was killed
			}
		})
	}
}

func (e *external) kill() error {
	e.ending.Store(true)
	e.Kill()
	e.reading.Wait()
	e.working.Wait()
	return e.Close()
}

func (e *external) end() error {
	e.ending.Store(true)
	e.Stop()
	e.reading.Wait() // its listeners end first
	e.working.Wait()
	return e.Close()
}

func (e *external) suspend() error { return e.Suspend() }
func (e *external) resume() error  { return e.Resume() }

// receiveByAdapter starts an adapter that receives from all queues until the flow ends.
func (f *flow) receiveByAdapter(client redis.UniversalClient) error {
	single, ok := client.(*redis.Client)
	if !ok {
		return errors.New("the receivers of adapters connect to one server")
	}
	e, err := f.startAdapter(f.receiveCtx, single.Options().Addr, f.queues, lease, f.work)
	if err != nil {
		return err
	}
	f.receiving.Go(func() {
		<-f.receiveCtx.Done()
		if err := e.end(); err != nil {
			f.fail(err)
		}
	})
	return nil
}
