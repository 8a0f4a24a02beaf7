package remoteevent

import (
	"time"

	"github.com/remote-events/remote-events/go/internal/lease"
)

const (
	// horizon is the time of work that a queue fetches ahead of its listeners by default.
	horizon = 20 * time.Millisecond
	// patience is the time for which fetched messages wait without one of them being
	// started before they are released. It is longer than the horizon, since a listener
	// may take a little longer than predicted.
	patience = 2 * horizon
	// maxAhead is the maximum number of messages that are fetched ahead by default: one claim
	// that is being handled and one that is in progress.
	maxAhead = 2 * lease.MaxCount
)

// pace measures the speed of the listeners of a queue.
type pace struct {
	each  time.Duration // moving average of the time of one message
	known bool
}

// note adds a message that took so long.
func (p *pace) note(took time.Duration) {
	if !p.known {
		p.each, p.known = took, true
		return
	}
	p.each += (took - p.each) / 8
}

// ahead returns how many messages to fetch beyond those being handled: as many
// as that number of slots handles within the horizon.
func (p *pace) ahead(slots int) int {
	if !p.known {
		return 0
	}
	perSlot := int(horizon / max(p.each, horizon/maxAhead))
	return min(max(perSlot-1, 0)*slots, maxAhead)
}

// stalled records that messages have been handled for this time and are not
// done yet.
func (p *pace) stalled(d time.Duration) { p.each, p.known = max(p.each, d), true }
