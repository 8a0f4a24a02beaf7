package remoteevent

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"runtime"
	"strconv"
	"strings"
	"testing/synctest"
	"time"
)

// simReceiver is a receiver of the simulation.
type simReceiver struct {
	world    *world
	name     string
	r        *Receiver
	lease    time.Duration
	waits    bool
	slow     time.Duration // that its log may take for a line
	crashed  bool          // its process is gone: no call reaches Redis
	faulty   []span        // when calls went wrong
	failures []time.Time   // renewals that went wrong
	stopped  time.Time     // when its shutdown begins, or zero
	stirred  chan struct{}

	ctx     context.Context //nolint:containedctx // that of its Run
	watched map[string]bool // queues, by the bell
}

func (w *world) newReceiver(name string, d *dice) *simReceiver {
	s := &simReceiver{world: w, name: name, watched: map[string]bool{}, waits: !d.oneIn(3), stirred: make(chan struct{}, 1)}
	s.lease = []time.Duration{200 * time.Millisecond, time.Second}[d.below(2)]
	if w.long && d.oneIn(2) || !w.long && d.oneIn(16) {
		s.lease = []time.Duration{5 * time.Second, 30 * time.Second}[d.below(2)]
	}
	if d.oneIn(3) {
		s.slow = d.upTo(200 * time.Millisecond)
	}
	options := []ReceiverOption{
		WithLease(s.lease), WithMaxAttempts(1000), WithBackoff(0, time.Second), WithShutdownTimeout(d.upTo(2 * time.Second)),
		WithLogger(slog.New(&simLog{s})),
	}
	if !w.alone {
		options = append(options, WithConcurrency(1+d.below(4)))
	}
	switch d.below(4) {
	case 0:
		options = append(options, WithPrefetch(d.below(50)))
	case 1:
		options = append(options, WithPrefetch(0))
	}
	if !s.waits && d.oneIn(2) {
		options = append(options, WithTotalConcurrency(1+d.below(4)), WithWeight(1+d.below(5)))
		options = append(options, WithQueue(w.queues[0].name, WithWeight(1+d.below(5))))
	}
	mux := new(Mux)
	for _, q := range w.queues {
		options = append(options, WithQueues(q.name))
		if err := mux.Listen(q.name, s.listen(q, d.oneIn(4))); err != nil {
			panic(err)
		}
	}
	receiver, err := NewReceiver(w.client, mux, options...)
	if err != nil {
		panic(err)
	}
	s.r = receiver
	return s
}

func (s *simReceiver) run(ctx context.Context) {
	s.ctx = ctx
	err := s.r.run(ctx, s)
	s.checkEnded(err)
}

// die ends the receiver's process as far as Redis can see.
func (s *simReceiver) die() {
	s.world.mu.Lock()
	defer s.world.mu.Unlock()
	s.crashed = true
	s.world.notef("%s dies", s.name)
}

func (s *simReceiver) stop(at time.Time) {
	s.world.mu.Lock()
	defer s.world.mu.Unlock()
	s.stopped = at
}

// stir has the accounts checked soon.
func (s *simReceiver) stir() { wake(s.stirred) }

// faultyCall notes the beginning and the end of a call that goes wrong. w.mu is held.
func (s *simReceiver) faultyCall() (end func()) {
	i := len(s.faulty)
	s.faulty = append(s.faulty, span{time.Now(), time.Now().Add(time.Hour)})
	return func() {
		s.world.mu.Lock()
		defer s.world.mu.Unlock()
		s.faulty[i].end = time.Now()
	}
}

// simLog is a log that takes some time for each line.
type simLog struct{ s *simReceiver }

func (l *simLog) Enabled(context.Context, slog.Level) bool { return true }
func (l *simLog) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l *simLog) WithGroup(string) slog.Handler            { return l }
func (l *simLog) Handle(_ context.Context, record slog.Record) error {
	if strings.Contains(record.Message, "lease") {
		l.s.world.mu.Lock()
		l.s.world.notef("%s logs: %s", l.s.name, record.Message)
		l.s.world.mu.Unlock()
	}
	if l.s.slow > 0 {
		pass(l.s.world.pause(l.s.slow, l.s.name, record.Message))
	}
	return nil
}

// listen returns a listener of some temper.
func (s *simReceiver) listen(q *simQueue, slow bool) HandlerFunc {
	w := s.world
	return func(ctx context.Context, delivery *Delivery) error {
		w.listening.Add(1)
		defer w.listening.Done()
		payload := delivery.Payload()
		d := w.fixed(s.name, q.name, string(payload), strconv.Itoa(delivery.Attempt))
		n, _ := strconv.Atoi(string(bytes.Trim(payload, `{}"n:`)))
		w.mu.Lock()
		t := s.checkStart(q, n, delivery)
		tame := w.tame || w.calm
		w.mu.Unlock()
		took := d.upTo(time.Millisecond)
		switch d.below(100) {
		case 0, 1:
			took = d.upTo(time.Second)
		case 2:
			took = d.upTo(min(3*s.lease, 20*time.Second))
		default:
			if slow {
				took *= 20
			}
		}
		result := succeeded
		defer func() {
			w.mu.Lock()
			t.result = result
			w.mu.Unlock()
			s.stir()
		}()
		if d.oneIn(2) {
			pass(took)
		} else if !w.sleep(ctx, took) {
			pass(d.upTo(time.Millisecond))
			result = failed
			return ctx.Err()
		}
		s.checkLease(ctx, t)
		if tame {
			return nil
		}
		switch d.below(60) {
		case 0:
			result = failed
			return errors.New("failed")
		case 1:
			result = failedForGood
			return Permanent(errors.New("failed for good"))
		case 2:
			result = returned
			return ErrRelease
		case 3:
			result = failed
			panic("failed")
		case 4:
			result = failed
			runtime.Goexit()
		}
		return nil
	}
}

// open implements opener.
func (s *simReceiver) open(f *feeder, maxBytes int) error {
	for _, q := range s.world.queues {
		if q.name != f.queue {
			continue
		}
		queue := &simClaims{simQueue: q, by: s, interrupted: make(chan struct{}, 1)}
		f.source = &leased{config: f.config, maxBytes: maxBytes, queue: queue}
		if !s.waits {
			f.bell = simBell{s, q}
		}
	}
	f.retry.chance = func(n time.Duration) time.Duration { return s.world.pause(n, s.name, f.queue, "retry") - 1 }
	f.waitRetry.chance = f.retry.chance
	f.outage.key = func(error) string { return "" }
	return nil
}

// attend checks the accounts a while after something happened.
func (s *simReceiver) attend(_ context.Context, r *running) {
	for {
		select {
		case <-r.end:
			return
		case <-s.stirred:
		}
		d := s.world.random(s.name, "check")
		pass(d.between(time.Microsecond, 50*time.Millisecond))
		s.world.waiting <- struct{}{}
		synctest.Wait()
		for _, f := range r.feeders {
			s.world.checkAccount(s, f)
		}
		s.world.checkPool(s, r)
		<-s.world.waiting
	}
}

func (s *simReceiver) sever() {}
func (s *simReceiver) close() {}

// simBell rings a while after there is something, later if there are no fresh messages.
type simBell struct {
	s *simReceiver
	q *simQueue
}

func (b simBell) watch(f *feeder) {
	w := b.s.world
	d := w.random(b.s.name, f.queue, "bell")
	w.mu.Lock()
	defer w.mu.Unlock()
	if b.s.watched[f.queue] {
		return
	}
	b.s.watched[f.queue] = true
	ring := func() {
		wait := d.upTo(50 * time.Millisecond)
		if len(b.q.list) == 0 && d.oneIn(2) {
			wait = d.upTo(2 * time.Second)
		}
		time.AfterFunc(wait, func() {
			w.mu.Lock()
			b.s.watched[f.queue] = false
			w.mu.Unlock()
			if b.s.ctx.Err() == nil {
				f.ring()
			}
		})
	}
	if b.q.busy() {
		ring()
	} else {
		b.q.watches = append(b.q.watches, ring)
	}
}
