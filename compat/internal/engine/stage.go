package engine

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/remote-events/remote-events/compat/internal/protocol"
	"github.com/remote-events/remote-events/compat/internal/proxy"
	"github.com/remote-events/remote-events/compat/internal/redisserver"
	"github.com/remote-events/remote-events/compat/internal/suite"
)

// stage is where a scenario is played: a lane, or a server of its own behind a
// proxy, and the processes that take part.
type stage struct {
	run          *run
	turn         turn
	server       Server
	lane         *lane
	url          string // for the processes
	play         *suite.Play
	trace        *trace
	participants []*participant // one, or the fleet
	maxLine      int

	proxy     *proxy.Proxy // before its own server
	own       *redisserver.Server
	connected bool                     // lane is that of its own server
	processes map[string]*processState // by name
	observers []*proxy.Proxy           // of processes that may be killed
	pumps     sync.WaitGroup
	changed   chan struct{} // holds one element while something is new

	mu     sync.Mutex     // guards what follows
	number int            // of the last event that was sent or pushed
	into   map[int]string // its queue, by number
	heard  map[int]int
	orders map[string][]int // by receiver
	deaths []error          // of queues, and the ends of processes
}

// processState is a process of a participant in a scenario.
type processState struct {
	Process

	name   string
	queues []string
	proxy  *proxy.Proxy  // nil where no step kills processes
	pumped chan struct{} // closed when nothing more will be noted
	gone   bool          // ended by a step
	lost   []string      // queues whose consumer died
	died   bool          // nothing of it consumes any more
}

// event is the payload of a scenario's events: a number, so that each is known.
type event struct {
	N   int    `json:"n"`
	Pad string `json:"pad,omitempty"`
}

func payload(n, size int) string {
	text, err := json.Marshal(event{N: n, Pad: strings.Repeat("x", max(0, size-20))})
	if err != nil {
		return "{}"
	}
	return string(text)
}

// start starts a process of a participant.
func (s *stage) start(ctx context.Context, name, address string, p *participant) (*processState, error) {
	process, _, err := p.implementation.Launch(ctx, Setting{RedisURL: address, Timeout: s.turn.timeout + s.patience(), MaxLine: s.maxLine, Trace: s.trace.of(name)})
	if err != nil {
		return nil, err
	}
	a := &processState{Process: process, name: name}
	s.processes[name] = a
	return a, nil
}

// pump notes what a receiver reports, until it ends.
func (s *stage) pump(ctx context.Context, a *processState) {
	a.pumped = make(chan struct{})
	s.pumps.Go(func() {
		defer close(a.pumped)
		for {
			var o protocol.Observation
			err := caught(func() (err error) {
				o, err = a.Next(ctx)
				return err
			})
			s.note(a, o, err)
			if err != nil {
				return
			}
		}
	})
}

func (s *stage) note(a *processState, o protocol.Observation, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch o := o.(type) {
	case protocol.Event:
		var e event
		if unreadable := json.Unmarshal([]byte(o.PayloadText), &e); unreadable != nil {
			e.N = 0
		}
		s.heard[e.N]++
		s.orders[a.name] = append(s.orders[a.name], e.N)
	case protocol.Died:
		a.lost = union(a.lost, o.Queue)
		a.died = a.died || len(a.lost) == len(union(nil, a.queues...))
		s.deaths = append(s.deaths, &deathError{strings.TrimRight(o.Error, ": ")})
	}
	if err != nil && !a.gone && !errors.Is(err, context.Canceled) {
		a.died = true
		s.deaths = append(s.deaths, err)
	}
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// until waits for a condition, which is asked with the lock held, or for
// something else that happens. It ends early where all receivers are dead.
func (s *stage) until(ctx context.Context, condition func() bool, also <-chan struct{}) error {
	for {
		s.mu.Lock()
		holds, dead, deaths := condition(), s.dead(), slices.Clone(s.deaths)
		s.mu.Unlock()
		switch {
		case holds:
			return nil
		case dead:
			return deaths[0]
		}
		select {
		case <-s.changed:
		case <-also:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// deathError is the end of what consumed a queue, as a receiver reports it.
type deathError struct{ why string }

func (e *deathError) Error() string { return strings.TrimRight("dies: "+e.why, ": ") }

// dead reports whether no receiver is left, or none for the queues of what has
// not been heard; the caller holds the lock.
func (s *stage) dead() bool {
	if len(s.deaths) == 0 {
		return false
	}
	missing, _ := s.missing()
	for _, a := range s.processes {
		if a.queues == nil || a.gone || a.died {
			continue
		}
		if len(missing) == 0 || slices.ContainsFunc(missing, func(n int) bool {
			return slices.Contains(a.queues, s.into[n]) && !slices.Contains(a.lost, s.into[n])
		}) {
			return false
		}
	}
	return true
}

// deserted reports whether no process is left that a step started.
func (s *stage) deserted() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.processes {
		if !a.gone {
			return false
		}
	}
	return true
}

// missing are events that nobody has heard, and twice those that were heard
// more than once; the caller holds the lock.
func (s *stage) missing() (missing, twice []int) {
	for n := 1; n <= s.number; n++ {
		switch times := s.heard[n]; {
		case times == 0:
			missing = append(missing, n)
		case times > 1:
			twice = append(twice, n)
		}
	}
	return missing, twice
}

// end ends all processes and the server.
func (s *stage) end() {
	var closing sync.WaitGroup
	for _, a := range s.processes {
		a.Kill()
		closing.Go(func() { shut(a) })
	}
	closing.Wait()
	s.pumps.Wait()
	if s.connected {
		_ = s.lane.redis.Close()
	}
	if s.proxy != nil {
		_ = s.proxy.Close()
	}
	for _, observer := range s.observers {
		_ = observer.Close()
	}
	if s.own != nil {
		_ = s.own.Close()
	}
}
