package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/remoteevent"
)

// consuming is a way to receive messages.
type consuming struct {
	// receive receives until the context ends. It calls received for each message.
	receive func(ctx context.Context, s *stage, received func(mark int64)) error
	// push opens a way to send messages to receive. The default is a list.
	push openSender
	// left verifies that a peer's store is empty. The default checks the keys.
	left func(ctx context.Context, s *stage) error
}

// tally counts the messages of a run.
type tally struct {
	warm, total int64
	received    atomic.Int64
	seen        []atomic.Uint32
	unexpected  atomic.Int64
	begin, end  reading
	done        chan struct{}
	// each, if not nil, is called for every message.
	each func(mark int64)
}

func newTally(warm, count int) *tally {
	return &tally{warm: int64(warm), total: int64(warm + count), seen: make([]atomic.Uint32, warm+count), done: make(chan struct{})}
}

// receive counts a message.
func (t *tally) receive(mark int64) {
	if i := mark - firstMark; i >= 0 && i < int64(len(t.seen)) {
		t.seen[i].Add(1)
	} else {
		t.unexpected.Add(1)
	}
	if t.each != nil {
		t.each(mark)
	}
	switch t.received.Add(1) {
	case t.warm:
		t.begin = read()
	case t.total:
		t.end = read()
		close(t.done)
	}
}

// verify reports messages that were not received exactly once.
func (t *tally) verify() error {
	missing, repeated := 0, 0
	for i := range t.seen {
		switch t.seen[i].Load() {
		case 0:
			missing++
		case 1:
		default:
			repeated++
		}
	}
	if missing > 0 || repeated > 0 || t.unexpected.Load() > 0 {
		return fmt.Errorf("of %d messages %d missing and %d received twice; %d unexpected", len(t.seen), missing, repeated, t.unexpected.Load())
	}
	return nil
}

// patience is the deadline of a run.
const patience = time.Minute

// during runs a receiver while work runs, and then stops it.
func (c consuming) during(ctx context.Context, s *stage, received func(mark int64), work func(ctx context.Context) error) error {
	receiving, stop := context.WithCancel(ctx)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ended := make(chan error, 1)
	go func() {
		err := c.receive(receiving, s, received)
		if receiving.Err() == nil { // work still runs
			cancel(errors.Join(errors.New("the receiver ended"), err))
			err = nil
		}
		ended <- err
	}()
	err := work(ctx)
	if err == nil {
		err = c.settle(ctx, s)
	}
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = cause
	}
	stop()
	return errors.Join(err, <-ended)
}

// await waits until all messages are received.
func (t *tally) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case <-t.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("received %d of %d messages: %w", t.received.Load(), t.total, context.Cause(ctx))
	}
}

// store sends messages to the receiver.
func (c consuming) store(ctx context.Context, s *stage, count int) (err error) {
	if c.push == nil {
		return s.fill(ctx, queue, count)
	}
	w, err := c.push(ctx, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	return concurrently(ctx, 50, count, func(ctx context.Context, first, count int) error {
		return w.send(ctx, firstMark+int64(first), count)
	})
}

// nothingLeft verifies that the receiver left no message.
func (c consuming) nothingLeft(ctx context.Context, s *stage) error {
	if c.left != nil {
		return c.left(ctx, s)
	}
	return s.leftNothing(ctx)
}

// settle waits until a peer has acknowledged its messages. The receiver must run: a peer
// acknowledges a message after it has passed it on, and not after its end.
func (c consuming) settle(ctx context.Context, s *stage) error {
	if c.left == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for {
		err := c.left(ctx, s)
		if err == nil {
			return nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return err
		}
	}
}

// measureReceive measures how fast a receiver empties a full list, after the warm-up.
func measureReceive(c consuming) func(ctx context.Context, s *stage, p pace) (Sample, error) {
	return func(ctx context.Context, s *stage, _ pace) (Sample, error) {
		warm := max(1, s.count/5)
		t := newTally(warm, s.count)
		if err := c.store(ctx, s, warm+s.count); err != nil {
			return nil, err
		}
		before, err := s.read(ctx)
		if err != nil {
			return nil, err
		}
		var after serverReading
		err = c.during(ctx, s, t.receive, func(ctx context.Context) (err error) {
			if err = t.await(ctx); err == nil {
				after, err = s.read(ctx)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		sample := t.end.sample(t.begin, s.count)
		after.add(sample, before, warm+s.count)
		return sample, errors.Join(t.verify(), c.nothingLeft(ctx, s))
	}
}

// libraryReceiver receives with the library and options.
func libraryReceiver(register func(mux *remoteevent.Mux, received func(mark int64)) error, options ...remoteevent.ReceiverOption) consuming {
	return consuming{receive: func(ctx context.Context, s *stage, received func(mark int64)) error {
		client := s.client()
		defer client.Close()
		mux, err := remoteevent.NewMux()
		if err != nil {
			return err
		}
		if err := register(mux, received); err != nil {
			return err
		}
		receiver, err := remoteevent.NewReceiver(client, mux, append(options, remoteevent.WithQueues(queue), quiet)...)
		if err != nil {
			return err
		}
		return receiver.Run(ctx)
	}}
}

// typed decodes the payload into its Go type.
func typed(mux *remoteevent.Mux, received func(mark int64)) error {
	return remoteevent.Handle(mux, func(_ context.Context, order Order) error {
		received(order.Mark)
		return nil
	})
}

// generic decodes the payload into a map.
func generic(mux *remoteevent.Mux, received func(mark int64)) error {
	return remoteevent.Handle(mux, func(_ context.Context, order AnyOrder) error {
		mark, _ := order["mark"].(float64) // 0 is an invalid mark
		received(int64(mark))
		return nil
	})
}

// undecoded receives the payload's bytes.
func undecoded(mux *remoteevent.Mux, received func(mark int64)) error {
	return mux.Listen(queue, func(_ context.Context, delivery *remoteevent.Delivery) error {
		received(markOf(delivery.Payload()))
		return nil
	})
}

// brpop receives with BRPOP, message by message.
func brpop(decode func(raw []byte) (int64, error)) consuming {
	return consuming{receive: func(ctx context.Context, s *stage, received func(mark int64)) error {
		client := s.client()
		defer client.Close()
		// go-redis does not interrupt a blocking command when its context ends.
		defer context.AfterFunc(ctx, func() { client.Close() })()
		for {
			popped, err := client.BRPop(ctx, time.Second, queue).Result()
			switch {
			case ctx.Err() != nil:
				return nil
			case errors.Is(err, redis.Nil):
				continue
			case err != nil:
				return err
			}
			mark, err := decode([]byte(popped[1]))
			if err != nil {
				return err
			}
			received(mark)
		}
	}}
}

func bytesOnly(raw []byte) (int64, error) { return markOf(raw), nil }

// byEncodingJSON decodes a message as code without a library does.
func byEncodingJSON(raw []byte) (int64, error) {
	var message struct {
		Data    Order    `json:"data"`
		Signals []string `json:"signals"`
	}
	err := json.Unmarshal(raw, &message)
	return message.Data.Mark, err
}

// rpop receives many messages with each RPOP.
func rpop(limit int) consuming {
	return consuming{receive: func(ctx context.Context, s *stage, received func(mark int64)) error {
		client := s.client()
		defer client.Close()
		for ctx.Err() == nil {
			popped, err := client.RPopCount(ctx, queue, s.chunk(limit)).Result()
			switch {
			case errors.Is(err, redis.Nil):
				<-ctx.Done() // the list is empty
				return nil
			case ctx.Err() != nil:
				return nil
			case err != nil:
				return err
			}
			for _, raw := range popped {
				mark, err := byEncodingJSON([]byte(raw))
				if err != nil {
					return err
				}
				received(mark)
			}
		}
		return nil
	}}
}

// handRPOP does the same without a client library, and does not decode.
func handRPOP(limit int) consuming {
	return consuming{receive: func(ctx context.Context, s *stage, received func(mark int64)) error {
		r, err := dialRESP(context.WithoutCancel(ctx), s.options)
		if err != nil {
			return err
		}
		defer r.close()
		var buffer []byte
		for ctx.Err() == nil {
			var n int
			n, buffer, err = r.pop(queue, s.chunk(limit), buffer, func(raw []byte) { received(markOf(raw)) })
			if err != nil {
				return err
			}
			if n == 0 {
				<-ctx.Done()
			}
		}
		return nil
	}}
}

// blmove moves each message to a list of its own, and removes it after handling.
func blmove() consuming {
	return consuming{receive: func(ctx context.Context, s *stage, received func(mark int64)) error {
		client := s.client()
		defer client.Close()
		working := queue + ":working"
		moving := s.client() // a blocking client; Close interrupts it
		defer moving.Close()
		defer context.AfterFunc(ctx, func() { moving.Close() })()
		for {
			raw, err := moving.BLMove(ctx, queue, working, "RIGHT", "LEFT", time.Second).Result()
			switch {
			case ctx.Err() != nil:
				return nil
			case errors.Is(err, redis.Nil):
				continue
			case err != nil:
				return err
			}
			mark, err := byEncodingJSON([]byte(raw))
			if err != nil {
				return err
			}
			received(mark)
			if err := client.LRem(context.WithoutCancel(ctx), working, 1, raw).Err(); err != nil {
				return err
			}
		}
	}}
}

func receiveCases() []Case {
	var cases []Case
	for _, size := range Sizes() {
		add := func(w Workload, participant string, c consuming) {
			cases = append(cases, Case{Workload: w, Size: size, Participant: participant, measure: measureReceive(c), own: participant == "asynq"})
		}
		once := remoteevent.WithAtMostOnce()
		prefetch := remoteevent.WithPrefetch(500)
		add(AtMost, "library", libraryReceiver(typed, once))
		add(AtMost, "library-generic", libraryReceiver(generic, once))
		add(AtMost, "library-undecoded", libraryReceiver(undecoded, once))
		add(AtMost, "library-prefetch-500", libraryReceiver(typed, once, prefetch))
		add(AtMost, "library-prefetch-500-generic", libraryReceiver(generic, once, prefetch))
		add(AtMost, "go-redis-brpop", brpop(bytesOnly))
		add(AtMost, "go-redis-rpop-1000", rpop(1000))
		add(AtMost, "resp-rpop-1000", handRPOP(1000))
		cases = append(cases, Case{Workload: AtMost, Size: size, Participant: "original", measure: measureOriginalReceive})

		add(AtLeast, "library", libraryReceiver(typed))
		add(AtLeast, "library-generic", libraryReceiver(generic))
		add(AtLeast, "library-undecoded", libraryReceiver(undecoded))
		add(AtLeast, "library-concurrency-10", libraryReceiver(typed, remoteevent.WithConcurrency(10)))
		add(AtLeast, "library-prefetch-500", libraryReceiver(typed, prefetch))
		add(AtLeast, "library-prefetch-500-generic", libraryReceiver(generic, prefetch))
		add(AtLeast, "go-redis-blmove", blmove())
		add(AtLeast, "asynq", asynqConsuming())
		add(AtLeast, "watermill", watermillConsuming())
		if size == Size100B {
			cases = append(cases,
				Case{Workload: OneByOne, Size: size, Participant: "library", measure: measureOneByOne(libraryReceiver(typed))},
				Case{Workload: OneByOne, Size: size, Participant: "library-at-most-once", measure: measureOneByOne(libraryReceiver(typed, once))},
				Case{Workload: OneByOne, Size: size, Participant: "go-redis-brpop", measure: measureOneByOne(brpop(bytesOnly))},
				Case{Workload: OneByOne, Size: size, Participant: "go-redis-blmove", measure: measureOneByOne(blmove())})
		}
	}
	return cases
}

// measureOneByOne sends each message after the previous one is handled, so that two messages
// are never received together. Redis' time does not include the pushes.
func measureOneByOne(c consuming) func(ctx context.Context, s *stage, p pace) (Sample, error) {
	return func(ctx context.Context, s *stage, _ pace) (Sample, error) {
		warm := max(1, s.count/5)
		t := newTally(warm, s.count)
		next := make(chan struct{}, 1)
		t.each = func(int64) { next <- struct{}{} }
		var before, after serverReading
		err := c.during(ctx, s, t.receive, func(ctx context.Context) (err error) {
			ctx, cancel := context.WithTimeout(ctx, patience)
			defer cancel()
			client := s.client()
			defer client.Close()
			for i := range warm + s.count {
				if i == warm {
					if before, err = s.read(ctx); err != nil {
						return err
					}
				}
				if err := client.LPush(ctx, queue, s.template.marked(firstMark+int64(i))).Err(); err != nil {
					return err
				}
				select {
				case <-next:
				case <-ctx.Done():
					return fmt.Errorf("message %d was not received: %w", i, context.Cause(ctx))
				}
			}
			after, err = s.read(ctx)
			return err
		})
		if err != nil {
			return nil, err
		}
		sample := t.end.sample(t.begin, s.count)
		after.add(sample, before, s.count, "lpush")
		return sample, errors.Join(t.verify(), c.nothingLeft(ctx, s))
	}
}
