package remoteevent

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/remote-events/remote-events/go/wire"
)

// SendFunc sends events. See [WithSendMiddleware].
type SendFunc func(ctx context.Context, events []*wire.Envelope) error

// SendMiddleware wraps a SendFunc. See [WithSendMiddleware].
type SendMiddleware func(next SendFunc) SendFunc

// WithSendMiddleware wraps every call of a sender: [Sender.Send] and [Sender.Forward],
// which pass one event, and [Sender.SendBatch] and [Sender.ForwardBatch], which pass
// the events of the batch that have an envelope. The first middleware is the outermost. If
// the option is given several times, later middleware is nearer to Redis.
//
// The envelopes have the attributes that the sender writes, such as the id, and a map of
// attributes that is never nil. A middleware may change the envelopes, for example to add
// the attribute traceparent. The sender checks the envelopes afterwards. The middleware
// calls next from the goroutine in which it was called, once, several times to try again,
// or not at all, and does not keep the envelopes.
//
// For one event, next returns the error of Send. For several, it returns a *[BatchError] with a
// result for each of them. A middleware may return another error instead, which becomes
// the error of all events. Their outcome is Unknown if it wraps [ErrUnknown], and otherwise
// Rejected: a middleware that returns another error after next has stored
// events must wrap ErrUnknown. A panic becomes a *[PanicError] of an event whose outcome
// is Unknown.
//
// Without middleware, Send makes no envelope and is faster.
func WithSendMiddleware(middleware ...SendMiddleware) SenderOption {
	return senderOption(func(c *senderConfig) { c.middleware = append(c.middleware, middleware...) })
}

// sendEnvelopes is the innermost SendFunc.
func (s *Sender) sendEnvelopes(ctx context.Context, envelopes []*wire.Envelope) error {
	if err := s.usable(ctx); err != nil {
		return err
	}
	for i, env := range envelopes {
		if env == nil {
			return fmt.Errorf("%w: envelope %d of a send middleware is nil", ErrNotSent, i+1)
		}
	}
	if len(envelopes) == 1 {
		return s.forward(ctx, *envelopes[0])
	}
	return s.forwardBatch(ctx, envelopes)
}

// throughMiddleware sends envelopes of the caller through the middleware.
func (s *Sender) throughMiddleware(ctx context.Context, envelopes ...*wire.Envelope) (err error) {
	for _, env := range envelopes {
		s.stamp(env)
		attributes := make(map[string]string, len(env.Metadata.Attributes)+1)
		maps.Copy(attributes, env.Metadata.Attributes)
		env.Metadata.Attributes = attributes
	}
	if panicked := contain(func() { err = s.middleware(ctx, envelopes) }); panicked != nil {
		panicked.in = "a send middleware"
		return fmt.Errorf("send %q: %w: %w", envelopes[0].EventName, ErrUnknown, panicked)
	}
	return err
}

// batchThroughMiddleware sends the envelopes of a batch through the middleware. Some events
// have an error instead of an envelope.
func (s *Sender) batchThroughMiddleware(ctx context.Context, envelopes []wire.Envelope, errs []error) error {
	results := make([]Result, len(envelopes))
	var sent []*wire.Envelope
	var indexes []int
	for i := range envelopes {
		if errs != nil && errs[i] != nil {
			results[i] = Result{Rejected, errs[i]}
			continue
		}
		sent, indexes = append(sent, &envelopes[i]), append(indexes, i)
	}
	if len(sent) == 0 {
		return batchError(results)
	}
	err := s.throughMiddleware(ctx, sent...)
	var batch *BatchError
	ofEach := errors.As(err, &batch) && batch != nil && len(batch.Results) == len(sent)
	for n, i := range indexes {
		switch {
		case err == nil:
		case ofEach:
			results[i] = batch.Results[n]
		case errors.Is(err, ErrUnknown):
			results[i] = Result{Unknown, err}
		default:
			results[i] = Result{Rejected, err}
		}
	}
	return batchError(results)
}
