package queueadmin

import "context"

// Stats counts the messages of a queue by state.
type Stats struct {
	// Queued messages wait in the list, which original receivers see as well.
	Queued int64
	// Staged messages were moved off the list for a receiver that was idle.
	Staged int64
	// Leased messages belong to a receiver until their lease expires.
	Leased int64
	// Retrying messages failed, or the process that handled them died, and wait for
	// another attempt.
	Retrying int64
	// Dead messages are dead letters and wait for an operator.
	Dead int64
}

// Stats counts the messages of the queue. The counts are consistent only
// if no program uses the queue: a message that moves meanwhile may be counted twice or
// not at all. All counts of a queue that does not exist are 0.
func (q *Queue) Stats(ctx context.Context) (Stats, error) {
	const operation = "count the messages of"
	if err := q.usable(ctx, operation); err != nil {
		return Stats{}, err
	}
	d, err := q.queue.Stats(ctx)
	return Stats{d.Queued, d.Staged, d.Leased, d.Retried + d.Suspect, d.Dead}, q.failed(operation, err)
}
