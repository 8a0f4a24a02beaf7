package ui

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/remote-events/remote-events/go/queueadmin"
)

// watched is a queue that is observed.
type watched struct {
	info queueadmin.QueueInfo // of the latest observation that succeeded
	err  error                // the reply of Redis, if the latest one failed
	seen time.Time            // when Redis last had the queue

	minutes, hours history
}

// The histories of a queue.
const (
	minutesSamples = 150 // of Options.Interval
	hoursSamples   = 180
	hoursStep      = time.Minute
)

// forgotten is the time for which a queue is shown that Redis no longer has.
const forgotten = time.Hour

// maxQueues is the maximum number of queues that are observed.
const maxQueues = 5000

// connectionState is the state of the connection to Redis.
type connectionState struct {
	err     error     // the reason why Redis cannot be reached
	since   time.Time // of err
	sampled time.Time // the latest observation that succeeded
	search  error     // the reason why queues cannot be searched for
	omitted int       // queues beyond maxQueues
}

// Run observes the queues until the context ends, and then ends streams and operations. It
// must be called once.
func (u *UI) Run(ctx context.Context) {
	defer u.operations.running.Wait()
	defer u.end()
	var found []string
	var searched time.Time
	var searching time.Duration // how long the latest search took
	for ctx.Err() == nil {
		begin := time.Now()
		if begin.Sub(searched) >= 20*searching {
			names, err := queueadmin.FindQueues(ctx, u.options.Client)
			searched, searching = begin, time.Since(begin)
			u.noteSearch(err)
			if err == nil {
				found = names
			}
		}
		u.sample(ctx, found)
		select {
		case <-time.After(max(u.options.Interval-time.Since(begin), 9*time.Since(begin))):
		case <-ctx.Done():
		}
	}
}

// noteSearch records the outcome of a search for queues. The observation shows whether
// Redis is away.
func (u *UI) noteSearch(err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if err == nil || isReply(err) {
		u.state.search = err
	}
}

// sample observes the queues that were found, are configured, or were seen recently.
func (u *UI) sample(ctx context.Context, found []string) {
	now := time.Now()
	names := u.names(found, now)
	snapshot, err := u.observer.Observe(ctx, names...)
	if ctx.Err() != nil {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.servers = snapshot.Servers
	lost := err
	for _, s := range snapshot.Servers {
		if s.Err != nil && !isReply(s.Err) {
			lost = s.Err
		}
	}
	for _, info := range snapshot.Queues {
		if info.Err != nil && !isReply(info.Err) {
			lost = info.Err
		}
		u.queues[info.Queue].note(info, now)
	}
	switch {
	case lost == nil:
		if u.state.err != nil {
			u.log.Info("Redis reached again")
		}
		u.state.err, u.state.since, u.state.sampled = nil, time.Time{}, now
	case u.state.err == nil:
		u.log.Warn("cannot reach Redis; retrying", "error", lost)
		u.state.since = now
		fallthrough
	default:
		u.state.err = lost
	}
	close(u.sampled)
	u.sampled = make(chan struct{})
}

// names returns the names of the queues to observe, and forgets others.
func (u *UI) names(found []string, now time.Time) []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, name := range slices.Concat(u.options.Queues, found) {
		q := u.queues[name]
		if q == nil && len(u.queues) < maxQueues {
			q = &watched{
				info:    queueadmin.QueueInfo{Queue: name},
				minutes: history{step: u.options.Interval, max: minutesSamples},
				hours:   history{step: hoursStep, max: hoursSamples},
			}
			u.queues[name] = q
		}
		if q != nil {
			q.seen = now
		}
	}
	u.state.omitted = max(0, len(found)-maxQueues)
	maps.DeleteFunc(u.queues, func(_ string, q *watched) bool { return now.Sub(q.seen) > forgotten })
	return slices.Sorted(maps.Keys(u.queues))
}

// note records an observation. While Redis cannot be reached, the latest figures remain.
func (q *watched) note(info queueadmin.QueueInfo, now time.Time) {
	if info.Err != nil {
		if isReply(info.Err) {
			q.err = info.Err
		}
		return
	}
	q.err = nil
	q.info = info
	q.minutes.add(sample{now, info.Stats})
	q.hours.add(sample{now, info.Stats})
}

// watch returns a channel that is closed by the next sample.
func (u *UI) watch() <-chan struct{} {
	u.mu.RLock()
	defer u.mu.RUnlock()
	return u.sampled
}

// open returns a queue by its name.
func (u *UI) open(name string) (*queueadmin.Queue, error) {
	return queueadmin.Open(u.options.Client, name)
}
