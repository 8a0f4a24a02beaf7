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

// consuming receives messages in a way of its own.
type consuming struct {
	// receive receives until the context ends, and calls heard for each message.
	receive func(ctx context.Context, s *stage, heard func(mark int64)) error
	// push opens a way to store messages that receive finds; nil is a list.
	push openSender
	// left verifies that nothing is left in a peer's store; nil asks for keys.
	left func(ctx context.Context, s *stage) error
}

// tally counts the messages of a run.
type tally struct {
	warm, total int64
	heard       atomic.Int64
	seen        []atomic.Uint32
	strange     atomic.Int64
	begin, end  reading
	done        chan struct{}
	// each, where set, is called for every message.
	each func(mark int64)
}

func newTally(warm, count int) *tally {
	return &tally{warm: int64(warm), total: int64(warm + count), seen: make([]atomic.Uint32, warm+count), done: make(chan struct{})}
}

// hear counts a message.
func (t *tally) hear(mark int64) {
	if i := mark - firstMark; i >= 0 && i < int64(len(t.seen)) {
		t.seen[i].Add(1)
	} else {
		t.strange.Add(1)
	}
	if t.each != nil {
		t.each(mark)
	}
	switch t.heard.Add(1) {
	case t.warm:
		t.begin = read()
	case t.total:
		t.end = read()
		close(t.done)
	}
}

// verify reports messages that did not come exactly once.
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
	if missing > 0 || repeated > 0 || t.strange.Load() > 0 {
		return fmt.Errorf("of %d messages %d are missing and %d came twice; %d came that were not sent", len(t.seen), missing, repeated, t.strange.Load())
	}
	return nil
}

// patience is how long a run may take until it counts as failed.
const patience = time.Minute

// during runs a receiver while the work goes on, and stops it then.
func (c consuming) during(ctx context.Context, s *stage, heard func(mark int64), work func(ctx context.Context) error) error {
	receiving, stop := context.WithCancel(ctx)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ended := make(chan error, 1)
	go func() {
		err := c.receive(receiving, s, heard)
		if receiving.Err() == nil { // nobody stopped it
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

// await waits until all messages came.
func (t *tally) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case <-t.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%d of %d messages came: %w", t.heard.Load(), t.total, context.Cause(ctx))
	}
}

// store stores messages for the receiver.
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

// nothingLeft verifies that the receiver left no message behind.
func (c consuming) nothingLeft(ctx context.Context, s *stage) error {
	if c.left != nil {
		return c.left(ctx, s)
	}
	return s.leftNothing(ctx)
}

// settle waits, while the receiver runs, until a peer has acknowledged what it handled:
// it does so after it has handed a message on, and no more once it is stopped.
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

// measureReceive measures how fast a receiver empties a full list, from the
// message on by which it is warm.
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
		err = c.during(ctx, s, t.hear, func(ctx context.Context) (err error) {
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

// libraryReceiver receives by the library with options.
func libraryReceiver(register func(mux *remoteevent.Mux, heard func(mark int64)) error, options ...remoteevent.ReceiverOption) consuming {
	return consuming{receive: func(ctx context.Context, s *stage, heard func(mark int64)) error {
		client := s.client()
		defer client.Close()
		mux, err := remoteevent.NewMux()
		if err != nil {
			return err
		}
		if err := register(mux, heard); err != nil {
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
func typed(mux *remoteevent.Mux, heard func(mark int64)) error {
	return remoteevent.Handle(mux, func(_ context.Context, order Order) error {
		heard(order.Mark)
		return nil
	})
}

// generic decodes the payload into a map.
func generic(mux *remoteevent.Mux, heard func(mark int64)) error {
	return remoteevent.Handle(mux, func(_ context.Context, order AnyOrder) error {
		mark, _ := order["mark"].(float64) // 0 is no mark
		heard(int64(mark))
		return nil
	})
}

// undecoded takes the payload's bytes.
func undecoded(mux *remoteevent.Mux, heard func(mark int64)) error {
	return mux.Listen(queue, func(_ context.Context, delivery *remoteevent.Delivery) error {
		heard(markOf(delivery.Payload()))
		return nil
	})
}

// brpop is a loop of BRPOP, which hands on the bytes.
func brpop(decode func(raw []byte) (int64, error)) consuming {
	return consuming{receive: func(ctx context.Context, s *stage, heard func(mark int64)) error {
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
			heard(mark)
		}
	}}
}

func bytesOnly(raw []byte) (int64, error) { return markOf(raw), nil }

// byEncodingJSON decodes a message as one does who has no library for it.
func byEncodingJSON(raw []byte) (int64, error) {
	var message struct {
		Data    Order    `json:"data"`
		Signals []string `json:"signals"`
	}
	err := json.Unmarshal(raw, &message)
	return message.Data.Mark, err
}

// rpop takes many messages with each RPOP.
func rpop(most int) consuming {
	return consuming{receive: func(ctx context.Context, s *stage, heard func(mark int64)) error {
		client := s.client()
		defer client.Close()
		for ctx.Err() == nil {
			popped, err := client.RPopCount(ctx, queue, s.chunk(most)).Result()
			switch {
			case errors.Is(err, redis.Nil):
				<-ctx.Done() // the list was full, and is empty now
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
				heard(mark)
			}
		}
		return nil
	}}
}

// handRPOP is the same without a library, bytes only.
func handRPOP(most int) consuming {
	return consuming{receive: func(ctx context.Context, s *stage, heard func(mark int64)) error {
		r, err := dialRESP(context.WithoutCancel(ctx), s.options)
		if err != nil {
			return err
		}
		defer r.close()
		var buffer []byte
		for ctx.Err() == nil {
			var n int
			n, buffer, err = r.pop(queue, s.chunk(most), buffer, func(raw []byte) { heard(markOf(raw)) })
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

// blmove moves each message to a list of its own, and removes it when it is handled.
func blmove() consuming {
	return consuming{receive: func(ctx context.Context, s *stage, heard func(mark int64)) error {
		client := s.client()
		defer client.Close()
		working := queue + ":working"
		moving := s.client() // which blocks, and is closed to interrupt that
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
			heard(mark)
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

// measureOneByOne sends each message when the one before is handled, so that none
// is ever received together with another. The pushes do not count for Redis'
// commands.
func measureOneByOne(c consuming) func(ctx context.Context, s *stage, p pace) (Sample, error) {
	return func(ctx context.Context, s *stage, _ pace) (Sample, error) {
		warm := max(1, s.count/5)
		t := newTally(warm, s.count)
		next := make(chan struct{}, 1)
		t.each = func(int64) { next <- struct{}{} }
		var before, after serverReading
		err := c.during(ctx, s, t.hear, func(ctx context.Context) (err error) {
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
					return fmt.Errorf("message %d did not come: %w", i, context.Cause(ctx))
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
