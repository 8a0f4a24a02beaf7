package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/remote-events/remote-events/compat/internal/adapter"
	"github.com/remote-events/remote-events/compat/internal/calibration"
	"github.com/remote-events/remote-events/compat/internal/protocol"
	"github.com/remote-events/remote-events/go/wire"
)

// session is a receiver in a lane: one process after the other. With its queue, an
// original loses one thread only. Therefore a process has several queues; and while one
// process is in use, the session starts the next one.
type session struct {
	run   *run
	turn  turn
	p     *participant
	lane  *lane
	batch batch
	trace *trace

	process Process
	queues  []string        // of the process
	dead    map[string]bool // the queues without a consumer
	named   int             // the number of queue names so far
	deaths  int
	spare   chan started
	closing sync.WaitGroup
	canary  int
}

// started is a process with an identity, or the reason why there is none.
type started struct {
	process Process
	err     error
}

// reaction is the observed reaction to a message.
type reaction struct {
	calls []protocol.Event
	// canary is the report of the canary, nil if there is none.
	canary *protocol.Event
	died   *protocol.Died
	// letter describes a problem with the dead letters of a reliable receiver.
	letter []string
	// fault is a problem of the process, in contrast to the end of its queue.
	fault error
}

// maxCalls is the maximum number of reported calls for one message.
const maxCalls = 10_000

func (s *session) launch(ctx context.Context) (Process, error) {
	process, _, err := s.p.implementation.Launch(ctx, Setting{RedisURL: s.lane.url, Timeout: s.turn.timeout, MaxLine: s.batch.maxLine, Trace: s.trace.of(s.p.ID)})
	return process, err
}

// prepare starts the next process in the background.
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

// ready returns a consumed queue for a delivery.
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
		for range max(batchQueues, s.p.implementation.MaxQueues) {
			queue := d.queue
			if s.named > 0 {
				queue += "." + strconv.Itoa(s.named)
			}
			s.named++
			s.queues = append(s.queues, queue)
		}
		d.queue = s.queues[0]
	}
	if err := s.process.Receive(ctx, s.batch.reception(s.queues)); err != nil {
		s.drop()
		failed, ok := errors.AsType[*protocol.FailedError](err)
		if !ok || failed.Unsupported() || !slices.ContainsFunc(s.batch.signals, wire.Reserved) {
			return "", err
		}
		// It rejects listeners of the kernel's signals, which are then never called (DISP-3).
		s.batch.signals = slices.DeleteFunc(slices.Clone(s.batch.signals), wire.Reserved)
		return s.ready(ctx, d)
	}
	if s.deaths > 0 {
		s.prepare(ctx)
	}
	return d.queue, nil
}

// drop ends the process. It waits for the end if its queues are used again.
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

// deliver pushes a message and its canary, and returns the reports that precede the report
// of the canary.
func (s *session) deliver(ctx context.Context, d delivery) reaction {
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
	letters, err := s.letters(ctx, queue)
	if err != nil {
		return reaction{fault: err}
	}
	s.trace.add("redis", "LPUSH "+queue, d.message)
	s.trace.add("redis", "LPUSH "+queue, barrier)
	if err := s.lane.redis.LPush(ctx, queue, d.message, barrier).Err(); err != nil {
		return reaction{fault: fmt.Errorf("push the message: %w", err)}
	}
	patience := s.turn.patience(d.message)
	result := s.await(ctx, d, queue, patience)
	switch {
	case result.fault != nil:
		if errors.Is(result.fault, adapter.ErrTimeout) {
			left := s.lane.redis.LLen(ctx, queue).Val()
			result.fault = s.turn.judged(fmt.Errorf("%w; the report of the canary is missing, and %d messages are left in the list", result.fault, left))
		}
		s.drop()
	case result.died != nil:
		s.deaths++
		s.dead[queue] = true
		s.prepare(ctx)
	default:
		result.letter, result.fault = s.letter(ctx, queue, letters, d, patience)
		return result
	}
	s.lane.redis.Del(ctx, queue)
	return result
}

// patience returns the maximum time between the push of a message and its canary.
func (t turn) patience(message []byte) time.Duration {
	return t.timeout + time.Duration(len(message)>>20)*time.Second
}

func (s *session) await(ctx context.Context, d delivery, queue string, patience time.Duration) reaction {
	ctx, cancel := calibration.WithTimeout(ctx, patience)
	defer cancel()
	var result reaction
	calls := map[string]int{} // of the message, by signal
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
			canary := canaryOf(o.PayloadText)
			if o.Call != 0 {
				if result.fault = s.end(ctx, o, canary == "" && d.failing(o.Signal, calls[o.Signal])); result.fault != nil {
					return result
				}
			}
			switch canary {
			case "":
				calls[o.Signal]++
				if result.calls = append(result.calls, o); len(result.calls) > maxCalls {
					result.calls, result.fault = nil, wrong("more than %d calls for one message", maxCalls)
					return result
				}
			case strconv.Itoa(s.canary):
				result.canary = &o
				return result
			}
		}
	}
}

// canaryOf returns the number of the canary with a payload, "" for any other payload.
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
