package remoteevent

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/lease"
)

// doorbell watches the queues of a receiver that has too many for one blocked
// connection each, and rings the feeders of those that have messages.
//
// It checks with EXISTS whether any of the queues exists. It checks often, or rarely if
// Redis reports changes (CLIENT TRACKING, with RESP3 and without a cluster). A missed
// change delays a message until the next check. It checks companion keys less often,
// because they change rarely.
type doorbell struct {
	client redis.UniversalClient
	wake   chan struct{} // there are fresh feeders

	mu      sync.Mutex
	fresh   []*feeder          // not watched yet
	watched map[string]*feeder // by queue
}

const (
	// minLook is the interval of the checks soon after a change, if Redis does not report
	// changes. maxLook is the interval after some time without a change.
	minLook = 5 * time.Millisecond
	maxLook = 25 * time.Millisecond
	// trackedLook is the interval if Redis reports changes.
	trackedLook = 500 * time.Millisecond
	// deniedLook is the interval if the user may not check.
	deniedLook = 250 * time.Millisecond
	// companionLook is the interval for companion keys.
	companionLook = 2 * time.Second
)

func newDoorbell(client redis.UniversalClient) *doorbell {
	return &doorbell{client: client, wake: make(chan struct{}, 1), watched: map[string]*feeder{}}
}

// watch watches the feeder's queue until the bell rings.
func (d *doorbell) watch(f *feeder) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.watched[f.queue] == nil {
		d.watched[f.queue] = f
		d.fresh = append(d.fresh, f)
		wake(d.wake)
	}
}

// ring rings the feeder of a watched queue.
func (d *doorbell) ring(queue string) {
	d.mu.Lock()
	f := d.watched[queue]
	delete(d.watched, queue)
	d.mu.Unlock()
	if f != nil {
		f.ring()
	}
}

// ringAll rings the feeders of all watched queues.
func (d *doorbell) ringAll() {
	for _, f := range d.all() {
		d.ring(f.queue)
	}
}

// take returns the feeders to check: those added since the last call, or all watched ones.
func (d *doorbell) take(onlyFresh bool) []*feeder {
	d.mu.Lock()
	defer d.mu.Unlock()
	fresh := d.fresh
	d.fresh = nil
	if onlyFresh {
		return fresh
	}
	return d.allLocked()
}

// all returns the watched feeders.
func (d *doorbell) all() []*feeder {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.allLocked()
}

func (d *doorbell) allLocked() []*feeder {
	all := make([]*feeder, 0, len(d.watched))
	for _, f := range d.watched {
		all = append(all, f)
	}
	return all
}

// run watches until the context ends. It keeps the interval for all queues, even if it is
// often woken for some of them.
func (d *doorbell) run(ctx context.Context) {
	var track *tracking // nil if Redis does not report changes
	if client, ok := d.client.(*redis.Client); ok && client.Options().Protocol != 2 {
		track = &tracking{client: client, ring: d.ring, ringAll: d.ringAll, broken: d.wake}
		defer track.close()
	}
	every := minLook
	next, companions := time.Now().Add(every), time.Now().Add(companionLook)
	timer := time.NewTimer(every)
	defer timer.Stop()
	var retry backoff
	for {
		onlyFresh := false
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-d.wake:
			if !track.on() {
				continue // the timer fires soon
			}
			onlyFresh = time.Now().Before(next)
		}
		var asking redis.Cmdable = d.client
		conn, again := track.connection(ctx)
		tracked := conn != nil
		onlyFresh = onlyFresh && tracked && !again
		if tracked {
			asking = conn
		}
		feeders := d.take(onlyFresh)
		found, err := d.look(ctx, asking, feeders, func(f *feeder) []string { return []string{f.queue} })
		if err == nil && !onlyFresh && !time.Now().Before(companions) {
			var more int
			more, err = d.look(ctx, d.client, d.all(), (*feeder).companionKeys)
			found += more
			companions = time.Now().Add(companionLook)
		}
		switch {
		case err != nil:
			track.close()
			every = max(retry.next(), maxLook)
			if lease.ClassOf(err) == lease.Denied { // EXISTS is denied: the queues check themselves
				every = deniedLook
			}
			for _, f := range feeders { // each queue checks itself
				d.ring(f.queue)
			}
		case tracked:
			every, retry = trackedLook, backoff{}
		case found > 0:
			every, retry = minLook, backoff{}
		default:
			every, retry = min(every*3/2, maxLook), backoff{}
		}
		if !onlyFresh || err != nil {
			next = time.Now().Add(every)
		}
		timer.Reset(time.Until(next))
	}
}

// look rings the feeders with a key that exists, and returns their number. It
// checks all at once, then bisects those that have one.
func (d *doorbell) look(ctx context.Context, client redis.Cmdable, feeders []*feeder, keys func(*feeder) []string) (found int, err error) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	sizes := []int{maxLookKeys, 32, 1}
	switch client.(type) {
	case *redis.ClusterClient, *redis.Ring: // one command cannot check keys on several nodes
		sizes = sizes[2:]
	}
	for _, size := range sizes {
		if len(feeders) == 0 {
			return 0, nil
		}
		parts := slices.Collect(slices.Chunk(feeders, size))
		commands, err := client.Pipelined(ctx, func(p redis.Pipeliner) error {
			for _, part := range parts {
				var all []string
				for _, f := range part {
					all = append(all, keys(f)...)
				}
				p.Exists(ctx, all...)
			}
			return nil
		})
		if err != nil && size > 1 || len(commands) != len(parts) {
			return 0, err
		}
		feeders = nil
		for i, c := range commands {
			// If a node of a cluster fails, its queues check themselves.
			if command, ok := c.(*redis.IntCmd); ok && (command.Val() > 0 || command.Err() != nil) {
				feeders = append(feeders, parts[i]...)
			}
		}
	}
	for _, f := range feeders {
		d.ring(f.queue)
	}
	return len(feeders), nil
}

// maxLookKeys is the approximate maximum number of keys in one command.
const maxLookKeys = 1000

// lookTimeout is the maximum time of a check.
const lookTimeout = 5 * time.Second

// companionKeys returns the companion keys with messages that only a claim finds.
func (f *feeder) companionKeys() []string {
	if f.config.atMostOnce {
		return []string{f.queue}
	}
	kinds := []lease.Kind{lease.Staging, lease.Claims, lease.Retries, lease.Suspects}
	keys := make([]string, len(kinds))
	for i, kind := range kinds {
		keys[i] = lease.Companion(kind, f.queue)
	}
	return keys
}
