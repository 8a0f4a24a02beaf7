package remoteevent

import (
	"errors"
	"fmt"
	"time"
)

// Status describes a receiver at one moment. See [Receiver.Status].
type Status struct {
	// State is the phase of the receiver's only run.
	State State
	// Queues describes each queue, in the order in which they were given. It is empty
	// until Run consumes the queues.
	Queues []QueueStatus
}

// QueueStatus describes a queue of a receiver.
type QueueStatus struct {
	// Queue is the name of the list.
	Queue string
	// Connected reports whether messages can be received: the receiver runs, Redis has
	// replied for the queue, and no call has failed since.
	Connected bool
	// FailingSince is the time when the present outage began, or the zero time.
	FailingSince time.Time
	// Err is the last error of the outage, without payloads and passwords, or nil.
	Err error
	// LastMessage is the time when a message was last taken from Redis, or the zero time.
	LastMessage time.Time
	// InFlight is the number of events that are being handled.
	InFlight int
	// Waiting is the number of messages that were fetched ahead and not started.
	Waiting int
}

// State is the phase of a receiver's only run.
type State int

const (
	// NotStarted is the state before Run.
	NotStarted State = iota
	// Running is the state in which messages are received.
	Running
	// ShuttingDown is the state between the end of the context of Run and its return.
	ShuttingDown
	// Stopped is the state after Run has returned.
	Stopped
)

// String returns the state in lower case, or "State(7)" for an invalid value.
func (s State) String() string {
	names := [...]string{"not started", "running", "shutting down", "stopped"}
	if s < 0 || int(s) >= len(names) {
		return fmt.Sprintf("State(%d)", int(s))
	}
	return names[s]
}

// Status returns the present status of the receiver. It does not call Redis. It may be
// called at any time, even by hooks and handlers.
func (r *Receiver) Status() Status {
	if r == nil {
		return Status{}
	}
	s := Status{State: State(r.state.Load())}
	run := r.running.Load()
	if run == nil {
		return s
	}
	s.Queues = make([]QueueStatus, len(run.feeders))
	for i, f := range run.feeders {
		q := QueueStatus{Queue: f.queue}
		q.LastMessage, q.InFlight, q.Waiting = f.consumer.status()
		q.Connected, q.FailingSince, q.Err = f.outage.status()
		q.Connected = q.Connected && (s.State == Running || s.State == ShuttingDown)
		s.Queues[i] = q
	}
	return s
}

// Ready returns nil if the receiver runs and can receive messages of all its queues.
// Otherwise it returns an error with the reason. A receiver is not ready
// before Run, until Redis has replied for each queue, during an outage, and from the
// start of its shutdown. At most once, an idle queue needs about one second.
func (r *Receiver) Ready() error {
	s := r.Status()
	if s.State != Running {
		return fmt.Errorf("the receiver is %s", s.State)
	}
	if len(s.Queues) == 0 {
		return errors.New("the receiver is starting")
	}
	var errs []error
	for _, q := range s.Queues {
		switch name := truncateName(q.Queue); {
		case q.Err != nil:
			errs = append(errs, fmt.Errorf("queue %q: Redis has failed since %s: %w", name, q.FailingSince.UTC().Format(time.RFC3339), q.Err))
		case !q.Connected:
			errs = append(errs, fmt.Errorf("queue %q: Redis has not replied yet", name))
		}
	}
	return errors.Join(errs...)
}
