package remoteevent

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/lease"
)

// shelf is a Redis in memory that never fails. It holds messages for receivers in virtual
// time. It rings the feeders, as the doorbell does.
type shelf struct {
	mu      sync.Mutex
	queued  map[string][]*message
	watched map[string]*feeder
	settled map[string]int
	held    map[string]int // by receivers, by the queue
	pushed  int
	hung    map[string]bool // queues whose node does not reply to claims
}

// shelfTrip is how long a call takes.
const shelfTrip = 200 * time.Microsecond

func newShelf() *shelf {
	return &shelf{queued: map[string][]*message{}, watched: map[string]*feeder{}, settled: map[string]int{}, held: map[string]int{}}
}

// push stores messages in a queue.
func (s *shelf) push(queue string, n int) {
	s.mu.Lock()
	for range n {
		s.pushed++
		s.queued[queue] = append(s.queued[queue], &message{
			Handle: lease.Handle{ID: fmt.Sprint(s.pushed)}, raw: fmt.Appendf(nil, `{"data": {}, "signals": [%q]}`, queue),
		})
	}
	f := s.watched[queue]
	delete(s.watched, queue)
	s.mu.Unlock()
	if f != nil {
		f.ring()
	}
}

// count returns how many messages of a queue are not claimed, are claimed, and are settled.
func (s *shelf) count(queue string) (queued, held, settled int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.queued[queue]), s.held[queue], s.settled[queue]
}

func (s *shelf) watch(f *feeder) {
	s.mu.Lock()
	there := len(s.queued[f.queue]) > 0
	if !there {
		s.watched[f.queue] = f
	}
	s.mu.Unlock()
	if there {
		f.ring()
	}
}

func (s *shelf) open(f *feeder, _ int) error {
	f.source, f.bell = &shelfSource{s, f.queue, f.config.atMostOnce}, s
	return nil
}
func (s *shelf) attend(context.Context, *running) {}
func (s *shelf) sever()                           {}
func (s *shelf) close()                           {}

type shelfSource struct {
	*shelf

	queue      string
	atMostOnce bool
}

func (s *shelfSource) exchange(ctx context.Context, r report, w want) (taken, error) {
	if s.hung[s.queue] && w.count > 0 {
		<-ctx.Done()
		return taken{due: -1}, ctx.Err()
	}
	elapse(shelfTrip)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held[s.queue] -= len(r.done)
	s.settled[s.queue] += len(r.done)
	n := min(w.count, len(s.queued[s.queue]))
	t := taken{due: -1, more: n == w.count && n > 0}
	for _, m := range s.queued[s.queue][:n] {
		copied := &message{Handle: m.Handle, raw: m.raw, attempt: 1}
		if !s.atMostOnce {
			copied.Claim = m.ID
			s.held[s.queue]++
		}
		t.messages = append(t.messages, copied)
	}
	s.queued[s.queue] = s.queued[s.queue][n:]
	return t, nil
}

func (s *shelfSource) await(_ context.Context, wait time.Duration, _ want) (taken, error) {
	elapse(wait)
	return taken{due: -1}, nil
}

func (s *shelfSource) interrupt(context.Context) {}

func (s *shelfSource) release(_ context.Context, r report) ([]*message, error) {
	elapse(shelfTrip)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held[s.queue] -= len(r.done)
	var back []*message
	for _, m := range r.done {
		back = append(back, &message{Handle: lease.Handle{ID: m.ID}, raw: m.raw})
	}
	s.queued[s.queue] = append(back, s.queued[s.queue]...)
	return nil, nil
}

func (s *shelfSource) extend(context.Context, []string) ([]int, error) { return nil, nil }

// run runs a receiver of the shelf until stop is called, which returns what Run does.
func (s *shelf) run(t *testing.T, handler HandlerFunc, options ...ReceiverOption) (stop func() error) {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"}) // never used; its constructor looks up names
	t.Cleanup(func() { _ = client.Close() })
	r, err := NewReceiver(client, handler, options...)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.run(ctx, s) }()
	return func() error {
		cancel()
		return <-done
	}
}
