package engine

import (
	"context"

	"github.com/remote-events/remote-events/compat/internal/report"
)

// receive runs a batch with one implementation. If a receiver ends, its end is the observed
// result, and receive starts a new process.
func (r *run) receive(ctx context.Context, l *lane, p *participant, b batch) error {
	s := &session{run: r, turn: r.first(), p: p, lane: l, batch: b, trace: &trace{}}
	defer s.close()
	for _, d := range b.deliveries {
		result := s.result(ctx, d)
		if err := context.Cause(ctx); err != nil {
			return err
		}
		r.conclude(result, []*participant{p}, func(ctx context.Context, l *lane, t turn) (report.Result, error) {
			alone := &session{run: r, turn: t, p: p, lane: l, batch: batches([]delivery{d}, b.reliably)[0], trace: &trace{}}
			defer alone.close()
			return alone.result(ctx, d), context.Cause(ctx)
		})
		if d.c.Delivery != nil && d.c.Delivery.Disturbs && p.Original {
			s.drop()
		}
	}
	return nil
}

// result runs one delivery.
func (s *session) result(ctx context.Context, d delivery) report.Result {
	d = d.whole()
	var got reaction
	if fault := s.p.ready(s.turn); fault != nil {
		s.trace.begin()
		got.fault = fault
	} else {
		got = s.deliver(ctx, d)
		s.p.punctual(got.fault)
	}
	result := s.p.judge(d, got)
	result.Server, result.Reliable = s.lane.server, s.batch.reliably
	return s.run.complete(result, d.message, s.trace)
}
