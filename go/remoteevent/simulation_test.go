package remoteevent

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"hash/fnv"
	"log/slog"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/lease"
)

// The simulation runs receivers on a Redis of its own in virtual time. A seed decides
// everything: how long each call of Redis takes, whether it is refused, whether its
// reply is lost, outages, how long listeners take and whether they fail, how slow the
// log is, and when receivers stop or die.
var (
	simulations    = flag.Int("simulations", 500, "how many seeds the simulation of receivers runs")
	simulationSeed = flag.Uint64("simulation-seed", 0, "the only seed that the simulation of receivers runs")
)

func TestSimulation(t *testing.T) {
	t.Parallel()
	if *simulationSeed != 0 {
		for _, line := range simulate(t, *simulationSeed) {
			t.Log(line)
		}
		return
	}
	begun, end := uint64(1), uint64(*simulations)
	if testing.Short() {
		end = min(end, 200)
	}
	var group sync.WaitGroup
	var next atomic.Uint64
	next.Store(begun)
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			for seed := next.Add(1) - 1; seed <= end && !t.Failed(); seed = next.Add(1) - 1 {
				simulate(t, seed)
			}
		})
	}
	group.Wait()
}

// TestSimulationIsReproducible: a seed fixes everything but the order of goroutines
// that run at one moment, so that most seeds give the same schedule each time.
func TestSimulationIsReproducible(t *testing.T) {
	t.Parallel()
	const seeds = 20
	same := 0
	for seed := range uint64(seeds) {
		if slices.Equal(simulate(t, 1_000_000+seed), simulate(t, 1_000_000+seed)) {
			same++
		}
	}
	if same < seeds/3 {
		t.Errorf("%d of %d schedules are reproduced", same, seeds)
	}
}

// simulate runs one seed and returns what happened.
func simulate(t *testing.T, seed uint64) (trace []string) {
	t.Helper()
	client := redis.NewClient(&redis.Options{}) // never used
	defer client.Close()
	w := &world{t: t, seed: seed, client: client, counts: map[string]int{}}
	synctest.Test(t, func(*testing.T) {
		w.begun, w.waiting = time.Now(), make(chan struct{}, 1)
		w.run()
	})
	if len(w.faults) > 0 {
		t.Errorf("seed %d: %s\nrun it with -run TestSimulation -simulation-seed %d", seed, strings.Join(w.faults[:min(5, len(w.faults))], "\n"), seed)
	}
	slices.Sort(w.trace) // goroutines may run in any order at one moment
	return w.trace
}

// world is one simulation.
type world struct {
	t      *testing.T
	seed   uint64
	client *redis.Client
	begun  time.Time

	mu     sync.Mutex
	counts map[string]int // of random decisions, by what they are about
	trace  []string
	faults []string
	queues []*simQueue
	calm   bool // nothing goes wrong any more
	tame   bool // nothing goes wrong at all
	alone  bool // each queue has one receiver with one slot
	outage [][2]time.Duration

	listening sync.WaitGroup // listeners that may outlive their receivers
	waiting   chan struct{}  // one goroutine at a time may wait for the others
}

// random returns what decides about the n-th thing of a name: the same in each run,
// in whatever order goroutines run.
func (w *world) random(name string) *rand.Rand {
	w.mu.Lock()
	n := w.counts[name]
	w.counts[name]++
	w.mu.Unlock()
	return w.fixed(fmt.Sprint(name, "#", n))
}

func (w *world) fixed(name string) *rand.Rand {
	hash := fnv.New64a()
	hash.Write([]byte(name))
	return rand.New(rand.NewPCG(w.seed, hash.Sum64()))
}

// logf notes what happened. w.mu is held.
func (w *world) logf(format string, args ...any) {
	w.trace = append(w.trace, fmt.Sprintf("%15.9f ", time.Since(w.begun).Seconds())+fmt.Sprintf(format, args...))
}

// faultf notes a violation. w.mu is held.
func (w *world) faultf(format string, args ...any) {
	w.logf("FAULT "+format, args...)
	w.faults = append(w.faults, w.trace[len(w.trace)-1])
}

// simQueue is a queue in the simulated Redis.
type simQueue struct {
	world *world
	name  string
	list  []*simMessage // the next one last, as in Redis
	stage []*simMessage
	held  map[string]*simClaim
	all   map[string]*simClaim
	retry map[string]*simMessage
	turn  int
	waits []chan struct{} // of receivers that wait for a message

	acknowledged, dead int
	pushed             int
	order              []int // in which messages were started
}

type simMessage struct {
	n        int
	id       string
	attempts int
	due      time.Time
	expired  bool // a claim of it has run out
	suspect  bool
	claim    *simClaim
}

type simClaim struct {
	name     string
	deadline time.Time
	by       *simReceiver
	started  map[string]int
	open     map[string]*simMessage
	heard    bool            // its receiver was told of it
	settled  map[string]bool // messages of which it was told that they are settled
	messages int
}

func (w *world) run() {
	r := w.fixed("world")
	w.tame = r.IntN(4) == 0
	w.alone = r.IntN(3) == 0
	receivers := 1 + r.IntN(3)
	for i := range 1 + r.IntN(3) {
		w.queues = append(w.queues, &simQueue{
			world: w, name: fmt.Sprint("q", i), held: map[string]*simClaim{}, all: map[string]*simClaim{}, retry: map[string]*simMessage{},
		})
	}
	if !w.tame {
		at := time.Duration(0)
		for range r.IntN(4) {
			at += time.Duration(r.Int64N(int64(5 * time.Second)))
			end := at + time.Duration(r.Int64N(int64(4*time.Second)))
			w.outage = append(w.outage, [2]time.Duration{at, end})
			at = end
		}
	}
	var running sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	last := func() {
		last := w.newReceiver("last", r)
		running.Go(func() { last.run(ctx) })
	}
	if w.alone {
		last()
	} else {
		for i := range receivers {
			running.Go(func() { w.receive(i) })
		}
	}
	// Messages come in bursts.
	for range 1 + r.IntN(5) {
		for _, q := range w.queues {
			n := r.IntN(20)
			if r.IntN(5) == 0 {
				n = r.IntN(300)
			}
			w.mu.Lock()
			for range n {
				q.push()
			}
			w.mu.Unlock()
		}
		<-time.After(time.Duration(r.Int64N(int64(3 * time.Second))))
	}
	<-time.After(3 * time.Second)
	w.mu.Lock()
	w.calm = true
	w.logf("calm")
	w.mu.Unlock()
	if !w.alone { // one receiver that has to get everything done
		last()
	}
	for range 1000 {
		<-time.After(5 * time.Second)
		if w.done() {
			break
		}
	}
	cancel()
	running.Wait()
	w.listening.Wait()
	<-time.After(time.Minute) // a listener that was given up at the drain timeout is still to be logged
	synctest.Wait()
	w.check()
}

// receive runs receivers one after the other, some of which die.
func (w *world) receive(i int) {
	for generation := 0; ; generation++ {
		name := fmt.Sprintf("r%d.%d", i, generation)
		r := w.fixed(name)
		receiver := w.newReceiver(name, r)
		life := time.Duration(r.Int64N(int64(10 * time.Second)))
		ctx, cancel := context.WithTimeout(context.Background(), life)
		if !w.tame && r.IntN(3) == 0 {
			time.AfterFunc(life*9/10, func() {
				w.mu.Lock()
				receiver.crashed = true
				w.logf("%s dies", name)
				w.mu.Unlock()
			})
		}
		receiver.run(ctx)
		cancel()
		w.mu.Lock()
		calm := w.calm
		w.mu.Unlock()
		if calm {
			return
		}
	}
}

func (w *world) done() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, q := range w.queues {
		if len(q.list)+len(q.stage)+len(q.held)+len(q.retry) > 0 {
			return false
		}
	}
	return true
}

// check looks at what is left when all receivers have ended.
func (w *world) check() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, q := range w.queues {
		if n := len(q.list) + len(q.stage) + len(q.held) + len(q.retry); n > 0 {
			w.faultf("%s: %d queued, %d staged, %d claims, %d retries are left", q.name, len(q.list), len(q.stage), len(q.held), len(q.retry))
		}
		if q.acknowledged+q.dead != q.pushed {
			w.faultf("%s: of %d messages %d were acknowledged and %d are dead", q.name, q.pushed, q.acknowledged, q.dead)
		}
		if w.tame && w.alone && !slices.IsSorted(q.order) {
			w.faultf("%s: started in the order %v", q.name, q.order)
		}
		if w.tame && w.alone && len(q.order) != q.pushed {
			w.faultf("%s: %d messages were started %d times", q.name, q.pushed, len(q.order))
		}
	}
}

// push adds a message. w.mu is held.
func (q *simQueue) push() {
	q.list = slices.Insert(q.list, 0, &simMessage{n: q.pushed})
	q.pushed++
	if len(q.waits) > 0 {
		close(q.waits[0])
		q.waits = q.waits[1:]
	}
}

// simReceiver is a receiver of the simulation.
type simReceiver struct {
	world   *world
	name    string
	r       *Receiver
	lease   time.Duration
	waits   bool
	crashed bool           // its process is gone: no call reaches Redis
	faulty  [][2]time.Time // when calls went wrong

	ctx     context.Context //nolint:containedctx // that of its Run
	watched map[string]bool // queues, by the bell
}

func (w *world) newReceiver(name string, r *rand.Rand) *simReceiver {
	s := &simReceiver{world: w, name: name, watched: map[string]bool{}, waits: r.IntN(3) > 0}
	s.lease = []time.Duration{200 * time.Millisecond, time.Second, 5 * time.Second, 30 * time.Second}[r.IntN(4)]
	slow := time.Duration(0)
	if r.IntN(3) == 0 {
		slow = time.Duration(r.Int64N(int64(200 * time.Millisecond)))
	}
	options := []ReceiverOption{
		WithLease(s.lease), WithMaxAttempts(1000), WithBackoff(0, time.Second), WithShutdownTimeout(time.Duration(r.Int64N(int64(2 * time.Second)))),
		WithLogger(slog.New(&simLog{s, slow})),
	}
	if !w.alone {
		options = append(options, WithConcurrency(1+r.IntN(4)))
	}
	switch r.IntN(4) {
	case 0:
		options = append(options, WithPrefetch(r.IntN(50)))
	case 1:
		options = append(options, WithPrefetch(0))
	}
	if !s.waits && r.IntN(2) == 0 {
		options = append(options, WithTotalConcurrency(1+r.IntN(4)), WithWeight(1+r.IntN(5)))
		options = append(options, WithQueue(w.queues[0].name, WithWeight(1+r.IntN(5))))
	}
	mux := new(Mux)
	for _, q := range w.queues {
		options = append(options, WithQueues(q.name))
		if err := mux.Listen(q.name, s.listen(q, r.IntN(4))); err != nil {
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
	w := s.world
	w.mu.Lock()
	defer w.mu.Unlock()
	w.logf("%s ends: %v", s.name, err)
	if err != nil && !errors.Is(err, ErrShutdownTimeout) {
		w.faultf("%s: Run returned %v", s.name, err)
	}
}

// wasFaulty reports whether a call went wrong at that time. w.mu is held.
func (s *simReceiver) wasFaulty(begin, end time.Time) bool {
	return slices.ContainsFunc(s.faulty, func(f [2]time.Time) bool { return f[0].Before(end) && f[1].After(begin) })
}

// simLog is a log that takes some time for each line.
type simLog struct {
	s    *simReceiver
	slow time.Duration
}

func (l *simLog) Enabled(context.Context, slog.Level) bool { return true }
func (l *simLog) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l *simLog) WithGroup(string) slog.Handler            { return l }
func (l *simLog) Handle(_ context.Context, record slog.Record) error {
	if strings.Contains(record.Message, "lease") {
		l.s.world.mu.Lock()
		l.s.world.logf("%s logs: %s", l.s.name, record.Message)
		l.s.world.mu.Unlock()
	}
	if l.slow > 0 {
		<-time.After(l.s.world.pause(l.s.name+record.Message, l.slow))
	}
	return nil
}

// listen returns a listener of some temper.
func (s *simReceiver) listen(q *simQueue, temper int) HandlerFunc {
	w := s.world
	return func(ctx context.Context, d *Delivery) error {
		w.listening.Add(1)
		defer w.listening.Done()
		r := w.fixed(fmt.Sprint(s.name, q.name, string(d.Payload()), d.Attempt))
		w.mu.Lock()
		id := d.ID
		for _, c := range q.held {
			// By the attempt: the receiver may have claimed again what it starts under
			// a claim that it does not know to be lost.
			if m := c.open[id]; m != nil && c.by == s && m.attempts == d.Attempt {
				c.started[id]++
				if c.started[id] > 1 {
					w.faultf("%s: %s was started twice under one claim", s.name, id)
				}
			}
		}
		var n int
		_, _ = fmt.Sscanf(string(d.Payload()), `{"n":%d}`, &n)
		q.order = append(q.order, n)
		w.logf("%s starts %s/%d attempt %d", s.name, q.name, n, d.Attempt)
		tame := w.tame || w.calm
		w.mu.Unlock()
		took := time.Duration(r.Int64N(int64(time.Millisecond)))
		switch r.IntN(100) {
		case 0, 1:
			took = time.Duration(r.Int64N(int64(time.Second)))
		case 2:
			took = time.Duration(r.Int64N(int64(min(3*s.lease, 20*time.Second))))
		default:
			if temper == 0 {
				took *= 20
			}
		}
		if r.IntN(2) == 0 {
			<-time.After(took)
		} else {
			select {
			case <-time.After(took):
			case <-ctx.Done():
				<-time.After(time.Duration(1 + r.Int64N(int64(time.Millisecond))))
				return ctx.Err()
			}
		}
		if tame {
			return nil
		}
		switch r.IntN(60) {
		case 0:
			return errors.New("failed")
		case 1:
			return Permanent(errors.New("failed for good"))
		case 2:
			return ErrRelease
		case 3:
			panic("failed")
		case 4:
			runtime.Goexit()
		}
		return nil
	}
}

// open implements opener.
func (s *simReceiver) open(f *feeder, maxBytes int) error {
	for _, q := range s.world.queues {
		if q.name == f.queue {
			queue := &simClaims{simQueue: q, by: s, interrupted: make(chan struct{}, 1)}
			f.source = &leased{config: f.config, maxBytes: maxBytes, queue: queue}
		}
	}
	if !s.waits {
		f.bell = simBell{s}
	}
	f.retry.chance = func(n time.Duration) time.Duration {
		return time.Duration(s.world.random(s.name + f.queue + "retry").Int64N(int64(n)))
	}
	f.waitRetry.chance = f.retry.chance
	f.outage.key = func(error) string { return "" }
	return nil
}

// attend checks the accounts every now and then.
func (s *simReceiver) attend(_ context.Context, r *running) {
	for {
		select {
		case <-r.end:
			return
		case <-time.After(s.world.pause(s.name+"check", 100*time.Millisecond)):
		}
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

// checkAccount: each message that is held is somewhere.
func (w *world) checkAccount(s *simReceiver, f *feeder) {
	a, c := f.acknowledger, f.consumer
	a.mu.Lock()
	c.mu.Lock()
	held, reporting, lost := 0, 0, 0
	for _, claim := range a.claims {
		held += claim.messages
		reporting += claim.reporting
		if claim.messages == 0 {
			lost++
		}
	}
	somewhere := len(c.waiting) + c.active + len(c.finished) + len(a.done) + len(a.back) + reporting
	idle := c.active < c.config.concurrency && len(c.waiting) > 0 && !c.holding
	if c.share != nil {
		c.share.pool.mu.Lock()
		idle = idle && c.share.pool.free > 0
		c.share.pool.mu.Unlock()
	}
	c.mu.Unlock()
	a.mu.Unlock()
	w.mu.Lock()
	defer w.mu.Unlock()
	if held != somewhere || lost > 0 {
		w.faultf("%s %s: %d messages are held, and %d are somewhere; %d claims have none", s.name, f.queue, held, somewhere, lost)
	}
	if idle {
		w.faultf("%s %s: messages wait beside a free slot", s.name, f.queue)
	}
}

// checkPool: each slot of the pool is free or a queue has it.
func (w *world) checkPool(s *simReceiver, r *running) {
	if r.pool == nil {
		return
	}
	slots, unused := 0, 0
	for _, f := range r.feeders {
		f.consumer.mu.Lock()
		slots += f.consumer.active + f.consumer.reserved
		if f.consumer.reserved > 0 && !f.consumer.seeking {
			unused++
		}
		f.consumer.mu.Unlock()
	}
	r.pool.mu.Lock()
	for _, f := range r.feeders {
		slots += f.consumer.share.granted
	}
	slots += r.pool.free
	idle := r.pool.free > 0 && len(r.pool.line) > 0
	r.pool.mu.Unlock()
	w.mu.Lock()
	defer w.mu.Unlock()
	if slots != s.r.config.totalConcurrency || unused > 0 || idle {
		w.faultf("%s: there are %d slots; %d queues keep some for nothing; queues ask for free ones: %t", s.name, slots, unused, idle)
	}
}

// simBell looks every now and then.
type simBell struct{ s *simReceiver }

func (b simBell) watch(f *feeder) {
	w := b.s.world
	w.mu.Lock()
	watched := b.s.watched[f.queue]
	b.s.watched[f.queue] = true
	w.mu.Unlock()
	if !watched {
		b.look(f)
	}
}

func (b simBell) look(f *feeder) {
	w := b.s.world
	time.AfterFunc(w.pause(b.s.name+f.queue+"bell", 50*time.Millisecond), func() {
		w.mu.Lock()
		there := false
		for _, q := range w.queues {
			there = there || q.name == f.queue && len(q.list)+len(q.stage)+len(q.retry)+len(q.held) > 0
		}
		b.s.watched[f.queue] = !there
		w.mu.Unlock()
		if b.s.ctx.Err() != nil {
			return
		}
		if there {
			f.ring()
		} else {
			b.look(f)
		}
	})
}

// pause returns a time up to most, unlike all others.
func (w *world) pause(name string, most time.Duration) time.Duration {
	return time.Duration(1 + w.random(name).Int64N(int64(most)))
}

// simClaims is a queue as a receiver sees it, through a network. It implements
// claims.
type simClaims struct {
	*simQueue

	by          *simReceiver
	interrupted chan struct{}
	blocked     bool
}

var (
	errRefused = errors.New("LOADING Redis is loading the dataset in memory")
	errCut     = errors.New("EOF")
)

// call is a call of Redis: do is what Redis does at one moment.
func (c *simClaims) call(ctx context.Context, what string, do func()) error {
	w := c.world
	r := w.random(c.by.name + c.name + what)
	there := 10*time.Microsecond + time.Duration(r.Int64N(int64(200*time.Microsecond)))
	back := 10*time.Microsecond + time.Duration(r.Int64N(int64(200*time.Microsecond)))
	fate := r.IntN(200)
	hangs := r.IntN(2) == 0
	w.mu.Lock()
	now := time.Since(w.begun)
	out := c.by.crashed
	for _, o := range w.outage {
		out = out || !w.calm && now >= o[0] && now < o[1]
	}
	wild := !w.tame && !w.calm || out
	w.mu.Unlock()
	if !wild {
		fate = 199
	}
	if out {
		fate = 0
		if c.by.crashed || r.IntN(4) > 0 {
			fate = 10
		}
	}
	if fate < 30 {
		w.mu.Lock()
		i := len(c.by.faulty)
		c.by.faulty = append(c.by.faulty, [2]time.Time{time.Now(), time.Now().Add(time.Hour)})
		w.mu.Unlock()
		defer func() {
			w.mu.Lock()
			c.by.faulty[i][1] = time.Now()
			w.mu.Unlock()
		}()
	}
	switch {
	case fate < 10: // the reply is lost
	case fate < 20: // it never gets there
		if hangs {
			<-ctx.Done()
			return ctx.Err()
		}
		sleep(ctx, there)
		return errRefused
	case fate < 25:
		there += time.Duration(r.Int64N(int64(3 * time.Second)))
	case fate < 30:
		back += time.Duration(r.Int64N(int64(3 * time.Second)))
	}
	begun := time.Now()
	locked := func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if !c.by.crashed {
			do()
		}
	}
	if !sleep(ctx, there) { // Redis gets it all the same
		time.AfterFunc(there-time.Since(begun), locked)
		return ctx.Err()
	}
	locked()
	if fate < 10 {
		if hangs {
			<-ctx.Done()
			return ctx.Err()
		}
		return errCut
	}
	if !sleep(ctx, back) {
		return ctx.Err()
	}
	return nil
}

// sleep reports whether the time passed before the context ended.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

func (c *simClaims) Exchange(ctx context.Context, x lease.Exchange) lease.Reply {
	var a, done lease.Reply
	var claim *simClaim
	err := c.call(ctx, "exchange", func() {
		for i, m := range x.Acknowledge {
			if !c.settle(m.Handle, func(*simMessage) { c.acknowledged++ }) {
				a.AcknowledgeLost = append(a.AcknowledgeLost, i)
			}
		}
		for i, n := range x.Nack {
			if !c.settle(n.Handle, func(m *simMessage) {
				if n.Delay < 0 {
					c.dead++
					return
				}
				m.due = time.Now().Add(time.Duration(c.world.fixed(n.ID + fmt.Sprint(m.attempts)).Int64N(int64(time.Second))))
				c.retry[m.id] = m
			}) {
				a.NackLost = append(a.NackLost, i)
			}
		}
		c.finish(x.Finished)
		if x.Claim != nil {
			a.Claimed, claim = c.claim(x.Claim)
		}
	})
	if err != nil {
		done.Err = err
		done.Claimed.Due = -1
		return done
	}
	var settled []lease.Handle
	for _, m := range x.Acknowledge {
		settled = append(settled, m.Handle)
	}
	for _, m := range x.Nack {
		settled = append(settled, m.Handle)
	}
	c.hear(claim, settled...)
	return a
}

// hear notes that a receiver was told of its claim, and that messages are settled.
func (c *simClaims) hear(claim *simClaim, settled ...lease.Handle) {
	c.world.mu.Lock()
	defer c.world.mu.Unlock()
	if claim != nil {
		claim.heard = true
	}
	for _, h := range settled {
		c.all[h.Claim].settled[h.ID] = true
	}
}

// settle ends a message's time under a claim. w.mu is held.
func (c *simClaims) settle(h lease.Handle, do func(*simMessage)) bool {
	claim := c.held[h.Claim]
	if claim == nil || claim.open[h.ID] == nil {
		return false
	}
	m := claim.open[h.ID]
	delete(claim.open, h.ID)
	m.claim = nil
	do(m)
	return true
}

func (c *simClaims) finish(names []string) {
	for _, name := range names {
		if claim := c.held[name]; claim != nil {
			delete(c.held, name)
			if len(claim.open) > 0 {
				c.world.faultf("%s finishes %s with %d messages", c.by.name, name, len(claim.open))
			}
		}
	}
}

// claim takes messages. w.mu is held.
func (c *simClaims) claim(x *lease.Claim) (lease.Claimed, *simClaim) {
	w, now := c.world, time.Now()
	for _, name := range slices.Sorted(maps.Keys(c.held)) {
		old := c.held[name]
		if now.Before(old.deadline) {
			continue
		}
		delete(c.held, name)
		if by := old.by; len(old.open) > 0 {
			w.logf("%s expires with %d messages", name, len(old.open))
			if old.heard && !by.crashed && by.ctx.Err() == nil && !by.wasFaulty(old.deadline.Add(-2*by.lease), old.deadline) {
				w.faultf("%s expires, and its receiver works", name)
			}
		}
		for id, m := range old.open {
			m.claim, m.suspect, m.due = nil, m.expired, now
			m.expired = true
			c.retry[id] = m
		}
	}
	c.turn++
	name := fmt.Sprint(c.by.name, "/", c.name, "/", c.turn)
	claim := &simClaim{name: name, deadline: now.Add(x.Lease), by: c.by, open: map[string]*simMessage{}, started: map[string]int{}}
	var taken []*simMessage
	var ids []string
	due := time.Duration(-1)
	for id, m := range c.retry {
		if !now.Before(m.due) && (!m.suspect || x.Suspects) {
			ids = append(ids, id)
		}
		if left := max(0, m.due.Sub(now)); due < 0 || left < due {
			due = left
		}
	}
	for _, old := range c.held {
		if left := max(0, old.deadline.Sub(now)); due < 0 || left < due {
			due = left
		}
	}
	slices.Sort(ids)
	fresh := len(c.list) + len(c.stage)
	if len(ids) > 0 && (fresh == 0 || x.Retries || x.Count > 1 && c.turn%2 == 0) {
		for _, id := range ids {
			m := c.retry[id]
			if m.suspect && len(taken) > 0 || len(taken) >= max(1, x.Count/8) {
				break
			}
			delete(c.retry, id)
			taken = append(taken, m)
			if m.suspect {
				fresh = 0
				break
			}
		}
	}
	for _, list := range []*[]*simMessage{&c.stage, &c.list} {
		for fresh > 0 && len(*list) > 0 && len(taken) < min(x.Count, 100) {
			n := len(*list) - 1
			taken = append(taken, (*list)[n])
			*list = (*list)[:n]
		}
	}
	if len(taken) == 0 {
		return lease.Claimed{Due: due}, nil
	}
	found := lease.Claimed{Due: -1}
	for i, m := range taken {
		if m.id == "" {
			m.id = fmt.Sprintf("1-%s-%d", name, i)
		}
		m.attempts++
		m.claim = claim
		claim.open[m.id] = m
		found.Messages = append(found.Messages, lease.Message{
			Handle: lease.Handle{ID: m.id, Claim: name}, Attempt: m.attempts, Suspect: m.suspect,
			Body: fmt.Sprintf(`{"data":{"n":%d},"signals":["%s"]}`, m.n, c.name),
		})
		m.suspect = false
	}
	c.held[name], c.all[name] = claim, claim
	claim.messages, claim.settled = len(taken), map[string]bool{}
	w.logf("%s takes %d as %s", c.by.name, len(taken), name)
	return found, claim
}

func (c *simClaims) Await(ctx context.Context, wait time.Duration, x *lease.Claim) (lease.Claimed, error) {
	var found lease.Claimed
	var claim *simClaim
	arrived := make(chan struct{})
	if err := c.call(ctx, "wait", func() {
		c.blocked = true
		if len(c.list) > 0 {
			close(arrived)
		} else {
			c.waits = append(c.waits, arrived)
		}
	}); err != nil {
		return lease.Claimed{Due: -1}, err
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-arrived:
	case <-timer.C:
	case <-c.interrupted:
	case <-ctx.Done():
	}
	c.world.mu.Lock()
	c.waits = slices.DeleteFunc(c.waits, func(wait chan struct{}) bool { return wait == arrived })
	c.blocked = false
	c.world.mu.Unlock()
	err := c.call(ctx, "waited", func() {
		if n := len(c.list) - 1; n >= 0 {
			c.stage = slices.Insert(c.stage, 0, c.list[n])
			c.list = c.list[:n]
		}
		found, claim = c.claim(x)
	})
	if err != nil {
		return lease.Claimed{Due: -1}, err
	}
	c.hear(claim)
	return found, nil
}

func (c *simClaims) Interrupt(ctx context.Context) {
	_ = c.call(ctx, "interrupt", func() {
		if c.blocked {
			wake(c.interrupted)
		}
	})
}

func (c *simClaims) Release(ctx context.Context, held []lease.Handle, finished []string) (lost []int, err error) {
	err = c.call(ctx, "release", func() {
		c.list = append(c.list, c.stage...)
		c.stage = nil
		for i, h := range slices.Backward(held) {
			if !c.settle(h, func(m *simMessage) {
				m.attempts--
				if m.attempts > 0 {
					m.due = time.Now()
					c.retry[m.id] = m
					return
				}
				m.id = ""
				c.list = append(c.list, m)
			}) {
				lost = append(lost, i)
			}
		}
		c.finish(finished)
		if len(held) > 0 {
			c.world.logf("%s releases %d of %d", c.by.name, len(held)-len(lost), len(held))
		}
	})
	if err != nil {
		return nil, err
	}
	c.hear(nil, held...)
	slices.Sort(lost)
	return lost, nil
}

func (c *simClaims) Extend(ctx context.Context, d time.Duration, claims []string) (lost []int, err error) {
	c.world.mu.Lock()
	for _, name := range claims {
		if claim := c.all[name]; len(claim.settled) == claim.messages {
			c.world.faultf("%s renews %s, of which nothing is left", c.by.name, name)
		}
	}
	c.world.mu.Unlock()
	err = c.call(ctx, "extend", func() {
		for i, name := range claims {
			claim := c.held[name]
			if claim == nil {
				lost = append(lost, i)
				continue
			}
			claim.deadline = time.Now().Add(d)
		}
	})
	return lost, err
}

func (c *simClaims) Remembered(context.Context, string) (bool, error) { return false, nil }
