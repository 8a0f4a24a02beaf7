package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
)

// shortIDLength is the length of the short ids that dead ls prints.
const shortIDLength = 8

// shortID returns a short form of a dead letter's id, which a person can type.
func shortID(id string) string { return longHash(id)[:shortIDLength] }

func longHash(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:])
}

// shortForm matches short ids, of which a few digits suffice. A full id has a "-".
var shortForm = regexp.MustCompile(`^[0-9a-f]{4,64}$`)

// resolve replaces the short ids among the arguments with the full ones. A short id of
// several dead letters is an error, because the user means one.
func (a *app) resolve(ctx context.Context, queues *queues, s *selection) error {
	found := map[string][]string{} // full ids by short id
	for _, w := range s.wanted {
		if w.byHand && shortForm.MatchString(w.id) {
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
			hash := longHash(id)
			for short := range found {
				if strings.HasPrefix(hash, short) {
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
