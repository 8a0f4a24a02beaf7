package remoteevent

import (
	"context"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"
)

// examineTimeout is how long Redis may take to answer all questions.
const examineTimeout = 30 * time.Second

// examine looks, once Redis is there, for what will keep the receiver from its
// work, or endanger its messages, and logs it.
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
		if d, ok := err.(*Diagnosis); ok && !rejected { //nolint:errorlint // diagnose returns the very one
			rejected = true
			r.logDiagnosis(ctx, d)
		}
		retry.next()
		retry.wait(ctx)
	}
}

func diagnose(ctx context.Context, r *Receiver, client redis.UniversalClient) ([]Diagnosis, error) {
	all, err := DiagnoseServer(ctx, client)
	if err != nil {
		return nil, err
	}
	for _, d := range all {
		if d.Check == checkAuthentication { // the rest is known when that is mended
			return nil, &d
		}
	}
	for _, name := range r.queues {
		q, err := NewQueue(client, name)
		if err != nil {
			return nil, err
		}
		found, err := q.diagnose(ctx, r.configs[name], nil, nil)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

func (r *Receiver) logDiagnosis(ctx context.Context, d *Diagnosis) {
	level := slog.LevelError
	switch {
	case d.Check == "server": // who may not see it does not need to
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
