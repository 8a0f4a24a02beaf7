package remoteevent

import (
	"slices"
	"testing"
	"testing/synctest"

	"github.com/remote-events/remote-events/go/internal/lease"
)

// mistake is a mistake that receivers make, as Redis sees it. The oracle has to find
// each.
type mistake int

const (
	noMistake mistake = iota
	noRenewal
	forgottenAcknowledgement
	earlyFinish
	releaseReversed
	attemptCountedTwice
	claimSwallowed
	claimDoubled
)

var mistakes = map[string]mistake{
	"leases are not renewed":                   noRenewal,
	"an acknowledgement is forgotten":          forgottenAcknowledgement,
	"a claim is finished too early":            earlyFinish,
	"messages are released in the wrong order": releaseReversed,
	"an attempt is counted twice":              attemptCountedTwice,
	"claimed messages are forgotten":           claimSwallowed,
	"a message is handled twice":               claimDoubled,
}

// TestSimulationFindsMistakes: the oracle finds each mistake soon.
func TestSimulationFindsMistakes(t *testing.T) {
	t.Parallel()
	client := neverUsed(t)
	for name, mistake := range mistakes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const seeds = 500
			for seed := range uint64(seeds) {
				w := newWorld(client, seed)
				w.mistake = mistake
				synctest.Test(t, func(*testing.T) { w.run() })
				if len(w.faults) > 0 {
					t.Logf("seed %d: %s", seed, w.faults[0])
					return
				}
			}
			t.Errorf("none of %d schedules shows it", seeds)
		})
	}
}

// mistakeReport changes what is reported.
func (c *simClaims) mistakeReport(x *lease.Exchange) {
	switch n := len(x.Acknowledge); {
	case n == 0:
	case c.world.mistake == forgottenAcknowledgement && n > 2:
		x.Acknowledge = x.Acknowledge[:n-1]
	case c.world.mistake == earlyFinish:
		x.Finished = append(x.Finished, x.Acknowledge[0].Claim)
	}
}

// mistakeRelease changes what is released.
func (c *simClaims) mistakeRelease(held []lease.Handle) []lease.Handle {
	if c.world.mistake == releaseReversed {
		held = slices.Clone(held)
		slices.Reverse(held)
	}
	return held
}

// mistakeClaimed changes what a receiver does with what it has claimed.
func (c *simClaims) mistakeClaimed(found *lease.Claimed) {
	n := len(found.Messages)
	switch c.world.mistake { //nolint:exhaustive // other calls make the other mistakes
	case attemptCountedTwice:
		for i := range found.Messages {
			found.Messages[i].Attempt += found.Messages[i].Attempt / 2
		}
	case claimSwallowed:
		found.Messages = found.Messages[:n-n/2]
	case claimDoubled:
		found.Messages = append(found.Messages, found.Messages[n-1])
	}
}
