package faults

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/compat/internal/redisserver"
)

// killed kills receiving processes with SIGKILL at random times, until the given number of
// events is handled. A Go sender and an original send.
func killed(ctx context.Context, size Size) (figures Figures, err error) {
	return killing(ctx, size, "killed", func(f *flow, p *original) error {
		f.send(p.push)
		f.send(p.push)
		return nil
	})
}

// mixedFleet is killed with an original that receives from the same list. The original is
// not killed: it delivers at most once, so the event that it is handling would be lost.
func mixedFleet(ctx context.Context, size Size) (figures Figures, err error) {
	return killing(ctx, size, "mixed 日本 {x}", func(f *flow, p *original) error {
		f.send(p.push)
		return f.receiveBy(ctx, p)
	})
}

func killing(ctx context.Context, size Size, queue string, join func(*flow, *original) error) (figures Figures, err error) {
	server, err := redisserver.StartInstance(ctx, redisserver.Options{})
	if err != nil {
		return figures, err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	client := redis.NewClient(&redis.Options{Addr: server.Addr()})
	defer func() { _ = client.Close() }()
	f := newFlow(ctx, size, queue)
	defer f.stop()
	python, err := startOriginal(ctx, server.URL())
	if err != nil {
		return figures, err
	}
	defer func() { err = errors.Join(err, python.close()) }()
	var fleet [3]consumer
	defer func() {
		for _, c := range fleet {
			if c != nil {
				err = errors.Join(err, c.end())
			}
		}
	}()
	for i := range fleet {
		if fleet[i], err = f.consume(ctx, server.Addr(), lease, time.Millisecond); err != nil {
			return figures, err
		}
	}
	if err := join(f, python); err != nil {
		return figures, err
	}
	if err := f.sendPlainly(client, 2); err != nil {
		return figures, err
	}
	kills := 0
	chance := rand.New(rand.NewPCG(size.Seed, 0))
	for f.count() < size.Events && ctx.Err() == nil {
		pause(ctx, time.Duration(50+chance.IntN(250))*time.Millisecond)
		i := chance.IntN(len(fleet))
		err := fleet[i].kill()
		fleet[i] = nil
		if err != nil {
			return figures, err
		}
		kills++
		if fleet[i], err = f.consume(ctx, server.Addr(), lease, time.Millisecond); err != nil {
			return figures, err
		}
	}
	figures, err = f.finish(ctx, client)
	figures.Faults = kills
	return figures, err
}

// suspended stops processes with SIGSTOP for longer than their leases, and continues them.
// Their late acknowledgements must have no effect.
func suspended(ctx context.Context, size Size) (figures Figures, err error) {
	server, err := redisserver.StartInstance(ctx, redisserver.Options{})
	if err != nil {
		return figures, err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	client := redis.NewClient(&redis.Options{Addr: server.Addr()})
	defer func() { _ = client.Close() }()
	f := newFlow(ctx, size, "suspended")
	defer f.stop()
	var fleet [2]consumer
	defer func() {
		for _, c := range fleet {
			if c != nil {
				err = errors.Join(err, c.resume(), c.end())
			}
		}
	}()
	for i := range fleet {
		if fleet[i], err = f.consume(ctx, server.Addr(), lease, 10*time.Millisecond); err != nil {
			return figures, err
		}
	}
	if err := f.sendPlainly(client, 1); err != nil {
		return figures, err
	}
	for round := range size.Rounds {
		if err := f.flowFor(ctx, size.Events); err != nil {
			return figures, err
		}
		c := fleet[round%len(fleet)]
		if err := c.suspend(); err != nil {
			return figures, err
		}
		pause(ctx, lease+lease/2)
		if err := errors.Join(c.resume(), f.flowsAgain(ctx)); err != nil {
			return figures, err
		}
	}
	return f.finish(ctx, client)
}
