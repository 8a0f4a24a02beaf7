package remoteevent

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// errNilContext is the error of an operation without a context.
var errNilContext = errors.New("the context is nil")

// requireContext returns an error for a context that is nil, which would panic deep
// within go-redis.
func requireContext(ctx context.Context) error {
	if ctx == nil {
		return errNilContext
	}
	return nil
}

// requireClient returns an error for a client that is nil, or a pointer that is.
func requireClient(client redis.UniversalClient) error {
	if client == nil || isNilPointer(client) {
		return errors.New("the client is nil")
	}
	return nil
}

// usable returns why an operation on the queue cannot begin.
func (q *Queue) usable(ctx context.Context) error {
	if q == nil || q.queue == nil {
		return errors.New("the queue is not one of NewQueue")
	}
	if err := requireContext(ctx); err != nil {
		return fmt.Errorf("queue %q: %w", q.Name(), err)
	}
	return nil
}

// usable returns why the sender cannot send.
func (s *Sender) usable(ctx context.Context) error {
	if s == nil || s.link == nil {
		return fmt.Errorf("%w: the sender is not one of NewSender", ErrNotSent)
	}
	if err := requireContext(ctx); err != nil {
		return fmt.Errorf("%w: %w", ErrNotSent, err)
	}
	return nil
}

// usable returns why the receiver can neither be given listeners nor run.
func (r *Receiver) usable() error {
	if r == nil || r.client == nil {
		return errors.New("the receiver is not one of NewReceiver")
	}
	return nil
}
