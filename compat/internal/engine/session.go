package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/remote-events/remote-events/compat/internal/adapter"
	"github.com/remote-events/remote-events/compat/internal/protocol"
	"github.com/remote-events/remote-events/go/wire"
)

// session is a receiver in a lane: one process after the other. The queue of an
// original that dies takes a thread with it and no more, so that a process has
// several queues to lose; and while one is in use, the next is made ready.
type session struct {
	run   *run
	turn  turn
	p     *participant
	lane  *lane
	batch batch
	trace *trace

	process Process
	queues  []string        // of the process
	dead    map[string]bool // those that it lost
	named   int             // queues that were named so far
	deaths  int
	spare   chan started
	closing sync.WaitGroup
	canary  int
}

// started is a process that has said hello, or why there is none.
type started struct {
	process Process
	err     error
}

// reaction is what came of a message.
type reaction struct {
	calls []protocol.Event
	died  *protocol.Died
	// fault is what is wrong with the process rather than with its queue.
	fault error
}

// maxCalls is how many calls may be reported of one message.
const maxCalls = 10_000

func (s *session) launch(ctx context.Context) (Process, error) {
	process, _, err := s.p.implementation.Launch(ctx, Setting{RedisURL: s.lane.url, Timeout: s.turn.timeout, MaxLine: s.batch.maxLine, Trace: s.trace.of(s.p.ID)})
	return process, err
}

// prepare has the next process started.
func (s *session) prepare(ctx context.Context) {
	if s.spare != nil {
		return
	}
	spare := make(chan started, 1)
	s.spare = spare
	go func() {
		var next started
		next.err = caught(func() (err error) {
			next.process, err = s.launch(ctx)
			return err
		})
		spare <- next
	}()
}

// ready returns a queue that is consumed, for what is to go into the given one.
func (s *session) ready(ctx context.Context, d delivery) (string, error) {
	if s.process != nil {
		if !s.dead[d.queue] && !d.spare {
			return d.queue, nil
		}
		for _, queue := range s.queues {
			if d.spare && !s.dead[queue] {
				return queue, nil
			}
		}
		s.drop()
	}
	var next started
	if s.spare != nil {
		next = <-s.spare
		s.spare = nil
	} else {
		next.process, next.err = s.launch(ctx)
	}
	if next.err != nil {
		return "", next.err
	}
	s.process, s.dead, s.queues = next.process, map[string]bool{}, s.batch.queues
	if d.spare {
		s.queues = nil
		for range batchQueues {
			queue := d.queue
			if s.named > 0 {
				queue += "." + strconv.Itoa(s.named)
			}
			s.named++
			s.queues = append(s.queues, queue)
		}
		d.queue = s.queues[0]
	}
	if err := s.process.Receive(ctx, s.queues, s.batch.signals); err != nil {
		s.drop()
		return "", err
	}
	if s.deaths > 0 {
		s.prepare(ctx)
	}
	return d.queue, nil
}

// drop ends the process. Its queues are not used again unless they have to be,
// and then its end is waited for.
func (s *session) drop() {
	if s.process == nil {
		return
	}
	process := s.process
	s.process = nil
	process.Kill()
	s.closing.Go(func() { shut(process) })
	if s.named == 0 {
		s.closing.Wait()
	}
}

// close ends all processes.
func (s *session) close() {
	s.drop()
	if s.spare != nil {
		if spare := <-s.spare; spare.err == nil {
			spare.process.Kill()
			shut(spare.process)
		}
		s.spare = nil
	}
	s.closing.Wait()
}

// play pushes a message and its canary, and returns what is reported until the
// canary has come.
func (s *session) play(ctx context.Context, d delivery) reaction {
	s.trace.begin()
	queue, err := s.ready(ctx, d)
	if err != nil {
		return reaction{fault: err}
	}
	s.canary++
	barrier, _, err := wire.Encode(wire.Envelope{EventName: d.listen, Payload: fmt.Appendf(nil, `{"canary": "%d"}`, s.canary)}, wire.Limits{})
	if err != nil {
		return reaction{fault: fmt.Errorf("the canary: %w", err)}
	}
	s.trace.add("redis", "LPUSH "+queue, d.message)
	s.trace.add("redis", "LPUSH "+queue, barrier)
	if err := s.lane.redis.LPush(ctx, queue, d.message, barrier).Err(); err != nil {
		return reaction{fault: fmt.Errorf("the message could not be pushed: %w", err)}
	}
	patience := s.turn.patience(d.message)
	result := s.await(ctx, queue, patience)
	switch {
	case result.fault != nil:
		if errors.Is(result.fault, adapter.ErrTimeout) {
			left := s.lane.redis.LLen(ctx, queue).Val()
			result.fault = fmt.Errorf("%w: no canary within %v, %d messages are left in the list", adapter.ErrTimeout, patience, left)
		}
		s.drop()
	case result.died != nil:
		s.deaths++
		s.dead[queue] = true
		s.prepare(ctx)
	default:
		return result
	}
	s.lane.redis.Del(ctx, queue)
	return result
}

// patience is how long a message may take to be received.
func (t turn) patience(message []byte) time.Duration {
	return t.timeout + time.Duration(len(message)>>20)*time.Second
}

func (s *session) await(ctx context.Context, queue string, patience time.Duration) reaction {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var result reaction
	for {
		o, err := s.process.Next(ctx)
		if err != nil {
			result.fault = err
			return result
		}
		switch o := o.(type) {
		case protocol.Died:
			if o.Queue == queue {
				result.died = &o
				return result
			}
			s.dead[o.Queue] = true
		case protocol.Event:
			switch canaryOf(o.PayloadText) {
			case "":
				if result.calls = append(result.calls, o); len(result.calls) > maxCalls {
					result.calls, result.fault = nil, wrong("more than %d calls for one message", maxCalls)
					return result
				}
			case strconv.Itoa(s.canary):
				return result
			}
		}
	}
}

// canaryOf is which canary a payload is of, "" where it is of none.
func canaryOf(payload string) string {
	if len(payload) > 100 || !strings.Contains(payload, "canary") {
		return ""
	}
	var content struct {
		Canary string `json:"canary"`
	}
	if json.Unmarshal([]byte(payload), &content) != nil {
		return ""
	}
	return content.Canary
}
