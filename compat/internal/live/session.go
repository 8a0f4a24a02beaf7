package live

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/compat/internal/adapter"
	"github.com/remote-events/remote-events/compat/internal/engine"
	"github.com/remote-events/remote-events/compat/internal/protocol"
)

// session is a session with a probe. It corresponds to a process of an adapter.
type session struct {
	probe   *Probe
	id      string
	reports string // the list that the probe writes to
	setting engine.Setting

	answers  chan protocol.Response
	observed chan protocol.Observation
	closing  chan struct{}           // closed when observations are no longer read
	reading  context.Context         //nolint:containedctx // the context of the reader
	stop     context.CancelCauseFunc // ends reading
	reader   sync.WaitGroup
	once     sync.Once

	mu     sync.Mutex // held during a request
	lastID int64
}

const (
	// stopTimeout is how long a session may take to end. The original checks every two
	// seconds whether it has to end.
	stopTimeout = 15 * time.Second
	// block is how long one command waits in Redis for a line.
	block = time.Second
	// maxUnread is the number of observations that wait for Next.
	maxUnread = 1024
	// requestTTL is how long a request exists that no probe takes.
	requestTTL = time.Minute
)

// start starts a session.
func (p *Probe) start(setting engine.Setting) *session {
	id := rand.Text()
	s := &session{
		probe: p, id: id, reports: p.key() + ":reports:" + id, setting: setting,
		answers: make(chan protocol.Response, 1), observed: make(chan protocol.Observation, maxUnread), closing: make(chan struct{}),
	}
	s.reading, s.stop = context.WithCancelCause(context.WithoutCancel(p.present))
	s.reader.Go(func() { s.stop(s.read()) })
	return s
}

// read reads the lines of the probe until the session has stopped or the context of
// the reader ends.
func (s *session) read() error {
	for s.reading.Err() == nil {
		found, err := s.probe.client.BRPop(s.reading, block, s.reports).Result()
		if errors.Is(err, redis.Nil) {
			continue
		}
		if err != nil {
			return fmt.Errorf("read the reports of the probe: %w", err)
		}
		line := []byte(found[1])
		s.trace("←", line)
		response, err := protocol.Parse(line)
		if err != nil {
			return &adapter.Error{Kind: adapter.ErrProtocol, Detail: err.Error()}
		}
		s.deliver(response)
		if response.Op == "stopped" {
			return nil
		}
	}
	return nil
}

// deliver passes a response to the method that waits for it.
func (s *session) deliver(response protocol.Response) {
	if observation := response.Observation(); observation != nil {
		select {
		case s.observed <- observation:
		case <-s.closing:
		}
		return
	}
	select {
	case s.answers <- response:
	case <-s.reading.Done():
	}
}

// ask makes a request and waits for its answer.
func (s *session) ask(ctx context.Context, request protocol.Request, timeout time.Duration) (protocol.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lastID++
	request.ID, request.Session = s.lastID, s.id
	var none protocol.Response
	if err := s.push(ctx, request); err != nil {
		return none, fmt.Errorf("%s: write a request to the probe: %w", request.Op, err)
	}
	for {
		select {
		case response := <-s.answers:
			if response.ID == nil || *response.ID != request.ID {
				continue // late, to a request that was given up
			}
			err := response.Answers(request.Op)
			if _, failed := errors.AsType[*protocol.FailedError](err); err != nil && !failed {
				err = &adapter.Error{Op: request.Op, Kind: adapter.ErrProtocol, Detail: err.Error()}
			}
			return response, err
		case <-s.reading.Done():
			return none, context.Cause(s.reading)
		case <-ctx.Done():
			return none, timeoutError(ctx, request.Op)
		}
	}
}

// timeoutError is the error of a wait that ctx ended.
func timeoutError(ctx context.Context, op string) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return &adapter.Error{Op: op, Kind: adapter.ErrTimeout, Detail: "no line from the probe"}
	}
	return context.Cause(ctx)
}

// push writes a request to the probe.
func (s *session) push(ctx context.Context, request protocol.Request) error {
	line, err := protocol.Encode(request)
	if err != nil {
		return err
	}
	s.trace("→", bytes.TrimSpace(line))
	_, err = s.probe.client.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
		pipe.LPush(ctx, s.probe.key()+":requests", line)
		pipe.Expire(ctx, s.probe.key()+":requests", requestTTL)
		return nil
	})
	return err
}

func (s *session) trace(direction string, line []byte) {
	if s.setting.Trace != nil {
		s.setting.Trace(direction, line)
	}
}

// Hello asks the application for its identity.
func (s *session) Hello(ctx context.Context) (protocol.Identity, error) {
	answer, err := s.ask(ctx, protocol.Hello(), engine.StartTimeout(s.setting.Timeout))
	return answer.Identity(), err
}

// Send has the application send an event.
func (s *session) Send(ctx context.Context, message protocol.Message) error {
	_, err := s.ask(ctx, protocol.Send(message), s.setting.Timeout)
	return err
}

// Receive has the application consume queues.
func (s *session) Receive(ctx context.Context, reception protocol.Reception) error {
	_, err := s.ask(ctx, protocol.Receive(reception), engine.StartTimeout(s.setting.Timeout))
	return err
}

// Next returns the next observation.
func (s *session) Next(ctx context.Context) (protocol.Observation, error) {
	select {
	case o := <-s.observed:
		return o, nil
	default:
	}
	select {
	case o := <-s.observed:
		return o, nil
	case <-s.reading.Done():
		if cause := context.Cause(s.reading); !errors.Is(cause, context.Canceled) {
			return nil, cause
		}
		return nil, adapter.ErrClosed
	case <-ctx.Done():
		return nil, timeoutError(ctx, "")
	}
}

// Kill does nothing: the application belongs to the user and continues.
func (s *session) Kill() {}

// Close has the probe end the session and removes the lines of the session.
func (s *session) Close() error {
	var err error
	s.once.Do(func() {
		close(s.closing)
		_, err = s.ask(s.probe.present, protocol.Stop(), stopTimeout)
		s.stop(nil)
		s.reader.Wait()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(s.probe.present), clearTimeout)
		defer cancel()
		err = errors.Join(err, s.probe.client.Del(ctx, s.reports).Err())
	})
	return err
}
