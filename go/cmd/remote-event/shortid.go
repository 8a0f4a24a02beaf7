package main

import (
	"context"
	"fmt"

	"github.com/remote-events/remote-events/go/cmd/remote-event/internal/deadletter"
)

// shortID returns a short form of a dead letter's id, which a person can type.
func shortID(id string) string { return deadletter.ShortID(id) }

// resolve replaces the short ids among the arguments with the full ones. A short id of
// several dead letters is an error, because the user means one.
func (a *app) resolve(ctx context.Context, queues *queues, s *selection) error {
	found := map[string][]string{} // full ids by short id
	for _, w := range s.wanted {
		if w.byHand && deadletter.IsShortID(w.id) {
			found[w.id] = nil
		}
	}
	if len(found) == 0 {
		return nil
	}
	for _, q := range queues.all {
		for id, err := range q.DeadLetterIDs(ctx) {
			if err != nil {
				if err := a.spare(ctx, queues, q, err); err != nil {
					return err
				}
				break
			}
			for short := range found {
				if deadletter.HasShortID(id, short) {
					found[short] = append(found[short], id)
				}
			}
		}
	}
	for i, w := range s.wanted {
		switch ids := found[w.id]; len(ids) {
		case 0:
		case 1:
			s.wanted[i].id = ids[0]
		default:
			return withHint(usageError(fmt.Sprintf("--id %s is the beginning of %d ids", w.id, len(ids))), "give more digits, or the full id")
		}
	}
	return nil
}
