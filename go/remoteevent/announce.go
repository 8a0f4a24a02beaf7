package remoteevent

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/remote-events/remote-events/go/internal/similar"
)

// This file logs the start and the end of a run.

// maxLoggedQueues is the maximum number of names of queues in a log line.
const maxLoggedQueues = 20

// logStart logs the queues, their delivery guarantees and their concurrency, and warns
// about queues without a listener.
func (r *Receiver) logStart(ctx context.Context) {
	names := make([]string, 0, maxLoggedQueues)
	for _, name := range r.queues[:min(len(r.queues), maxLoggedQueues)] {
		names = append(names, truncateName(name))
	}
	attrs := []any{"queues", names}
	if more := len(r.queues) - len(names); more > 0 {
		attrs = append(attrs, "more_queues", more)
	}
	concurrency := r.slots()
	if total := r.config.totalConcurrency; total > 0 {
		concurrency = min(concurrency, total)
	}
	attrs = append(attrs, "delivery", r.guarantees(), "concurrency", concurrency)
	r.config.logger.InfoContext(ctx, "receiver started", attrs...)
	r.logUnheard(ctx)
}

// logStop logs the end of a run that began at the time.
func (r *Receiver) logStop(ctx context.Context, begun time.Time, err error) {
	attrs := []any{"ran_for", time.Since(begun)}
	if err != nil {
		attrs = append(attrs, "error", err)
	}
	r.config.logger.InfoContext(ctx, "receiver stopped", attrs...)
}

// guarantees names the delivery guarantees of the queues.
func (r *Receiver) guarantees() string {
	var names []string
	for _, queue := range r.queues {
		name := "at least once"
		if r.configs[queue].atMostOnce {
			name = "at most once"
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return strings.Join(names, " and ")
}

// logUnheard logs that a mux has no listeners, and queues that are likely to be misspelt.
// A listener of a parent hears events of queues that it does not know, so a queue without a
// listener of its name is suspicious only if the name is similar to that of a listener.
func (r *Receiver) logUnheard(ctx context.Context) {
	mux, ok := r.handler.(*Mux)
	if !ok {
		return
	}
	signals := mux.signals()
	if len(signals) == 0 && mux.handle == nil { // a middleware may handle events
		r.config.logger.WarnContext(ctx, "no listener is registered; events are acknowledged unhandled")
		return
	}
	for _, queue := range r.queues {
		if slices.Contains(signals, queue) {
			continue
		}
		numbered := func(signal string) bool { return withoutDigits(signal) == withoutDigits(queue) } // q1 is not q2
		if near := similar.Nearest(queue, slices.DeleteFunc(slices.Clone(signals), numbered), min(2, len(queue)/4)); near != "" {
			r.config.logger.WarnContext(ctx, "queue has no listener of its name, but of a similar one; is it misspelt?",
				"queue", truncateName(queue), "listener", truncateName(near))
		}
	}
}

// withoutDigits returns a name without its digits.
func withoutDigits(name string) string {
	return strings.Map(func(r rune) rune {
		if '0' <= r && r <= '9' {
			return -1
		}
		return r
	}, name)
}
