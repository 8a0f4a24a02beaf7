package engine

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/remote-events/remote-events/compat/internal/protocol"
	"github.com/remote-events/remote-events/compat/internal/suite"
	"github.com/remote-events/remote-events/spec"
)

// suspender is a Process that can be suspended, such as an *adapter.Adapter.
type suspender interface {
	Suspend() error
	Resume() error
}

// suspend suspends a process, or resumes it.
func (s *scenario) suspend(step suite.Step, a *processState) error {
	if a == nil {
		return fmt.Errorf("no process has the name %q", step.Who)
	}
	p, ok := a.Process.(suspender)
	if !ok {
		return &protocol.FailedError{Op: step.Do, Reason: "unsupported: the process cannot be suspended"}
	}
	if step.Do == "suspend" {
		return p.Suspend()
	}
	return p.Resume()
}

// awaitExtended waits until the present claims have been extended by Count leases. They
// must neither end nor expire.
func (s *scenario) awaitExtended(ctx context.Context, step suite.Step) error {
	keys, err := companions(s.lane.redis, s.lane.prefix+step.Queue)
	if err != nil {
		return err
	}
	first := map[string]float64{}
	for {
		now, err := s.lane.redis.Time(ctx).Result()
		if err == nil {
			var claims map[string]float64
			if claims, err = s.scores(ctx, keys["claims"]); err == nil {
				if len(first) == 0 {
					first = claims
				}
				done := len(first) > 0
				for claim, score := range first {
					until, ok := claims[claim]
					switch {
					case !ok:
						return wrong("a claim ended while its listener works")
					case until <= float64(now.UnixMilli()):
						return wrong("a lease expired while its listener works")
					}
					done = done && until-score >= float64(step.Count)*float64(s.lease.Milliseconds())
				}
				if done {
					return nil
				}
			}
		}
		if err != nil && ctx.Err() == nil {
			return fmt.Errorf("read the claims: %w", err)
		}
		if !wait(ctx) {
			return fmt.Errorf("the leases were not extended: %w", context.Cause(ctx))
		}
	}
}

// scores returns the members of a sorted set with their scores.
func (s *scenario) scores(ctx context.Context, key string) (map[string]float64, error) {
	all, err := s.lane.redis.ZRangeWithScores(ctx, key, 0, -1).Result()
	scores := map[string]float64{}
	for _, z := range all {
		if member, ok := z.Member.(string); ok {
			scores[member] = z.Score
		}
	}
	return scores, err
}

// stage moves messages to staging, as a waiting receiver does.
func (s *scenario) stage(ctx context.Context, step suite.Step) error {
	queue := s.lane.prefix + step.Queue
	keys, err := companions(s.lane.redis, queue)
	if err != nil {
		return err
	}
	for range step.Count {
		message, err := s.lane.redis.LMove(ctx, queue, keys["staging"], "RIGHT", "LEFT").Result()
		s.trace.add("redis", "LMOVE "+queue, []byte(message))
		if err != nil {
			return fmt.Errorf("stage a message: %w", err)
		}
	}
	return nil
}

// suspects pushes events, and makes them suspects, as if two processes had died with them.
func (s *scenario) suspects(ctx context.Context, step suite.Step) error {
	queue := s.lane.prefix + step.Queue
	keys, err := companions(s.lane.redis, queue)
	if err != nil {
		return err
	}
	if err := s.push(ctx, suite.Step{Queue: step.Queue, Count: step.Count}); err != nil {
		return err
	}
	now, err := s.lane.redis.Time(ctx).Result()
	if err != nil {
		return fmt.Errorf("read the time: %w", err)
	}
	s.mu.Lock()
	for n := s.number; n > s.number-step.Count; n-- {
		s.suspect[n] = true
	}
	s.mu.Unlock()
	for i := range step.Count {
		body, err := s.lane.redis.RPop(ctx, queue).Result()
		if err != nil {
			return fmt.Errorf("make a suspect: %w", err)
		}
		const token = "AAAAAAAAAAAAAAAAAAAAAA"
		id := fmt.Sprintf("%016d-%s-1-1001", now.UnixMicro()+int64(i), token)
		pipe := s.lane.redis.TxPipeline()
		pipe.HSet(ctx, keys["bodies"], id, body)
		pipe.HSet(ctx, keys["attempts"], id, "2 2 "+token)
		pipe.HSet(ctx, keys["reasons"], id, `{"code":"expired"}`)
		pipe.Do(ctx, "ZADD", keys["suspects"], now.UnixMilli(), id)
		if _, err := pipe.Exec(ctx); err != nil {
			return fmt.Errorf("make a suspect: %w", err)
		}
	}
	return nil
}

// rejected starts a process, which must reject the queues.
func (s *scenario) rejected(ctx context.Context, step suite.Step) error {
	return s.each(func(p *participant) error {
		a, err := s.start(ctx, s.name(step, p), s.url, p)
		if err != nil {
			return err
		}
		s.trace.add("redis", "queues", []byte(strings.Join(step.Queues, ", ")))
		err = a.Receive(ctx, protocol.Reception{Queues: step.Queues, Signals: step.Queues, Reliable: s.settings(step)})
		failure, failed := errors.AsType[*protocol.FailedError](err)
		switch {
		case err == nil:
			return wrong("it consumes %q", step.Queues)
		case failed && !failure.Unsupported():
			return nil
		}
		return err
	})
}

// knowsScript checks that a client has sent a script of the specification.
func (s *scenario) knowsScript(ctx context.Context, step suite.Step) error {
	text, err := spec.Files.ReadFile("lua/" + *step.Text + ".lua")
	if err != nil {
		return err
	}
	sum := sha1.Sum(text)
	known, err := s.lane.redis.ScriptExists(ctx, hex.EncodeToString(sum[:])).Result()
	if err == nil && !slices.Contains(known, true) {
		err = wrong("Redis does not know the script %s.lua: the receiver has another text", *step.Text)
	}
	return err
}

// separate interrupts the network between the processes and Redis, or restores it.
func (s *scenario) separate(step suite.Step) error {
	if step.Do == "reachable" {
		address, err := url.Parse(s.own.URL())
		if err == nil {
			s.proxy.Target(address.Host)
		}
		return err
	}
	s.proxy.Target("")
	s.proxy.Cut()
	return nil
}

// promote directs new connections to another server, which is empty, and makes the present
// server its replica.
func (s *scenario) promote(ctx context.Context) error {
	client := s.lane.redis
	defer client.Close()
	own, err := s.server.Another(ctx)
	if err != nil {
		return err
	}
	s.former = append(s.former, s.own)
	s.own, s.restarted = own, true
	if err := s.connectOwn(ctx); err != nil {
		return err
	}
	address, err := url.Parse(own.URL())
	if err != nil {
		return err
	}
	if err := client.Do(ctx, "REPLICAOF", address.Hostname(), address.Port()).Err(); err != nil {
		return fmt.Errorf("make Redis a replica: %w", err)
	}
	return nil
}
