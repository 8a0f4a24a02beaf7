package engine

import (
	"context"
	"time"

	"github.com/remote-events/remote-events/compat/internal/protocol"
	"github.com/remote-events/remote-events/compat/internal/suite"
)

// settings returns the settings of the receivers of a step, nil if they deliver at most
// once. The second try has longer leases: on a busy machine, a lease may expire.
func (s *scenario) settings(step suite.Step) *protocol.Reliable {
	if !s.reliably {
		return nil
	}
	settings := vectorSettings
	if step.Reliable != nil {
		settings = *step.Reliable
	}
	if s.turn.second {
		settings.LeaseMS *= secondTimeouts
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lease = time.Duration(settings.LeaseMS) * time.Millisecond
	s.retry = time.Duration(settings.RetryMS) * time.Millisecond
	return &settings
}

// reliability runs a step of a reliable receiver.
func (s *scenario) reliability(ctx context.Context, step suite.Step) error {
	switch step.Do {
	case "held":
		return s.awaitHeld(ctx, step)
	case "return":
		return s.each(func(p *participant) error { return s.returnHeld(ctx, step, s.process(s.name(step, p)), step.Count) })
	case "free":
		return s.each(func(p *participant) error { return s.freeCalls(ctx, step, s.process(s.name(step, p))) })
	case "fail":
		return s.each(func(p *participant) error { return s.failRepeatedly(ctx, step, p) })
	case "stopping":
		return s.each(func(p *participant) error { return s.beginStop(s.process(s.name(step, p))) })
	case "suspend", "resume":
		return s.each(func(p *participant) error { return s.suspend(step, s.process(s.name(step, p))) })
	case "extended":
		return s.awaitExtended(ctx, step)
	case "stage":
		return s.stage(ctx, step)
	case "rejected":
		return s.rejected(ctx, step)
	case "script":
		return s.knowsScript(ctx, step)
	case "suspects":
		return s.suspects(ctx, step)
	case "stored":
		return s.stored(ctx, step)
	case "released":
		return s.released(ctx, step)
	case "settled":
		return s.awaitSettled(ctx, step)
	case "promoted":
		return s.promote(ctx)
	default: // unreachable, reachable
		return s.separate(step)
	}
}
