package engine

import (
	"context"

	"github.com/remote-events/remote-events/compat/internal/report"
)

// receive has one implementation receive a batch. A receiver that dies is
// started anew: that it died is what was observed.
func (r *run) receive(ctx context.Context, l *lane, p *participant, b batch) error {
	s := &session{run: r, p: p, lane: l, batch: b, trace: &trace{}}
	defer s.close()
	for _, d := range b.deliveries {
		var result report.Result
		if fault := p.given(); fault != nil {
			s.trace.begin()
			result = p.judge(d, reaction{fault: fault})
		} else {
			got := s.play(ctx, d)
			p.punctual(got.fault)
			result = p.judge(d, got)
		}
		if err := context.Cause(ctx); err != nil {
			return err
		}
		result.Server = l.server
		r.add(result, d.message, s.trace)
		if d.c.Delivery != nil && d.c.Delivery.Disturbs && p.Original {
			s.drop()
		}
	}
	return nil
}
