package remoteevent

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"
)

// away is a source with one message, which cannot be reached for some time.
type away struct {
	frozen

	from, to time.Time
}

var errAway = errors.New("away")

func (s *away) open(f *feeder, _ int) error { f.source = s; return nil }

func (s *away) err() error {
	if now := time.Now(); now.Before(s.from) || !now.Before(s.to) {
		return nil
	}
	return errAway
}

func (s *away) exchange(ctx context.Context, r report, w want) (taken, error) {
	if err := s.err(); err != nil {
		return taken{due: -1}, err
	}
	return s.frozen.exchange(ctx, r, w)
}

func (s *away) extend(context.Context, []string) ([]int, error) { return nil, s.err() }

// TestStatus: the status of a receiver and its readiness from before Run until after
// it. While its only slot is taken, renewals show that Redis is away and back.
func TestStatus(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{}) // never used
	defer client.Close()
	synctest.Test(t, func(t *testing.T) {
		handler := HandlerFunc(func(context.Context, *Delivery) error {
			<-time.After(2 * time.Minute)
			return nil
		})
		r, err := NewReceiver(client, handler, WithQueues("q"), WithShutdownTimeout(time.Hour), WithLogger(slog.New(slog.DiscardHandler)))
		if err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		expect := func(after time.Duration, state State, ready bool) QueueStatus {
			t.Helper()
			<-time.After(time.Until(begun.Add(after)))
			synctest.Wait()
			s := r.Status()
			if s.State != state || (r.Ready() == nil) != ready {
				t.Errorf("after %v: %v, ready: %v", after, s.State, r.Ready())
			}
			if len(s.Queues) == 0 {
				return QueueStatus{}
			}
			return s.Queues[0]
		}
		if q := expect(0, NotStarted, false); q != (QueueStatus{}) {
			t.Errorf("before Run: %+v", q)
		}
		source := &away{frozen: frozen{closed: make(chan struct{})}, from: begun.Add(30 * time.Second), to: begun.Add(45 * time.Second)}
		done := make(chan error, 1)
		if err := r.start(); err != nil {
			t.Fatal(err)
		}
		if r.Ready() == nil {
			t.Error("a receiver without queues is ready")
		}
		go func() { done <- r.run(ctx, source) }()
		if q := expect(20*time.Second, Running, true); q != (QueueStatus{Queue: "q", Connected: true, LastMessage: begun, InFlight: 1}) {
			t.Errorf("while an event is handled: %+v", q)
		}
		q := expect(44*time.Second, Running, false)
		if q.Connected || q.FailingSince.Before(source.from) || q.FailingSince.After(source.to) || !errors.Is(q.Err, errAway) || q.InFlight != 1 {
			t.Errorf("while Redis is away: %+v", q)
		}
		if err := r.Ready(); !errors.Is(err, errAway) {
			t.Errorf("Ready returned %v", err)
		}
		if q := expect(70*time.Second, Running, true); !q.Connected || q.Err != nil || !q.FailingSince.IsZero() {
			t.Errorf("when Redis is back: %+v", q)
		}
		cancel()
		if q := expect(80*time.Second, ShuttingDown, false); !q.Connected || q.InFlight != 1 {
			t.Errorf("during the shutdown: %+v", q)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		if q := expect(0, Stopped, false); q.Connected || q.InFlight != 0 {
			t.Errorf("after Run: %+v", q)
		}
	})
}

// TestStatusOfRunThatFails: a receiver whose Run returned an error is stopped.
func TestStatusOfRunThatFails(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{}) // never used
	defer client.Close()
	r, err := NewReceiver(client, new(Mux))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Run(t.Context()); !errors.Is(err, ErrNoQueues) {
		t.Errorf("Run returned %v", err)
	}
	if s := r.Status(); s.State != Stopped || r.Ready() == nil {
		t.Errorf("the status is %+v", s)
	}
}

// renewals is a source that counts renewals.
type renewals struct {
	*away

	count atomic.Int32
}

func (s *renewals) open(f *feeder, _ int) error { f.source = s; return nil }

func (s *renewals) extend(ctx context.Context, claims []string) ([]int, error) {
	lost, err := s.away.extend(ctx, claims)
	if err == nil {
		s.count.Add(1)
	}
	return lost, err
}

// blockingHook blocks while it is told of an outage.
type blockingHook struct{ end chan struct{} }

func (h blockingHook) OnFailing(context.Context, FailingInfo) { <-h.end }

// TestRenewalsBesideHook: a hook that blocks does not stop the renewal of leases, so that
// the events in hand are not handled twice.
func TestRenewalsBesideHook(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{}) // never used
	defer client.Close()
	synctest.Test(t, func(t *testing.T) {
		handler := HandlerFunc(func(context.Context, *Delivery) error {
			<-time.After(5 * time.Minute)
			return nil
		})
		hook := blockingHook{make(chan struct{})}
		r, err := NewReceiver(client, handler, WithQueues("q"), WithShutdownTimeout(time.Hour), WithLogger(slog.New(slog.DiscardHandler)), WithHooks(hook))
		if err != nil {
			t.Fatal(err)
		}
		if err := r.start(); err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		source := &renewals{away: &away{frozen: frozen{closed: make(chan struct{})}, from: begun.Add(30 * time.Second), to: begun.Add(45 * time.Second)}}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- r.run(ctx, source) }()
		<-time.After(46 * time.Second)
		if since := r.Status().Queues[0].FailingSince; since.IsZero() {
			t.Error("there was no outage")
		}
		before := source.count.Load()
		<-time.After(2 * time.Minute)
		if n := source.count.Load() - before; n < 120/10 {
			t.Errorf("%d renewals in two minutes", n)
		}
		close(hook.end)
		<-time.After(30 * time.Second)
		if err := r.Ready(); err != nil {
			t.Errorf("after the outage: %v", err)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// awayShelf is a shelf that cannot be reached for some time.
type awayShelf struct {
	*shelf
	*away
}

func (s *awayShelf) open(f *feeder, maxBytes int) error {
	err := s.shelf.open(f, maxBytes)
	f.source = &awaySource{f.source, s.away}
	return err
}
func (s *awayShelf) attend(context.Context, *running) {}
func (s *awayShelf) sever()                           {}
func (s *awayShelf) close()                           {}

type awaySource struct {
	source

	away *away
}

func (s *awaySource) exchange(ctx context.Context, r report, w want) (taken, error) {
	if err := s.away.err(); err != nil {
		return taken{due: -1}, err
	}
	return s.source.exchange(ctx, r, w)
}

func (s *awaySource) release(ctx context.Context, r report) ([]*message, error) {
	if err := s.away.err(); err != nil {
		return nil, err
	}
	return s.source.release(ctx, r)
}

func (s *awaySource) extend(context.Context, []string) ([]int, error) { return nil, s.away.err() }

// TestOutageEndsWithoutRoom: when acknowledgements, releases and renewals succeed again,
// the outage is over, although a long listener leaves no room to receive.
func TestOutageEndsWithoutRoom(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{}) // never used
	t.Cleanup(func() { _ = client.Close() })
	for name, options := range map[string][]ReceiverOption{"acknowledged": {WithPrefetch(100)}, "released": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var began atomic.Int32
				handler := HandlerFunc(func(context.Context, *Delivery) error {
					if began.Add(1) == 40 {
						elapse(time.Hour)
					}
					elapse(time.Millisecond)
					return nil
				})
				r, err := NewReceiver(client, handler, append(options, WithQueues("q"), WithShutdownTimeout(2*time.Hour), quietly())...)
				if err != nil {
					t.Fatal(err)
				}
				if err := r.start(); err != nil {
					t.Fatal(err)
				}
				begun := time.Now()
				s := &awayShelf{newShelf(), &away{from: begun.Add(30 * time.Millisecond), to: begun.Add(20 * time.Second)}}
				s.push("q", 200)
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan error, 1)
				go func() { done <- r.run(ctx, s) }()
				elapse(19 * time.Second)
				if r.Ready() == nil {
					t.Error("there is no outage")
				}
				elapse(41 * time.Second)
				if err := r.Ready(); err != nil {
					t.Errorf("after the outage: %v", err)
				}
				if n := began.Load(); n != 40 {
					t.Errorf("%d events were started", n)
				}
				cancel()
				if err := <-done; err != nil {
					t.Error(err)
				}
			})
		})
	}
}
