package remoteevent

import (
	"context"
	"errors"
	"fmt"

	"github.com/remote-events/remote-events/go/internal/nilcheck"
)

// usable returns the reason why the sender cannot send, or nil.
func (s *Sender) usable(ctx context.Context) error {
	if s == nil || s.link == nil {
		return fmt.Errorf("%w: the sender is not one of NewSender", ErrNotSent)
	}
	if err := nilcheck.Context(ctx); err != nil {
		return fmt.Errorf("%w: %w", ErrNotSent, err)
	}
	return nil
}

// usable returns the reason why the receiver cannot run, or nil.
func (r *Receiver) usable() error {
	if r == nil || r.client == nil {
		return errors.New("the receiver is not one of NewReceiver")
	}
	return nil
}
