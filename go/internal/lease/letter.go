package lease

import (
	"context"
	"time"
)

// Letter is a dead letter to import.
type Letter struct {
	Body     []byte
	Reason   string
	Attempts int
	// FirstSeen and Died default to now.
	FirstSeen, Died time.Time
}

// Import stores dead letters and returns their ids.
func (q *Queue) Import(ctx context.Context, letters ...Letter) ([]string, error) {
	args := []any{newToken()}
	for _, l := range letters {
		args = append(args, l.Body, l.Reason, l.Attempts, unixMilli(l.FirstSeen), unixMilli(l.Died))
	}
	return q.run(ctx, "import", args).StringSlice()
}

func unixMilli(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}
