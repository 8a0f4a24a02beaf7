// Package health serves the probes of a supervisor, such as Kubernetes, for receivers of
// remote events.
//
//	http.Handle("/", health.Handler(receiver))
//
// A container with this handler on port 8080 is probed by:
//
//	livenessProbe:
//	  httpGet: {path: /livez, port: 8080}
//	readinessProbe:
//	  httpGet: {path: /readyz, port: 8080}
//
// Set terminationGracePeriodSeconds to more than the receiver's shutdown timeout plus ten
// seconds, so that the running listeners can return and their outcomes be stored.
package health

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/remote-events/remote-events/go/remoteevent"
)

// Handler returns a handler that serves /livez and /readyz for receivers. Both answer GET
// and HEAD with 200 OK or 503 Service Unavailable, and with a [Report] as JSON.
//
// /livez fails only after [remoteevent.Receiver.Run] of one of the receivers has returned,
// since a receiver cannot run again, so only a new process helps. It does not fail while Redis is
// away: a restart would not help, and receivers reconnect.
//
// /readyz fails unless [remoteevent.Receiver.Ready] returns nil for each of the receivers:
// before Run, during an outage of Redis, and from the start of the shutdown.
//
// The report names queues, and shows errors of Redis without payloads and passwords. Serve
// it to the supervisor and not to the public. The handler asks nothing of Redis and may
// be called by several goroutines at once. Without receivers, both paths answer 200.
func Handler(receivers ...*remoteevent.Receiver) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) {
		alive := true
		for _, receiver := range receivers {
			alive = alive && receiver.Status().State != remoteevent.Stopped
		}
		write(w, alive, receivers)
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		ready := true
		for _, receiver := range receivers {
			ready = ready && receiver.Ready() == nil
		}
		write(w, ready, receivers)
	})
	return mux
}

// Report is the body of a response, as JSON.
type Report struct {
	// OK is true if the status code is 200.
	OK bool `json:"ok"`
	// Receivers are in the order in which Handler got them.
	Receivers []Receiver `json:"receivers"`
}

// Receiver describes a receiver. See [remoteevent.Status].
type Receiver struct {
	// State is "not started", "running", "shutting down" or "stopped".
	State string `json:"state"`
	// Problem is why the receiver is not ready, or absent if it is.
	Problem string `json:"problem,omitempty"`
	// Queues has the queues that the receiver consumes.
	Queues []Queue `json:"queues"`
}

// Queue describes a queue. See [remoteevent.QueueStatus].
type Queue struct {
	Queue        string    `json:"queue"`
	Connected    bool      `json:"connected"`
	FailingSince time.Time `json:"failing_since,omitzero"`
	Error        string    `json:"error,omitempty"`
	LastMessage  time.Time `json:"last_message,omitzero"`
	InFlight     int       `json:"in_flight"`
	Waiting      int       `json:"waiting"`
}

// write answers a probe.
func write(w http.ResponseWriter, ok bool, receivers []*remoteevent.Receiver) {
	report := Report{OK: ok, Receivers: make([]Receiver, len(receivers))}
	for i, receiver := range receivers {
		report.Receivers[i] = describe(receiver)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if !ok {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	if err := json.NewEncoder(w).Encode(report); err != nil {
		return // the supervisor has left
	}
}

// describe describes a receiver.
func describe(receiver *remoteevent.Receiver) Receiver {
	status := receiver.Status()
	described := Receiver{State: status.State.String(), Queues: make([]Queue, len(status.Queues))}
	if err := receiver.Ready(); err != nil {
		described.Problem = err.Error()
	}
	for i, q := range status.Queues {
		described.Queues[i] = Queue{
			Queue: q.Queue, Connected: q.Connected, FailingSince: q.FailingSince, LastMessage: q.LastMessage, InFlight: q.InFlight, Waiting: q.Waiting,
		}
		if q.Err != nil {
			described.Queues[i].Error = q.Err.Error()
		}
	}
	return described
}
