package remoteevent

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/lease"
)

// doorbell watches the queues of a receiver that has too many for a blocked
// connection each, and rings the feeders of those that hold messages.
//
// It asks Redis by EXISTS whether any of the queues exists: often, or where Redis
// tells of changes (CLIENT TRACKING, by RESP3 and without a cluster), seldom. A
// change that is missed costs time only, since it is asked again. What reliable
// delivery keeps beside a queue, which changes seldom, is asked for less often.
type doorbell struct {
	client redis.UniversalClient
	wake   chan struct{} // tells run that there are feeders that it does not watch yet

	mu      sync.Mutex
	fresh   []*feeder          // to be watched
	watched map[string]*feeder // by queue
}

const (
	// minLook is how often it is asked whether queues exist where Redis does not tell
	// of changes, soon after a change; maxLook is the same when there was none for a
	// while.
	minLook = 5 * time.Millisecond
	maxLook = 25 * time.Millisecond
	// trackedLook is the same where Redis tells of changes.
	trackedLook = 500 * time.Millisecond
	// deniedLook is the same where the user may not ask.
	deniedLook = 250 * time.Millisecond
	// companionLook is how often companion keys are looked for.
	companionLook = 2 * time.Second
)

func newDoorbell(client redis.UniversalClient) *doorbell {
	return &doorbell{client: client, wake: make(chan struct{}, 1), watched: map[string]*feeder{}}
}

// watch has the feeder's queue watched until the bell rings.
func (d *doorbell) watch(f *feeder) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.watched[f.queue] == nil {
		d.watched[f.queue] = f
		d.fresh = append(d.fresh, f)
		wake(d.wake)
	}
}

// ring rings the feeder of a queue, if it is watched.
func (d *doorbell) ring(queue string) {
	d.mu.Lock()
	f := d.watched[queue]
	delete(d.watched, queue)
	d.mu.Unlock()
	if f != nil {
		f.ring()
	}
}

// ringAll rings the feeders of all queues that are watched.
func (d *doorbell) ringAll() {
	for _, f := range d.all() {
		d.ring(f.queue)
	}
}

// take returns the feeders that are to be asked for: those that were added since the
// last call, or all that are watched.
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

// all returns the feeders that are watched.
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

// run watches until the context ends. All queues are looked at when it is time for
// that, however often the doorbell is woken for some of them in between.
func (d *doorbell) run(ctx context.Context) {
	var track *tracking // nil where Redis does not tell of changes
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
				continue // the timer is soon
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
			more, err = d.look(ctx, d.client, d.all(), (*feeder).companions)
			found += more
			companions = time.Now().Add(companionLook)
		}
		switch {
		case err != nil:
			track.close()
			every = max(retry.next(), maxLook)
			if lease.TroubleOf(err) == lease.Denied { // EXISTS is: the queues look for themselves
				every = deniedLook
			}
			for _, f := range feeders { // each finds out by itself
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

// look rings the feeders of which one of the keys exists, and returns how many. It
// asks about all at once, then about parts of those that have some.
func (d *doorbell) look(ctx context.Context, client redis.Cmdable, feeders []*feeder, keys func(*feeder) []string) (found int, err error) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	sizes := []int{maxLookKeys, 32, 1}
	switch client.(type) {
	case *redis.ClusterClient, *redis.Ring: // one command cannot ask several nodes
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
			// Where a node of a cluster fails, its queues find out by themselves.
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

// maxLookKeys is about how many queues one command asks for.
const maxLookKeys = 1000

// lookTimeout is how long Redis may take to answer the doorbell.
const lookTimeout = 5 * time.Second

// companions returns the companion keys that hold messages which only a claim finds.
func (f *feeder) companions() []string {
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
