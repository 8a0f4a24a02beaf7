package engine

import (
	"context"

	"github.com/remote-events/remote-events/compat/internal/protocol"
)

// holder is a Process that can hold the calls of its listeners, such as an
// *adapter.Adapter.
type holder interface {
	// Return ends a held call.
	Return(ctx context.Context, r protocol.Return) error
	// Stop asks the process to end, and does not wait for its end. The caller must still
	// return the held calls and call Close.
	Stop()
}

// holding returns the process as a holder.
func holding(p Process) (holder, error) {
	if h, ok := p.(holder); ok {
		return h, nil
	}
	return nil, &protocol.FailedError{Op: "return", Reason: "unsupported: the process holds no calls"}
}

// failure is the text with which listeners fail.
const failure = "the harness makes the listener fail"

// end ends a held call of a delivery.
func (s *session) end(ctx context.Context, e protocol.Event, fails bool) error {
	h, err := holding(s.process)
	if err != nil {
		return err
	}
	r := protocol.Return{Call: e.Call}
	if fails {
		r.Error = failure
	}
	return h.Return(ctx, r)
}

// failing reports whether listener number n of a signal, counted from 0, fails.
func (d delivery) failing(signal string, n int) bool {
	for i, listener := range d.listeners {
		if listener != signal {
			continue
		}
		if n == 0 {
			return i < len(d.fails) && d.fails[i]
		}
		n--
	}
	return false
}
