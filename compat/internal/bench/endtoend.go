package bench

import (
	"context"
	"errors"

	"github.com/remote-events/remote-events/go/remoteevent"
)

func endToEndCases() []Case {
	var cases []Case
	for _, size := range []Size{Size100B, Size16KiB} {
		add := func(participant string, goroutines int, send openSender, c consuming) {
			cases = append(cases, Case{Workload: EndToEnd, Size: size, Participant: participant, measure: measureEndToEnd(goroutines, send, c), own: participant == "asynq"})
		}
		add("library-at-most-once", 50, librarySender, libraryReceiver(typed, remoteevent.WithAtMostOnce()))
		add("library-at-least-once", 50, librarySender, libraryReceiver(typed))
		add("library-batches-at-least-once", 1, librarySendsBatches, libraryReceiver(typed))
		add("go-redis-brpop", 50, goRedisSender, brpop(byEncodingJSON))
		add("asynq", 50, asynqSender, asynqConsuming())
		add("watermill", 50, watermillSender, watermillConsuming())
	}
	return cases
}

// measureEndToEnd sends and receives concurrently. It measures the time from the handling
// of the first message after warm-up to the handling of the last.
func measureEndToEnd(goroutines int, open openSender, c consuming) func(ctx context.Context, s *stage, p pace) (Sample, error) {
	return func(ctx context.Context, s *stage, _ pace) (Sample, error) {
		warm := max(1, s.count/5)
		t := newTally(warm, s.count)
		before, err := s.read(ctx)
		if err != nil {
			return nil, err
		}
		var after serverReading
		err = c.during(ctx, s, t.receive, func(ctx context.Context) (err error) {
			w, err := open(ctx, s)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, w.close()) }()
			// The warm-up messages are sent first: asynq and others poll an empty queue only
			// once per second.
			for _, part := range []struct{ first, count int }{{0, warm}, {warm, s.count}} {
				err := concurrently(ctx, goroutines, part.count, func(ctx context.Context, first, count int) error {
					return w.send(ctx, firstMark+int64(part.first+first), count)
				})
				if err != nil {
					return err
				}
			}
			if err := t.await(ctx); err != nil {
				return err
			}
			after, err = s.read(ctx)
			return err
		})
		if err != nil {
			return nil, err
		}
		sample := t.end.sample(t.begin, s.count)
		after.add(sample, before, warm+s.count)
		return sample, errors.Join(t.verify(), c.nothingLeft(ctx, s))
	}
}
