package protocol

// Reception is a request to consume queues.
type Reception struct {
	Queues  []string `json:"queues"`
	Signals []string `json:"signals"` // one for each listener
	// Hold makes each listener return only after a Return.
	Hold bool `json:"hold,omitzero"`
	// Reliable requests delivery at least once. If it is nil, delivery is at most once.
	Reliable *Reliable `json:"reliable,omitzero"`
}

// Reliable has the settings of a reliable receiver.
type Reliable struct {
	LeaseMS     int64 `json:"lease_ms"`
	MaxAttempts int   `json:"max_attempts"`
	// RetryMS is the longest delay of the first retry. It doubles with each attempt.
	RetryMS int64 `json:"retry_ms"`
}

// Return ends a held call of a listener.
type Return struct {
	Call int64 `json:"call"`
	// Error is the failure of the listener, empty if it succeeds.
	Error string `json:"error,omitzero"`
	// Permanent is whether no other attempt will succeed.
	Permanent bool `json:"permanent,omitzero"`
}

// ListenerError is the failure of a listener.
type ListenerError struct {
	Text      string
	Permanent bool
}

func (e *ListenerError) Error() string { return e.Text }

// failure returns the failure that the listener returns, nil if it succeeds.
func (r Return) failure() error {
	if r.Error == "" {
		return nil
	}
	return &ListenerError{r.Error, r.Permanent}
}
