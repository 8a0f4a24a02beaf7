package bench

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/remote-events/remote-events/go/remoteevent"
)

// rate is the number of messages per second of the workload Latency.
const rate = 1000

// warmPushes is the number of messages that warm up a latency run.
const warmPushes = 200

func latencyCases() []Case {
	var cases []Case
	add := func(participant string, c consuming) {
		for w, measure := range map[Workload]func(consuming) func(context.Context, *stage, pace) (Sample, error){Latency: measureLatency, Saturation: measureSaturation} {
			cases = append(cases, Case{Workload: w, Size: Size100B, Participant: participant, measure: measure(c), fixed: true, own: participant == "asynq"})
		}
	}
	add("go-redis-brpop", brpop(bytesOnly))
	add("library-at-most-once", libraryReceiver(typed, remoteevent.WithAtMostOnce()))
	add("library-at-least-once", libraryReceiver(typed))
	add("go-redis-blmove", blmove())
	add("asynq", asynqConsuming())
	add("watermill", watermillConsuming())
	cases = append(cases, Case{Workload: Latency, Size: Size100B, Participant: "original", measure: measureOriginalLatency, fixed: true})
	return cases
}

// histogram collects latencies.
type histogram struct {
	mu  sync.Mutex
	hdr *hdrhistogram.Histogram
}

// newHistogram returns a histogram of nanoseconds up to a minute, with three digits.
func newHistogram() *histogram {
	return &histogram{hdr: hdrhistogram.New(1, int64(time.Minute), 3)}
}

func (h *histogram) record(nanoseconds int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	_ = h.hdr.RecordValue(min(max(nanoseconds, 1), int64(time.Minute))) // cannot be out of range
}

func (h *histogram) add(s Sample) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s[P50] = micros(time.Duration(h.hdr.ValueAtQuantile(50)))
	s[P99] = micros(time.Duration(h.hdr.ValueAtQuantile(99)))
}

// base returns the time from which marks count nanoseconds if they are times. Such marks
// have as many digits as firstMark.
func base() time.Time { return time.Now().Add(-firstMark * time.Nanosecond) }

// pushOne returns a function that stores one message with a mark.
func (c consuming) pushOne(ctx context.Context, s *stage) (*sending, error) {
	if c.push != nil {
		return c.push(ctx, s)
	}
	return goRedisSender(ctx, s)
}

// atRate calls push count times, 1,000 times per second.
func atRate(ctx context.Context, count int, push func() error) error {
	begin := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for i := range count {
		timer.Reset(time.Until(begin.Add(time.Duration(i) * time.Second / rate)))
		select {
		case <-timer.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if err := push(); err != nil {
			return err
		}
	}
	return nil
}

func measureLatency(c consuming) func(ctx context.Context, s *stage, p pace) (Sample, error) {
	return func(ctx context.Context, s *stage, p pace) (Sample, error) {
		total := warmPushes + int(p.duration.Seconds()*rate)
		h, since := newHistogram(), base()
		var received atomic.Int64
		done := make(chan struct{})
		err := c.during(ctx, s, func(mark int64) {
			latency := int64(time.Since(since)) - mark
			switch n := received.Add(1); {
			case n == int64(total):
				h.record(latency)
				close(done)
			case n > warmPushes:
				h.record(latency)
			}
		}, func(ctx context.Context) (err error) {
			w, err := c.pushOne(ctx, s)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, w.close()) }()
			if err := atRate(ctx, total, func() error { return w.send(ctx, int64(time.Since(since)), 1) }); err != nil {
				return err
			}
			select {
			case <-done:
				return nil
			case <-time.After(patience):
				return fmt.Errorf("received %d of %d messages", received.Load(), total)
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		})
		if err != nil {
			return nil, err
		}
		if n := received.Load(); n != int64(total) {
			return nil, fmt.Errorf("received %d messages, sent %d", n, total)
		}
		sample := Sample{}
		h.add(sample)
		return sample, c.nothingLeft(ctx, s)
	}
}

// inFlight is the number of messages in flight at saturation.
const inFlight = 50

// measureSaturation pushes one message after each handled message.
func measureSaturation(c consuming) func(ctx context.Context, s *stage, p pace) (Sample, error) {
	return func(ctx context.Context, s *stage, p pace) (Sample, error) {
		h, since := newHistogram(), base()
		var received, pushed atomic.Int64
		free := make(chan struct{}, inFlight)
		for range inFlight {
			free <- struct{}{}
		}
		var counting atomic.Bool
		var from, to time.Time
		var first, last int64
		err := c.during(ctx, s, func(mark int64) {
			if counting.Load() {
				h.record(int64(time.Since(since)) - mark)
			}
			received.Add(1)
			free <- struct{}{}
		}, func(ctx context.Context) (err error) {
			w, err := c.pushOne(ctx, s)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, w.close()) }()
			lasts := p.duration + p.duration/4
			until := time.Now().Add(lasts)
			pushing, stop := context.WithDeadline(ctx, until)
			defer stop()
			time.AfterFunc(p.duration/4, func() {
				from, first = time.Now(), received.Load()
				counting.Store(true)
			})
			err = concurrently(ctx, inFlight, inFlight, func(ctx context.Context, _, _ int) error {
				for {
					select {
					case <-free:
					case <-pushing.Done():
						return nil
					}
					if time.Now().After(until) {
						free <- struct{}{}
						return nil
					}
					pushed.Add(1)
					if err := w.send(ctx, int64(time.Since(since)), 1); err != nil {
						return err
					}
				}
			})
			to, last = time.Now(), received.Load()
			if !counting.Swap(false) && err == nil { // while it is true, from and first are set
				err = errors.New("the run ended during the warm-up")
			}
			if err != nil {
				return err
			}
			for range inFlight { // wait for the rest
				select {
				case <-free:
				case <-time.After(patience):
					return fmt.Errorf("received %d of %d messages", received.Load(), pushed.Load())
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		if received.Load() != pushed.Load() {
			return nil, fmt.Errorf("received %d messages, sent %d", received.Load(), pushed.Load())
		}
		sample := Sample{PerSecond: float64(last-first) / max(to.Sub(from).Seconds(), 1e-9)}
		h.add(sample)
		return sample, c.nothingLeft(ctx, s)
	}
}

func measureOriginalLatency(ctx context.Context, s *stage, p pace) (_ Sample, err error) {
	since := base()
	copied := *s
	copied.count = int(p.duration.Seconds() * rate)
	o, err := copied.startOriginal(ctx, copied.originalReceives(warmPushes, &since))
	if err != nil {
		return nil, err
	}
	defer func() { err = o.failed(errors.Join(err, o.stop())) }()
	w, err := goRedisSender(ctx, s)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	total := warmPushes + copied.count
	if err := atRate(ctx, total, func() error { return w.send(ctx, int64(time.Since(since)), 1) }); err != nil {
		return nil, err
	}
	answer, err := o.answer(ctx, "done")
	if err != nil {
		return nil, err
	}
	if answer.Distinct != total {
		return nil, fmt.Errorf("the original received %d different messages of %d", answer.Distinct, total)
	}
	h := newHistogram()
	for _, latency := range answer.Latencies {
		h.record(latency)
	}
	sample := Sample{}
	h.add(sample)
	return sample, s.leftNothing(ctx)
}
