package remoteevent

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/lease"
)

// frozen is a source with one message. Its calls of one kind block from a given time until the
// connections are closed, even if their contexts end.
type frozen struct {
	call   string        // the kind of call that blocks
	from   time.Time     // the time from which it blocks
	closed chan struct{} // closed with the connections
	once   sync.Once
	given  bool
}

func (s *frozen) hang(ctx context.Context, call string) error {
	if call != s.call || time.Now().Before(s.from) {
		return nil
	}
	deadline, _ := ctx.Deadline()
	select {
	case <-s.closed:
		return errors.New("the connection is closed")
	case <-time.After(time.Until(deadline)):
		return context.DeadlineExceeded
	}
}

func (s *frozen) exchange(ctx context.Context, _ report, w want) (taken, error) {
	if w.count == 0 || s.given {
		return taken{due: -1}, s.hang(ctx, "exchange")
	}
	s.given = true
	return taken{due: -1, messages: []*message{{
		Handle: lease.Handle{ID: "id", Claim: "claim"}, raw: []byte(`{"data": {}, "signals": ["q"]}`), attempt: 1,
	}}}, nil
}

func (s *frozen) await(_ context.Context, wait time.Duration, _ want) (taken, error) {
	elapse(wait)
	return taken{due: -1}, nil
}

func (s *frozen) interrupt(context.Context) {}

func (s *frozen) release(ctx context.Context, _ report) ([]*message, error) {
	return nil, s.hang(ctx, "release")
}

func (s *frozen) extend(ctx context.Context, _ []string) ([]int, error) {
	return nil, s.hang(ctx, "extend")
}

// open, attend, sever and close implement opener.
func (s *frozen) open(f *feeder, _ int) error      { f.source = s; return nil }
func (s *frozen) attend(context.Context, *running) {}
func (s *frozen) sever()                           {}
func (s *frozen) close()                           { s.once.Do(func() { close(s.closed) }) }

// TestFinishTime checks that, after all listeners have returned, a blocked call of Redis delays
// Run by at most finishTime, whatever the call is and whenever it began.
func TestFinishTime(t *testing.T) {
	t.Parallel()
	for _, call := range []string{"exchange", "release", "extend"} {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			client := redis.NewClient(&redis.Options{}) // never used
			defer client.Close()
			synctest.Test(t, func(t *testing.T) {
				var returned time.Time
				handler := HandlerFunc(func(context.Context, *Delivery) error {
					elapse(61 * time.Second) // the lease is renewed after a minute
					returned = time.Now()
					return nil
				})
				r, err := NewReceiver(client, handler, WithQueues("q"), WithLease(4*time.Minute), WithShutdownTimeout(5*time.Minute))
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				source := &frozen{call: call, from: time.Now().Add(30 * time.Second), closed: make(chan struct{})}
				if err := r.run(ctx, source); err != nil {
					t.Error(err)
				}
				if returned.IsZero() {
					t.Fatal("the listener was not called")
				}
				if took := time.Since(returned); took > finishTime+time.Millisecond {
					t.Errorf("Run returned %v after the listener", took)
				}
			})
		})
	}
}
