package faults

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/compat/internal/proxy"
	"github.com/remote-events/remote-events/compat/internal/redisserver"
	"github.com/remote-events/remote-events/go/remoteevent"
)

// remote is a server with two receivers: one near it, and one behind a network
// that can be spoilt.
type remote struct {
	server    *redisserver.Instance
	network   *proxy.Proxy
	near, far *redis.Client
	store     push // near the server
	flow      *flow
}

// startRemote starts all that; send starts to send. Where it is told to, both
// receivers are far.
func startRemote(ctx context.Context, queue string, condition proxy.Condition, allFar bool) (_ *remote, err error) {
	r := &remote{}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.close())
		}
	}()
	if r.server, err = redisserver.StartInstance(ctx, redisserver.Options{}); err != nil {
		return nil, err
	}
	if r.network, err = proxy.Start(ctx, r.server.Addr()); err != nil {
		return nil, err
	}
	r.network.Set(condition)
	r.near = redis.NewClient(&redis.Options{Addr: r.server.Addr()})
	r.far = redis.NewClient(&redis.Options{Addr: r.network.Addr()})
	if r.store, err = plainly(r.near); err != nil {
		return nil, err
	}
	r.flow = newFlow(ctx, queue)
	r.flow.work = time.Millisecond // so that a receiver has some in hand when it happens
	first := r.near
	if allFar {
		first = r.far
	}
	for _, client := range []*redis.Client{first, r.far} {
		if err := r.flow.receive(client, remoteevent.WithLease(lease)); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (r *remote) send() {
	for range 4 {
		r.flow.send(r.store)
	}
}

func (r *remote) close() error {
	var problems []error
	if r.flow != nil {
		r.flow.stop()
	}
	if r.near != nil {
		problems = append(problems, r.near.Close(), r.far.Close())
	}
	if r.network != nil {
		problems = append(problems, r.network.Close())
	}
	if r.server != nil {
		problems = append(problems, r.server.Close())
	}
	return errors.Join(problems...)
}

// partition cuts one receiver off from Redis for longer than a lease, by turns
// without a word and by refusing it, while events flow. What it holds, the other
// gets; what it says of it in the end is refused.
func partition(ctx context.Context, size Size) (figures Figures, err error) {
	r, err := startRemote(ctx, "partition", proxy.Condition{}, false)
	if err != nil {
		return figures, err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	r.send()
	for range size.Rounds {
		for _, condition := range []proxy.Condition{{Silent: true}, {Refuse: true}} {
			if err := r.flow.flowFor(ctx, size.Events); err != nil {
				return figures, err
			}
			r.network.Set(condition)
			pause(ctx, lease+lease/2)
			if err := r.flow.flowsAgain(ctx); err != nil { // by the other
				return figures, err
			}
			r.network.Set(proxy.Condition{})
			if err := r.flow.flowsAgain(ctx, 0, 1); err != nil {
				return figures, err
			}
		}
	}
	return r.flow.finish(ctx, r.near)
}

// latency has every byte to and from receivers take a while.
func latency(ctx context.Context, size Size) (figures Figures, err error) {
	r, err := startRemote(ctx, "latency", proxy.Condition{Delay: lease / 10}, true)
	if err != nil {
		return figures, err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	r.send()
	for range size.Rounds {
		if err := r.flow.flowFor(ctx, size.Events); err != nil {
			return figures, err
		}
		if err := r.flow.flowsAgain(ctx, 0, 1); err != nil {
			return figures, err
		}
	}
	return r.flow.finish(ctx, r.near)
}

// slowClose cuts a receiver's connections, while events flow, in such a way that
// Redis learns of it only later: until then, it goes on moving events for
// somebody who is not there.
func slowClose(ctx context.Context, size Size) (figures Figures, err error) {
	r, err := startRemote(ctx, "slow close", proxy.Condition{Linger: lease / 2}, false)
	if err != nil {
		return figures, err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	r.send()
	for range size.Rounds {
		if err := r.flow.flowFor(ctx, size.Events); err != nil {
			return figures, err
		}
		for range 5 {
			r.network.CutClients()
			pause(ctx, 50*time.Millisecond)
		}
		if err := r.flow.flowsAgain(ctx, 0, 1); err != nil {
			return figures, err
		}
	}
	return r.flow.finish(ctx, r.near)
}

// vanish has the connections of receivers that wait for events be forgotten by
// the network: nobody tells them, and only for want of an answer do they connect
// anew.
func vanish(ctx context.Context, size Size) (figures Figures, err error) {
	r, err := startRemote(ctx, "vanish", proxy.Condition{}, true)
	if err != nil {
		return figures, err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	for range size.Rounds {
		for range size.Events {
			if err := r.flow.sendOne(r.store); err != nil {
				return figures, err
			}
		}
		if _, err := r.flow.drain(ctx, r.near); err != nil {
			return figures, err
		}
		r.network.Forget()
		before := r.flow.mark()
		if err := errors.Join(r.flow.sendOne(r.store), r.flow.flowsSince(ctx, before)); err != nil {
			return figures, err
		}
	}
	return r.flow.finish(ctx, r.near)
}
