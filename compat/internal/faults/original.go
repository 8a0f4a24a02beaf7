package faults

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/remote-events/remote-events/compat/internal/adapter"
	"github.com/remote-events/remote-events/compat/internal/cache"
	"github.com/remote-events/remote-events/compat/internal/environment"
	"github.com/remote-events/remote-events/compat/internal/protocol"
	"github.com/remote-events/remote-events/compat/originals"
	"github.com/remote-events/remote-events/go/wire"
)

// original is the latest original, as a sender and as a receiver.
type original struct{ sender, receiver *adapter.Adapter }

// latest returns the original that is used.
func latest() environment.Original {
	published := environment.Originals()
	return published[len(published)-1]
}

// startOriginal starts both processes. It first builds the environment if it is absent.
func startOriginal(ctx context.Context, redisURL string) (_ *original, err error) {
	o := &original{}
	for _, role := range []**adapter.Adapter{&o.sender, &o.receiver} {
		if *role, err = startPython(ctx, context.WithoutCancel(ctx), redisURL); err != nil {
			return nil, errors.Join(err, o.close())
		}
	}
	return o, nil
}

// startPython starts one process of the original. The end of life kills it.
func startPython(ctx, life context.Context, redisURL string) (*adapter.Adapter, error) {
	dir, err := cache.Default()
	if err != nil {
		return nil, err
	}
	built, err := environment.New(dir, "", os.Stderr).Ensure(ctx, latest())
	if err != nil {
		return nil, err
	}
	command, err := originals.Command(dir, built)
	if err != nil {
		return nil, err
	}
	process, err := adapter.Start(life, adapter.Options{
		Command: command, RedisURL: redisURL, StartTimeout: patience, Timeout: patience, Grace: patience,
	})
	if err != nil {
		return nil, fmt.Errorf("start an original: %w", err)
	}
	if _, err := process.Hello(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start an original: %w", err), process.Close())
	}
	return process, nil
}

func (o *original) close() (err error) {
	for _, role := range []*adapter.Adapter{o.sender, o.receiver} {
		if role != nil {
			err = errors.Join(err, role.Close())
		}
	}
	return err
}

// push sends an event with the original.
func (o *original) push(ctx context.Context, event wire.Envelope) error {
	return o.sender.Send(ctx, protocol.Message{EventName: event.EventName, PayloadText: string(event.Payload)})
}

// receiveBy makes an original receive from the flow's first queue until the flow ends.
func (f *flow) receiveBy(ctx context.Context, o *original) error {
	queue := f.queues[0]
	if err := o.receiver.Receive(ctx, protocol.Reception{Queues: []string{queue}, Signals: []string{queue}}); err != nil {
		return err
	}
	number := f.register()
	f.elsewhere = true
	f.receiving.Go(func() {
		for f.receiveCtx.Err() == nil {
			waiting, cancel := context.WithTimeout(f.receiveCtx, time.Second)
			observed, err := o.receiver.Next(waiting)
			cancel()
			switch event, ok := observed.(protocol.Event); {
			case err != nil && (f.receiveCtx.Err() != nil || errors.Is(err, adapter.ErrTimeout)):
			case err != nil || !ok:
				f.fail(fmt.Errorf("an original has stopped receiving: %+v, %w", observed, err))
				return
			default:
				n, _ := strconv.Atoi(numberIn([]byte(event.PayloadText)))
				f.note(number, queue, n)
			}
		}
	})
	return nil
}
