package remoteevent

import (
	"context"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/diagnosis"
	"github.com/remote-events/remote-events/go/internal/lease"
)

// examineTimeout is the maximum time for the replies to all commands.
const examineTimeout = 30 * time.Second

// examine waits for Redis, then looks for problems that will keep the receiver from
// working, or endanger its messages, and logs them.
func examine(ctx context.Context, r *Receiver, client redis.UniversalClient) {
	var retry backoff
	rejected := false
	for ctx.Err() == nil {
		bounded, cancel := context.WithTimeout(ctx, examineTimeout)
		found, err := diagnose(bounded, r, client)
		cancel()
		if err == nil {
			for _, d := range found {
				r.logDiagnosis(ctx, &d)
			}
			return
		}
		if d, ok := err.(*diagnosis.Diagnosis); ok && !rejected { //nolint:errorlint // diagnose returns the very one
			rejected = true
			r.logDiagnosis(ctx, d)
		}
		retry.next()
		retry.wait(ctx)
	}
}

func diagnose(ctx context.Context, r *Receiver, client redis.UniversalClient) ([]diagnosis.Diagnosis, error) {
	all, err := diagnosis.Server(ctx, client)
	if err != nil {
		return nil, err
	}
	for _, d := range all {
		if d.Check == diagnosis.CheckAuthentication { // other problems show after this one is repaired
			return nil, &d
		}
	}
	for _, name := range r.queues {
		queue, err := lease.NewQueue(client, name)
		if err != nil {
			return nil, err
		}
		found, err := diagnosis.QueueAtStart(ctx, client, queue, r.configs[name].role())
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

func (r *Receiver) logDiagnosis(ctx context.Context, d *diagnosis.Diagnosis) {
	level := slog.LevelError
	switch {
	case d.Check == diagnosis.CheckServer: // a user without the permission does not need the result
		return
	case d.Warning:
		level = slog.LevelWarn
	}
	attrs := []any{"check", d.Check, "remedy", d.Remedy}
	if d.Err != nil {
		attrs = append(attrs, "error", d.Err)
	}
	r.config.logger.Log(ctx, level, d.Problem, attrs...)
}
