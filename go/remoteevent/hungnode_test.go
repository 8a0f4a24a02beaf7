package remoteevent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"
)

// looking is a shelf with a queue whose look-ups of repeated events hang.
type looking struct {
	*shelf

	queue string
}

func (s looking) open(f *feeder, maxBytes int) error {
	if f.queue == s.queue {
		f.consumer.repeated = func(ctx context.Context, _ string) (bool, error) {
			<-ctx.Done()
			return false, errors.New("no reply")
		}
	}
	return s.shelf.open(f, maxBytes)
}

// TestHungNode: queues of a node that does not reply do not delay the queues of other nodes
// for long, neither by slots of WithTotalConcurrency nor by turns.
func TestHungNode(t *testing.T) {
	t.Parallel()
	hung := func(s *shelf) opener {
		s.hung = map[string]bool{}
		for i := range maxExchanges {
			s.hung[fmt.Sprint("hung", i)] = true
		}
		return s
	}
	for name, c := range map[string]struct {
		options []ReceiverOption
		open    func(s *shelf) opener
		within  time.Duration
	}{
		"claims": {[]ReceiverOption{WithTotalConcurrency(2)}, hung, 2 * nodePatience}, // two after two
		"turns":  {nil, hung, nodePatience},
		"look-ups": {
			[]ReceiverOption{WithTotalConcurrency(2), WithQueue("hung1", WithConcurrency(2))},
			func(s *shelf) opener { return looking{s, "hung1"} }, cameTime,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{"127.0.0.1:1"}}) // never used
			defer func() { _ = client.Close() }()
			synctest.Test(t, func(t *testing.T) {
				s := newShelf()
				options := slices.Concat(c.options, []ReceiverOption{
					WithQueues("good", "hung0", "hung1", "hung2", "hung3"), WithLogger(slog.New(slog.DiscardHandler)),
				})
				r, err := NewReceiver(client, HandlerFunc(func(context.Context, *Delivery) error { return nil }), options...)
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan error, 1)
				go func() { done <- r.run(ctx, c.open(s)) }()
				elapse(10 * time.Millisecond)
				for i := range maxExchanges {
					s.push(fmt.Sprint("hung", i), 10)
				}
				elapse(10 * time.Millisecond)
				s.push("good", 1)
				elapse(c.within + 10*time.Millisecond)
				if _, _, settled := s.count("good"); settled != 1 {
					t.Errorf("the event of another node is not handled after %v", c.within)
				}
				cancel()
				if err := <-done; err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// TestAcknowledgedWhileOthersWait: an acknowledgement waits neither for the next listener
// nor for the next renewal, however many events were fetched ahead.
func TestAcknowledgedWhileOthersWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, first := newShelf(), true
		handler := func(ctx context.Context, _ *Delivery) error {
			if first {
				first = false
				return nil
			}
			<-ctx.Done()
			return ctx.Err()
		}
		stop := s.run(t, handler, WithQueues("q"), WithPrefetch(10), WithLogger(slog.New(slog.DiscardHandler)), WithShutdownTimeout(0))
		s.push("q", 11)
		elapse(collectEvery + time.Millisecond)
		if _, _, settled := s.count("q"); settled != 1 {
			t.Errorf("%d events are acknowledged", settled)
		}
		if err := stop(); !errors.Is(err, ErrShutdownTimeout) {
			t.Error(err)
		}
	})
}
