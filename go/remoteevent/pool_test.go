package remoteevent

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// gauge records what listeners do.
type gauge struct {
	mu      sync.Mutex
	running map[string]int
	started map[string]int
	busy    map[string]time.Duration // slot time
	peak    int
}

func newGauge() *gauge {
	return &gauge{running: map[string]int{}, started: map[string]int{}, busy: map[string]time.Duration{}}
}

// listen works for the time of the queue.
func (g *gauge) listen(took map[string]time.Duration) HandlerFunc {
	return func(_ context.Context, d *Delivery) error {
		g.mu.Lock()
		g.running[d.Queue]++
		g.started[d.Queue]++
		total := 0
		for _, n := range g.running {
			total += n
		}
		g.peak = max(g.peak, total)
		g.mu.Unlock()
		elapse(took[d.Queue])
		g.mu.Lock()
		g.running[d.Queue]--
		g.busy[d.Queue] += took[d.Queue]
		g.mu.Unlock()
		return nil
	}
}

// worked returns the slot time of a queue.
func (g *gauge) worked(queue string) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.busy[queue]
}

// begun returns how many events of a queue were started, and the peak of all queues.
func (g *gauge) begun(queue string) (started, peak int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.started[queue], g.peak
}

func (g *gauge) reset() {
	g.mu.Lock()
	defer g.mu.Unlock()
	clear(g.busy)
	clear(g.started)
}

// ratio returns the slot time of a queue by that of another, and the same of started
// events.
func (g *gauge) ratio(a, b string) (busy, started float64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.busy[a].Seconds() / g.busy[b].Seconds(), float64(g.started[a]) / float64(g.started[b])
}

func quietly() ReceiverOption { return WithLogger(slog.New(slog.DiscardHandler)) }

// TestWeights: under contention, the queues' listeners work in proportion to the weights,
// whatever the events take and however slots and events are fetched.
func TestWeights(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	for _, c := range []struct {
		name    string
		total   int
		heavy   time.Duration // what a listener of the queue with weight 3 takes
		light   time.Duration
		runs    time.Duration
		starts  bool // the ratio is one of starts
		options []ReceiverOption
	}{
		{"one slot", 1, 10 * ms, 10 * ms, 4 * time.Second, false, nil},
		{"four slots", 4, 10 * ms, 10 * ms, 4 * time.Second, false, nil},
		{"eight slots, long and short", 8, 300 * ms, 10 * ms, 20 * time.Second, false, nil},
		{"eight slots, short and long", 8, 10 * ms, 300 * ms, 20 * time.Second, false, nil},
		{"tiny", 4, 100 * time.Microsecond, 100 * time.Microsecond, 300 * ms, false, nil},
		{"fetched one by one", 4, 10 * ms, 10 * ms, 4 * time.Second, false, []ReceiverOption{WithPrefetch(0)}},
		{"fetched far ahead", 4, 10 * ms, 10 * ms, 4 * time.Second, false, []ReceiverOption{WithPrefetch(100)}},
		{"at most once", 4, 10 * ms, 10 * ms, 4 * time.Second, false, []ReceiverOption{WithAtMostOnce()}},
		{"longer than the charge", 1, 10 * time.Minute, 5 * time.Minute, 30 * time.Hour, true, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, g := newShelf(), newGauge()
				s.push("heavy", 20_000)
				s.push("light", 20_000)
				stop := s.run(t, g.listen(map[string]time.Duration{"heavy": c.heavy, "light": c.light}), append(c.options,
					quietly(), WithConcurrency(10), WithTotalConcurrency(c.total), WithQueue("heavy", WithWeight(3)), WithQueues("light"),
					WithShutdownTimeout(time.Hour))...)
				elapse(c.runs / 20)
				g.reset()
				elapse(c.runs)
				ratio, starts := g.ratio("heavy", "light")
				if c.starts {
					ratio = starts
				}
				if ratio < 2.6 || ratio > 3.4 {
					t.Errorf("the ratio is %.2f, not 3: %v and %v", ratio, g.worked("heavy"), g.worked("light"))
				}
				if use := (g.worked("heavy") + g.worked("light")).Seconds() / c.runs.Seconds() / float64(c.total); use < 0.8 {
					t.Errorf("the slots are used by %.0f %%", 100*use)
				}
				if _, peak := g.begun("heavy"); peak != c.total {
					t.Errorf("%d events were handled at a time, not %d", peak, c.total)
				}
				if err := stop(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// TestTotalConcurrencyOfOneBusyQueue: a queue gets what the others do not use, and is not
// indebted for it.
func TestTotalConcurrencyOfOneBusyQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, g := newShelf(), newGauge()
		took := map[string]time.Duration{"a": 100 * time.Millisecond, "b": 100 * time.Millisecond}
		stop := s.run(t, g.listen(took), quietly(), WithConcurrency(8), WithTotalConcurrency(8), WithQueues("b"), WithQueue("a", WithWeight(1)))
		s.push("a", 20_000)
		elapse(2 * time.Minute)
		if use := g.worked("a").Minutes() / 16; use < 0.95 {
			t.Errorf("alone, the queue uses %.0f %% of the slots", 100*use)
		}
		s.push("b", 20_000)
		elapse(time.Second)
		g.reset()
		elapse(time.Minute)
		if ratio, _ := g.ratio("a", "b"); ratio < 0.9 || ratio > 1.1 {
			t.Errorf("with another, the ratio is %.2f: %v and %v", ratio, g.worked("a"), g.worked("b"))
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

// TestSlotBeforeClaim: a receiver holds the events that it handles, and no more, so that
// others get those that wait.
func TestSlotBeforeClaim(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, g := newShelf(), newGauge()
		took := map[string]time.Duration{}
		options := []ReceiverOption{quietly(), WithConcurrency(10), WithTotalConcurrency(7), WithShutdownTimeout(time.Hour)}
		for _, queue := range []string{"a", "b", "c", "d"} {
			took[queue] = time.Minute
			options = append(options, WithQueues(queue))
			s.push(queue, 100)
		}
		stop := s.run(t, g.listen(took), options...)
		for range 20 {
			elapse(31 * time.Second)
			held := 0
			for queue := range took {
				_, n, _ := s.count(queue)
				held += n
			}
			if held != 7 {
				t.Errorf("%d events are held", held)
			}
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

// TestNoQueueStarves: every queue proceeds beside a stuck listener and a queue of the
// largest weight.
func TestNoQueueStarves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, g := newShelf(), newGauge()
		took := map[string]time.Duration{"stuck": time.Hour, "greedy": 10 * time.Millisecond}
		options := []ReceiverOption{
			quietly(), WithTotalConcurrency(3), WithQueue("greedy", WithConcurrency(100), WithWeight(1000)), WithQueues("stuck"), WithSlowWarning(0),
		}
		s.push("stuck", 2)
		s.push("greedy", 20_000)
		for i := range 20 {
			queue := fmt.Sprint("q", i)
			took[queue] = time.Duration(1+i) * time.Millisecond
			options = append(options, WithQueues(queue))
			s.push(queue, 1000)
		}
		stop := s.run(t, g.listen(took), options...)
		elapse(30 * time.Second)
		for queue := range took {
			started, peak := g.begun(queue)
			if started == 0 {
				t.Errorf("%s has not begun in 30 seconds", queue)
			}
			if peak != 3 {
				t.Errorf("%d events were handled at a time", peak)
			}
		}
		if err := stop(); err == nil {
			t.Error("the stuck listener returned")
		}
		elapse(time.Hour)
	})
}

// TestTotalConcurrencyShutsDown: Run waits for the events that are handled, and at most
// once for those that wait for a slot; none is lost.
func TestTotalConcurrencyShutsDown(t *testing.T) {
	t.Parallel()
	for name, mode := range map[string][]ReceiverOption{
		"at least once": {WithPrefetch(20)},
		"at most once":  {WithAtMostOnce(), WithPrefetch(20)},
		"both":          {WithPrefetch(20), WithQueue("a", WithAtMostOnce())},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for after := range 20 {
				synctest.Test(t, func(t *testing.T) {
					s, g := newShelf(), newGauge()
					took := map[string]time.Duration{"a": 30 * time.Millisecond, "b": 7 * time.Millisecond, "c": time.Millisecond}
					for queue := range took {
						s.push(queue, 500)
					}
					stop := s.run(t, g.listen(took), append(mode, quietly(), WithTotalConcurrency(2), WithConcurrency(3), WithQueues("a", "b", "c"))...)
					elapse(time.Duration(after) * 5 * time.Millisecond)
					if err := stop(); err != nil {
						t.Error(err)
					}
					for queue := range took {
						queued, held, settled := s.count(queue)
						if started, _ := g.begun(queue); held != 0 || queued+started != 500 {
							t.Errorf("%s after %d: %d queued, %d held, %d settled, %d handled", queue, after, queued, held, settled, started)
						}
					}
				})
			}
		})
	}
}
