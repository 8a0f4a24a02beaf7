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

// remote is a server with two receivers: one directly connected, and one behind a proxy
// that simulates faults.
type remote struct {
	server    *redisserver.Instance
	network   *proxy.Proxy
	near, far *redis.Client
	store     push // of a directly connected sender
	flow      *flow
}

// startRemote starts the server and the receivers. send starts the senders. With allFar,
// both receivers are behind the proxy.
func startRemote(ctx context.Context, size Size, queue string, condition proxy.Condition, allFar bool) (_ *remote, err error) {
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
	r.flow = newFlow(ctx, size, queue)
	r.flow.work = time.Millisecond // so that a receiver holds events when the fault happens
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

// partition cuts one receiver off from Redis for longer than a lease, alternately silently
// and with refused connections, while events flow. The other receiver gets its events, and
// its late acknowledgements must have no effect.
func partition(ctx context.Context, size Size) (figures Figures, err error) {
	r, err := startRemote(ctx, size, "partition", proxy.Condition{}, false)
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
			if err := r.flow.flowsAgain(ctx); err != nil { // by the other receiver
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

// latency delays every byte to and from receivers.
func latency(ctx context.Context, size Size) (figures Figures, err error) {
	r, err := startRemote(ctx, size, "latency", proxy.Condition{Delay: lease / 10}, true)
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

// slowClose cuts a receiver's connections while events flow. Redis learns of it later.
// Until then, Redis moves events on behalf of a disconnected client.
func slowClose(ctx context.Context, size Size) (figures Figures, err error) {
	r, err := startRemote(ctx, size, "slow close", proxy.Condition{Linger: lease / 2}, false)
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

// vanish makes the network forget the connections of waiting receivers. The receivers get
// no error, and reconnect only because replies are missing.
func vanish(ctx context.Context, size Size) (figures Figures, err error) {
	r, err := startRemote(ctx, size, "vanish", proxy.Condition{}, true)
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
