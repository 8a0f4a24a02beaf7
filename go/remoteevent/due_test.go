package remoteevent

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"
)

// retrying is a source with one message, which is retried, and a bell that does not ring.
type retrying struct {
	frozen

	mu  sync.Mutex
	due time.Time
}

func (s *retrying) open(f *feeder, _ int) error { f.source, f.bell = s, s; return nil }
func (s *retrying) watch(*feeder)               {}

func (s *retrying) exchange(ctx context.Context, r report, w want) (taken, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range r.done {
		s.due = time.Now().Add(m.disposition.delay)
	}
	if w.count > 0 && !s.due.IsZero() && !time.Now().Before(s.due) {
		s.given, s.due = false, time.Time{}
	}
	return s.frozen.exchange(ctx, r, w)
}

// TestRetryWhenDue: an event is retried after the delay that its listener set, although
// nothing tells that it is due.
func TestRetryWhenDue(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{}) // never used
	defer client.Close()
	synctest.Test(t, func(t *testing.T) {
		var began []time.Time
		done := make(chan error, 1)
		ctx, cancel := context.WithCancel(t.Context())
		handler := HandlerFunc(func(context.Context, *Delivery) error {
			if began = append(began, time.Now()); len(began) == 3 {
				return nil
			}
			elapse(time.Second)
			return RetryAfter(20*time.Millisecond, errors.New("busy"))
		})
		r, err := NewReceiver(client, handler, WithQueues("q"), WithConcurrency(2), quietly())
		if err != nil {
			t.Fatal(err)
		}
		if err := r.start(); err != nil {
			t.Fatal(err)
		}
		go func() { done <- r.run(ctx, &retrying{frozen: frozen{closed: make(chan struct{})}}) }()
		elapse(10 * time.Second)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if len(began) != 3 {
			t.Fatalf("%d attempts", len(began))
		}
		for i := 1; i < 3; i++ {
			if after := began[i].Sub(began[i-1]) - time.Second; after != 20*time.Millisecond {
				t.Errorf("attempt %d began after %v", i+1, after)
			}
		}
	})
}
