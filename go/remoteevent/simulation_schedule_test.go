package remoteevent

import (
	"context"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"strconv"
	"sync"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"
)

// world is one simulation.
type world struct {
	client  redis.UniversalClient // never used
	seed    uint64
	begun   time.Time
	mistake mistake // of receivers, for the tests of the oracle

	mu     sync.Mutex
	counts map[uint64]uint64 // of random decisions, by what they are about
	trace  []event
	faults []string
	queues []*simQueue
	calm   bool // nothing goes wrong any more
	tame   bool // nothing goes wrong at all
	alone  bool // each queue has one receiver with one slot
	long   bool // there are many messages, and much time
	deadly bool // receivers die early and often
	outage []span
	timers []*time.Timer // that are not used

	listening sync.WaitGroup // listeners that may outlive their receivers
	waiting   chan struct{}  // one goroutine at a time may wait for the others
}

// span is a time during which something is the case.
type span struct{ begin, end time.Time }

func newWorld(client redis.UniversalClient, seed uint64) *world {
	return &world{client: client, seed: seed, counts: map[uint64]uint64{}}
}

// dice decides what happens. Each is fixed by the seed and by what it is about.
type dice struct{ state uint64 }

// fixed returns the dice of a name.
func (w *world) fixed(name ...string) dice {
	hash := uint64(14695981039346656037) ^ w.seed
	for _, part := range name {
		for i := range len(part) {
			hash = (hash ^ uint64(part[i])) * 1099511628211
		}
		hash = (hash ^ '/') * 1099511628211
	}
	d := dice{hash}
	d.state = d.next()
	return d
}

// random returns the dice of the n-th thing of a name: the same in each run, in whatever
// order goroutines run.
func (w *world) random(name ...string) dice {
	d := w.fixed(name...)
	w.mu.Lock()
	n := w.counts[d.state]
	w.counts[d.state]++
	w.mu.Unlock()
	d.state += n * 0xd1342543de82ef95
	d.state = d.next()
	return d
}

// next is splitmix64.
func (d *dice) next() uint64 {
	d.state += 0x9e3779b97f4a7c15
	z := d.state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// below returns a number from 0 to n-1.
func (d *dice) below(n int) int {
	high, _ := bits.Mul64(d.next(), uint64(n))
	return int(high)
}

func (d *dice) oneIn(n int) bool { return d.below(n) == 0 }

// upTo returns a time up to most, unlike all others.
func (d *dice) upTo(most time.Duration) time.Duration { return 1 + time.Duration(d.below(int(most))) }

// between returns a time of any order of magnitude between the two.
func (d *dice) between(least, most time.Duration) time.Duration {
	part := float64(d.next()>>11) / (1 << 53)
	return time.Duration(float64(least) * math.Exp(part*math.Log(float64(most)/float64(least))))
}

// pause returns a time up to most.
func (w *world) pause(most time.Duration, name ...string) time.Duration {
	d := w.random(name...)
	return d.upTo(most)
}

// pass lets virtual time pass.
func pass(d time.Duration) { time.Sleep(d) } //nolint:forbidigo // nothing waits

// event is something that happened.
type event struct {
	at     time.Duration
	format string
	args   []any
}

func (e event) String() string {
	return fmt.Sprintf("%15.9f ", e.at.Seconds()) + fmt.Sprintf(e.format, e.args...)
}

// notef notes what happened. w.mu is held.
func (w *world) notef(format string, args ...any) {
	w.trace = append(w.trace, event{time.Since(w.begun), format, args})
}

// lines returns what happened. Goroutines may run in any order at one moment.
func (w *world) lines() []string {
	lines := make([]string, len(w.trace))
	for i, e := range w.trace {
		lines[i] = e.String()
	}
	slices.Sort(lines)
	return lines
}

func (w *world) run() {
	w.begun, w.waiting = time.Now(), make(chan struct{}, 1)
	d := w.fixed("world")
	w.tame = d.oneIn(4)
	w.alone = d.oneIn(3)
	w.long = d.oneIn(40)
	w.deadly = d.oneIn(8)
	receivers := 1 + d.below(3)
	for i := range 1 + d.below(3) {
		w.queues = append(w.queues, newSimQueue(w, "q"+strconv.Itoa(i)))
	}
	if !w.tame {
		at := w.begun
		for range d.below(4) {
			begin := at.Add(d.between(time.Millisecond, w.scale(5*time.Second)))
			at = begin.Add(d.between(time.Millisecond, w.scale(4*time.Second)))
			w.outage = append(w.outage, span{begin, at})
		}
	}
	var running sync.WaitGroup
	last := w.newReceiver("last", &d)
	ctx, cancel := context.WithCancel(context.Background())
	if w.alone {
		running.Go(func() { last.run(ctx) })
	} else {
		for i := range receivers {
			running.Go(func() { w.receive(i) })
		}
	}
	w.burst(&d)
	pass(d.between(time.Millisecond, w.scale(3*time.Second)))
	w.mu.Lock()
	w.calm = true
	w.notef("calm")
	w.mu.Unlock()
	if !w.alone { // one receiver that has to get everything done
		running.Go(func() { last.run(ctx) })
	}
	for wait := 10 * time.Millisecond; !w.done() && time.Since(w.begun) < 10*time.Minute; wait = min(2*wait, 100*time.Millisecond) {
		pass(wait)
	}
	last.stop(time.Now())
	cancel()
	running.Wait()
	w.listening.Wait()
	pass(time.Minute) // a listener that was given up at the drain timeout is still to be logged
	synctest.Wait()
	w.checkEnd()
}

// scale returns what is the longest time in a short schedule.
func (w *world) scale(most time.Duration) time.Duration {
	if w.long {
		return most
	}
	return most / 4
}

// rarely returns one in how many what takes long is, which is one in n in long schedules.
func (w *world) rarely(n int) int {
	if w.long {
		return n
	}
	return 16 * n
}

// burst pushes messages.
func (w *world) burst(d *dice) {
	few, many := 6, 40
	if w.long {
		few, many = 20, 300
	}
	for range 1 + d.below(4) {
		w.mu.Lock()
		for _, q := range w.queues {
			n := d.below(few)
			if d.oneIn(8) {
				n = d.below(many)
			}
			for range n {
				q.push()
			}
		}
		w.mu.Unlock()
		pass(d.between(100*time.Microsecond, w.scale(3*time.Second)))
	}
}

// receive runs receivers one after the other, some of which die.
func (w *world) receive(i int) {
	for generation := 0; ; generation++ {
		name := fmt.Sprintf("r%d.%d", i, generation)
		d := w.fixed(name)
		s := w.newReceiver(name, &d)
		life := d.between(time.Millisecond, w.scale(10*time.Second))
		if w.deadly {
			life = d.between(time.Millisecond, 300*time.Millisecond)
		}
		if !w.tame && (w.deadly || d.oneIn(3)) {
			time.AfterFunc(life*9/10, s.die)
		}
		s.stop(time.Now().Add(life))
		ctx, cancel := context.WithTimeout(context.Background(), life)
		s.run(ctx)
		cancel()
		w.mu.Lock()
		calm := w.calm
		w.mu.Unlock()
		if calm {
			return
		}
	}
}

// done reports whether no message is left.
func (w *world) done() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !slices.ContainsFunc(w.queues, (*simQueue).busy)
}
