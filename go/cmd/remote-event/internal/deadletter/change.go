package deadletter

import (
	"context"
	"slices"

	"github.com/remote-events/remote-events/go/queueadmin"
	"github.com/remote-events/remote-events/go/wire"
)

// StopsOriginal reports whether a message would end the original receiver that takes it.
// Requeue keeps such a dead letter, unless it is forced.
func StopsOriginal(letter *queueadmin.DeadLetter) bool {
	return wire.InspectFrom(letter.Queue, letter.Raw, wire.Limits{}).Legacy == wire.Dies
}

// A Change removes dead letters of a queue, and returns the ids that are gone already.
type Change func(ctx context.Context, queue *queueadmin.Queue, ids []string) (missing []string, err error)

// Requeue sends dead letters again.
func Requeue(ctx context.Context, queue *queueadmin.Queue, ids []string) (missing []string, err error) {
	return queue.Requeue(ctx, ids...)
}

// Drop deletes dead letters permanently.
func Drop(ctx context.Context, queue *queueadmin.Queue, ids []string) (missing []string, err error) {
	return queue.Drop(ctx, ids...)
}

// InBatches changes dead letters of a queue, hundreds in a round trip, and calls progress
// after each batch. The end of the context does not stop a batch that was begun, so that
// its outcome is known; InBatches then returns the error of the context.
func (change Change) InBatches(ctx context.Context, queue *queueadmin.Queue, ids []string, progress func(done, gone int)) error {
	const batch = 500
	for some := range slices.Chunk(ids, batch) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		missing, err := change(context.WithoutCancel(ctx), queue, some)
		if err != nil {
			return err
		}
		progress(len(some)-len(missing), len(missing))
	}
	return nil
}
