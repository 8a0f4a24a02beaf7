package remoteevent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/remote-events/remote-events/go/internal/nilcheck"
)

// hooks has the methods to call, by interface.
type hooks struct {
	log        *slog.Logger
	impatience *impatience // of a receiver; nil for a sender, whose hooks may end the goroutine of their caller
	sent       hookMethods[SentInfo]
	rejected   hookMethods[RejectedInfo]
	received   hookMethods[ReceivedInfo]
	delivering hookMethods[*deliveringCall]
	handled    hookMethods[HandledInfo]
	leaseLost  hookMethods[LeaseLostInfo]
	failing    hookMethods[FailingInfo]
	recovered  hookMethods[RecoveredInfo]

	mu      sync.Mutex
	running map[*hookCall]bool // of a receiver
}

// hookCall is a call of a hook that has not returned.
type hookCall struct {
	hook     *hookValue
	method   string
	begun    time.Time
	warnings int // number of warnings that it is slow
}

// hookValue is a hook of the user.
type hookValue struct {
	hook Hook
	hung atomic.Bool // it is no longer called
}

// String returns the name of the hook's type.
func (v *hookValue) String() string { return fmt.Sprintf("%T", v.hook) }

// newHooks sorts hooks by the interfaces that they implement.
func newHooks(all []Hook, log *slog.Logger, impatience *impatience) (*hooks, error) {
	h := &hooks{log: log, impatience: impatience, running: map[*hookCall]bool{}}
	for i, hook := range all {
		if hook == nil || nilcheck.IsPointer(hook) {
			return nil, fmt.Errorf("WithHooks: hook %d is nil", i+1)
		}
		known := false
		value := &hookValue{hook: hook}
		if hook, ok := hook.(HookSent); ok {
			known = h.sent.add(value, "OnSent", hook.OnSent)
		}
		if hook, ok := hook.(HookRejected); ok {
			known = h.rejected.add(value, "OnRejected", hook.OnRejected)
		}
		if hook, ok := hook.(HookReceived); ok {
			known = h.received.add(value, "OnReceived", hook.OnReceived)
		}
		if hook, ok := hook.(HookDelivering); ok {
			known = h.delivering.add(value, "OnDelivering", func(ctx context.Context, call *deliveringCall) {
				call.derived <- hook.OnDelivering(ctx, call.delivery)
			})
		}
		if hook, ok := hook.(HookHandled); ok {
			known = h.handled.add(value, "OnHandled", hook.OnHandled)
		}
		if hook, ok := hook.(HookLeaseLost); ok {
			known = h.leaseLost.add(value, "OnLeaseLost", hook.OnLeaseLost)
		}
		if hook, ok := hook.(HookFailing); ok {
			known = h.failing.add(value, "OnFailing", hook.OnFailing)
		}
		if hook, ok := hook.(HookRecovered); ok {
			known = h.recovered.add(value, "OnRecovered", hook.OnRecovered)
		}
		if !known {
			return nil, fmt.Errorf("WithHooks: hook %d is a %T, which implements none of HookSent, HookRejected, HookReceived, HookDelivering, HookHandled, HookLeaseLost, HookFailing and HookRecovered", i+1, hook)
		}
	}
	return h, nil
}

// hookMethods has the methods of one interface, in the order of the hooks.
type hookMethods[Info any] []*hookMethod[Info]

type hookMethod[Info any] struct {
	hook   *hookValue
	name   string
	call   func(context.Context, Info)
	logged atomic.Bool // a panic
}

// add appends a method and returns true.
func (m *hookMethods[Info]) add(hook *hookValue, name string, call func(context.Context, Info)) bool {
	*m = append(*m, &hookMethod[Info]{hook: hook, name: name, call: call})
	return true
}

// observe calls the methods with each of the infos. The caller must not hold a mutex that
// exported methods lock.
func (m hookMethods[Info]) observe(ctx context.Context, h *hooks, infos ...Info) {
	for _, method := range m {
		for _, info := range infos {
			if err := method.observe(ctx, h, info); err != nil && !method.logged.Swap(true) {
				attrs := []any{"hook", method.hook.String(), "method", method.name, "error", err}
				if panicked, ok := err.(*PanicError); ok { //nolint:errorlint // it is the very one
					attrs = append(attrs, "stack", string(panicked.Stack))
				}
				h.log.ErrorContext(ctx, "hook panicked; logged once for each method", attrs...)
			}
		}
	}
}

// observe calls the method. It returns an error if the method panicked or ended its goroutine.
func (m *hookMethod[Info]) observe(ctx context.Context, h *hooks, info Info) error {
	call := func() error {
		if panicked := contain(func() { m.call(ctx, info) }); panicked != nil {
			panicked.in = "a hook"
			return panicked
		}
		return nil
	}
	if h.impatience == nil {
		return call()
	}
	if m.hook.hung.Load() {
		return nil
	}
	c := &hookCall{hook: m.hook, method: m.name, begun: time.Now()}
	h.note(c, true)
	defer h.note(c, false)
	err, how := apart(h.impatience, call)
	switch how {
	case callEnded:
		return errHookEnded
	case callHung:
		m.hook.hung.Store(true)
		h.impatience.note(fmt.Sprintf("the hook %s does not return from %s", m.hook, m.name))
	case callReturned:
	}
	return err
}

// note records the begin or the end of a call.
func (h *hooks) note(c *hookCall, running bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if running {
		h.running[c] = true
	} else {
		delete(h.running, c)
	}
}

var errHookEnded = errors.New("a hook ended its goroutine, by runtime.Goexit or a test's FailNow")

// infoError is an error for hooks. It has the redacted text of another error.
type infoError struct {
	text   string
	causes *causes // nil if the causes are unknown
}

func (e *infoError) Error() string { return e.text }

// Is lets [errors.Is] compare the causes of the original error.
func (e *infoError) Is(target error) bool { return e.causes != nil && e.causes.is(target) }

// redactedError returns an error for hooks.
func redactedError(err error) error {
	if err == nil {
		return nil
	}
	c := causesOf(err)
	text, _ := c.texts()
	return &infoError{text, c}
}
