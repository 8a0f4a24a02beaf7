package engine

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/remote-events/remote-events/compat/internal/protocol"
	"github.com/remote-events/remote-events/compat/internal/proxy"
	"github.com/remote-events/remote-events/compat/internal/redisserver"
	"github.com/remote-events/remote-events/compat/internal/suite"
)

// scenario is the state of a running scenario: a lane, or a server of its own behind a
// proxy, and the processes of the participants.
type scenario struct {
	run          *run
	turn         turn
	server       Server
	lane         *lane
	url          string // for the processes
	script       *suite.Script
	trace        *trace
	participants []*participant // one, or the fleet
	reliably     bool           // receivers deliver at least once
	maxLine      int

	proxy     *proxy.Proxy // before its own server
	own       *redisserver.Server
	connected bool                     // lane is on its own server
	restarted bool                     // its own server is another one, and empty
	former    []*redisserver.Server    // its own servers before
	processes map[string]*processState // by name
	observers []*proxy.Proxy           // of processes that may be killed
	pumps     sync.WaitGroup

	mu        sync.Mutex       // guards what follows
	changed   chan struct{}    // closed at the next change
	number    int              // of the last sent or pushed event
	queueOf   map[int]string   // by number of the event
	delivered map[int]int      // by number of the event
	orders    map[string][]int // by receiver
	deaths    []error          // of queues, and the ends of processes
	pushed    map[string]bool  // the messages that the harness has pushed
	suspect   map[int]bool     // the events that the harness has made suspects
	problem   error            // the first violation that was observed between steps
	// lease and retry are those of the last reliable receiver that was started.
	lease, retry time.Duration
	copies       map[int]int // how often an event was pushed, by its number; once if missing

	failures map[string]string // the texts of failed sends, by their outcome
	monitor  *monitor          // nil where no step needs it
}

// processState is a process of a participant in a scenario.
type processState struct {
	Process

	name   string
	queues []string
	proxy  *proxy.Proxy  // nil where no step kills processes
	pumped chan struct{} // closed after the last observation
	gone   bool          // ended by a step
	lost   []string      // queues whose consumer died
	died   bool          // no consumer is left
	held   []heldCall    // calls that have not returned
	free   bool          // its calls return at once
	// stopping is whether it was asked to stop, and is not waited for.
	stopping bool
}

// event is the payload of an event of a scenario. The number identifies the event.
type event struct {
	N      int    `json:"n"`
	Secret string `json:"secret"`
	Pad    string `json:"pad,omitempty"`
}

func payload(n, size int) string {
	text, err := json.Marshal(event{N: n, Secret: payloadSecret, Pad: strings.Repeat("x", max(0, size-50))})
	if err != nil {
		return "{}"
	}
	return string(text)
}

// start starts a process of a participant.
func (s *scenario) start(ctx context.Context, name, address string, p *participant) (*processState, error) {
	process, _, err := p.implementation.Launch(ctx, Setting{RedisURL: address, Timeout: s.turn.timeout + s.patience(), MaxLine: s.maxLine, Secrets: secrets(), Trace: s.trace.of(name), Env: append(s.trust(), "TZ="+zone)})
	if err != nil {
		return nil, err
	}
	a := &processState{Process: process, name: name}
	s.mu.Lock()
	s.processes[name] = a
	s.mu.Unlock()
	return a, nil
}

// zone is the time zone of the processes of scenarios: local time is not UTC.
const zone = "Asia/Kathmandu"

// trust returns the environment variables by which the libraries of most languages trust
// the certificate of the scenario's server.
func (s *scenario) trust() []string {
	if s.own == nil || s.own.Authority() == "" {
		return nil
	}
	return []string{"SSL_CERT_FILE=" + s.own.Authority(), "NODE_EXTRA_CA_CERTS=" + s.own.Authority()}
}

// process returns the process with a name, nil if there is none.
func (s *scenario) process(name string) *processState {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.processes[name]
}

// pump records the observations of a receiver until the receiver ends.
func (s *scenario) pump(ctx context.Context, a *processState) {
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
			if err := s.returnFreed(ctx, a); err != nil {
				s.note(a, nil, err)
			}
		}
	})
}

func (s *scenario) note(a *processState, o protocol.Observation, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch o := o.(type) {
	case protocol.Event:
		var e event
		if unreadable := json.Unmarshal([]byte(o.PayloadText), &e); unreadable != nil {
			e.N = 0
		}
		s.delivered[e.N]++
		if o.Call != 0 {
			s.hold(a, heldCall{o.Call, e.N})
		}
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
	close(s.changed)
	s.changed = make(chan struct{})
}

// until waits for a condition, which it checks with the lock held, or for an element of
// also. It returns early if no receiver is left.
func (s *scenario) until(ctx context.Context, condition func() bool, also <-chan struct{}) error {
	for {
		s.mu.Lock()
		holds, dead, deaths, changed := condition(), s.dead(), slices.Clone(s.deaths), s.changed
		s.mu.Unlock()
		switch {
		case holds:
			return nil
		case dead:
			return deaths[0]
		}
		select {
		case <-changed:
		case <-also:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// deathError is the end of a consumer, as a receiver reports it.
type deathError struct{ why string }

func (e *deathError) Error() string { return strings.TrimRight("dies: "+e.why, ": ") }

// dead reports whether no receiver is left, or none for the queues of the undelivered
// events. The caller holds the lock.
func (s *scenario) dead() bool {
	if len(s.deaths) == 0 {
		return false
	}
	missing, _ := s.missing()
	for _, a := range s.processes {
		if a.queues == nil || a.gone || a.died {
			continue
		}
		if len(missing) == 0 || slices.ContainsFunc(missing, func(n int) bool {
			return slices.Contains(a.queues, s.queueOf[n]) && !slices.Contains(a.lost, s.queueOf[n])
		}) {
			return false
		}
	}
	return true
}

// over returns the reason why no receiver is left, or nil if there are receivers.
func (s *scenario) over() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.dead() {
		return nil
	}
	return s.deaths[0]
}

// deserted reports whether all processes of the scenario have ended.
func (s *scenario) deserted() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.processes {
		if !a.gone {
			return false
		}
	}
	return true
}

// missing returns the events that were not delivered, and in twice the events that were
// delivered more than once. The caller holds the lock.
func (s *scenario) missing() (missing, twice []int) {
	for n := 1; n <= s.number; n++ {
		switch times, pushed := s.delivered[n], s.times(n); {
		case times < pushed:
			missing = append(missing, n)
		case times > pushed:
			twice = append(twice, n)
		}
	}
	return missing, twice
}

// times returns how often an event was pushed. The caller holds the lock.
func (s *scenario) times(n int) int { return max(1, s.copies[n]) }

// end ends all processes and the server.
func (s *scenario) end() {
	var closing sync.WaitGroup
	for _, a := range s.processes {
		a.Kill()
		closing.Go(func() { shut(a) })
	}
	closing.Wait()
	s.pumps.Wait()
	if s.monitor != nil {
		s.monitor.close()
	}
	if s.connected {
		_ = s.lane.redis.Close()
	}
	if s.proxy != nil {
		_ = s.proxy.Close()
	}
	for _, observer := range s.observers {
		_ = observer.Close()
	}
	for _, former := range s.former {
		_ = former.Close()
	}
	if s.own != nil {
		_ = s.own.Close()
	}
}
