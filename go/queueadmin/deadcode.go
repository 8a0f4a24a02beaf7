package queueadmin

import (
	"context"
	"time"

	"github.com/remote-events/remote-events/go/internal/lease"
)

// DeadByCode counts the dead letters of the queue by their codes, without reading the
// messages. It counts at most limit letters, the oldest; a limit of 0 or less counts all.
func (q *Queue) DeadByCode(ctx context.Context, limit int) (map[Code]int64, error) {
	const operation = "count the dead letters of"
	if err := q.usable(ctx, operation); err != nil {
		return nil, err
	}
	counts := map[Code]int64{}
	for skip := int64(0); limit <= 0 || skip < int64(limit); skip += lease.MaxCount {
		page := int64(lease.MaxCount)
		if limit > 0 {
			page = min(page, int64(limit)-skip)
		}
		died, err := q.queue.DeadIDs(ctx, time.Time{}, skip, page)
		if err != nil {
			return nil, q.failed(operation, err)
		}
		ids := make([]string, len(died))
		for i, d := range died {
			ids[i] = d.ID
		}
		reasons, err := q.queue.Reasons(ctx, ids)
		if err != nil {
			return nil, q.failed(operation, err)
		}
		for _, reason := range reasons {
			counts[Code(lease.ParseReason(reason).Code)]++
		}
		if int64(len(died)) < page {
			break
		}
	}
	return counts, nil
}
