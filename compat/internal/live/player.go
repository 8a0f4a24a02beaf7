package live

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/compat/internal/adapter"
	"github.com/remote-events/remote-events/compat/internal/engine"
)

// protocol is the version of what is said between probe and harness: the adapter
// protocol, with a session in each request.
const protocol = adapter.Protocol

// player is a session with a probe: what a process is of an adapter.
type player struct {
	probe   *Probe
	session string
	reports string // the list that the probe reports to
	setting engine.Setting

	answers  chan line
	observed chan adapter.Observation
	closing  chan struct{}           // closed where nobody wants to know any more
	reading  context.Context         //nolint:containedctx // that of the reader
	stop     context.CancelCauseFunc // ends reading
	reader   sync.WaitGroup
	once     sync.Once

	mu     sync.Mutex // held by who asks
	lastID int64
}

// request is one of the adapter protocol, in a session.
type request struct {
	Op       string `json:"op"`
	ID       int64  `json:"id"`
	Session  string `json:"session"`
	Protocol int    `json:"protocol,omitempty"`

	*adapter.Message

	Queues  []string `json:"queues,omitempty"`
	Signals []string `json:"signals,omitempty"`
}

// line is an answer or an observation.
type line struct {
	Op          string            `json:"op"`
	ID          int64             `json:"id"`
	Error       string            `json:"error"`
	Name        string            `json:"name"`
	Version     string            `json:"version"`
	Roles       []adapter.Role    `json:"roles"`
	Details     map[string]string `json:"details"`
	Signal      string            `json:"signal"`
	Signals     []string          `json:"signals"`
	PayloadText string            `json:"payload_text"`
	Queue       string            `json:"queue"`
}

const (
	// stopping is how long a session may take to end: the original looks every two
	// seconds whether it is to go on.
	stopping = 15 * time.Second
	// block is how long Redis is asked to wait for a line.
	block = time.Second
	// unread is how many observations are kept for who has not asked for them yet.
	unread = 1024
	// requestsKept is how long requests stay that nobody takes.
	requestsKept = time.Minute
)

func (p *Probe) start(setting engine.Setting) *player {
	session := rand.Text()
	one := &player{
		probe: p, session: session, reports: p.key() + ":reports:" + session, setting: setting,
		answers: make(chan line, 1), observed: make(chan adapter.Observation, unread), closing: make(chan struct{}),
	}
	one.reading, one.stop = context.WithCancelCause(context.WithoutCancel(p.present))
	one.reader.Go(func() { one.stop(one.read()) })
	return one
}

// read reads what the probe says, until the session has stopped or the reading
// ends.
func (p *player) read() error {
	for p.reading.Err() == nil {
		found, err := p.probe.client.BRPop(p.reading, block, p.reports).Result()
		if errors.Is(err, redis.Nil) {
			continue
		}
		if err != nil {
			return fmt.Errorf("the reports of the probe cannot be read: %w", err)
		}
		text := []byte(found[1])
		p.trace("←", text)
		var l line
		if err := json.Unmarshal(text, &l); err != nil {
			return &adapter.Error{Kind: adapter.ErrProtocol, Detail: err.Error()}
		}
		p.take(l)
		if l.Op == "stopped" {
			return nil
		}
	}
	return nil
}

// take hands a line to who waits for it.
func (p *player) take(l line) {
	var o adapter.Observation
	switch l.Op {
	case "event":
		o = adapter.Event{Signal: l.Signal, Signals: l.Signals, PayloadText: l.PayloadText}
	case "died":
		o = adapter.Died{Queue: l.Queue, Error: l.Error}
	default:
		select {
		case p.answers <- l:
		case <-p.reading.Done():
		}
		return
	}
	select {
	case p.observed <- o:
	case <-p.closing:
	}
}

// ask makes a request and waits for its answer.
func (p *player) ask(ctx context.Context, r request, want string, timeout time.Duration) (line, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lastID++
	r.ID = p.lastID
	if err := p.push(ctx, r); err != nil {
		return line{}, fmt.Errorf("%s: the probe cannot be asked: %w", r.Op, err)
	}
	for {
		select {
		case l := <-p.answers:
			switch {
			case l.ID != r.ID: // late, to a request that was given up
			case l.Op == want:
				return l, nil
			case l.Op == "failed":
				return l, &adapter.FailedError{Op: r.Op, Reason: l.Error}
			default:
				return l, &adapter.Error{Op: r.Op, Kind: adapter.ErrProtocol, Detail: fmt.Sprintf("it answered %q", l.Op)}
			}
		case <-p.reading.Done():
			return line{}, context.Cause(p.reading)
		case <-ctx.Done():
			return line{}, silent(ctx, r.Op)
		}
	}
}

// silent is why there is no answer.
func silent(ctx context.Context, op string) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return &adapter.Error{Op: op, Kind: adapter.ErrTimeout, Detail: "the probe says nothing"}
	}
	return context.Cause(ctx)
}

// push gives the probe a request.
func (p *player) push(ctx context.Context, r request) error {
	r.Session = p.session
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(r); err != nil {
		return err
	}
	p.trace("→", bytes.TrimSpace(text.Bytes()))
	_, err := p.probe.client.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
		pipe.LPush(ctx, p.probe.key()+":requests", text.Bytes())
		pipe.Expire(ctx, p.probe.key()+":requests", requestsKept)
		return nil
	})
	return err
}

func (p *player) trace(direction string, text []byte) {
	if p.setting.Trace != nil {
		p.setting.Trace(direction, text)
	}
}

// Hello asks the application who it is.
func (p *player) Hello(ctx context.Context) (adapter.Identity, error) {
	l, err := p.ask(ctx, request{Op: "hello", Protocol: protocol}, "hello", engine.StartTimeout(p.setting.Timeout))
	return adapter.Identity{Name: l.Name, Version: l.Version, Roles: l.Roles, Details: l.Details}, err
}

// Send has the application send an event.
func (p *player) Send(ctx context.Context, message adapter.Message) error {
	if message.Parents == nil {
		message.Parents = []string{}
	}
	_, err := p.ask(ctx, request{Op: "send", Message: &message}, "sent", p.setting.Timeout)
	return err
}

// Receive has the application consume queues.
func (p *player) Receive(ctx context.Context, queues, signals []string) error {
	_, err := p.ask(ctx, request{Op: "receive", Queues: queues, Signals: signals}, "ready", engine.StartTimeout(p.setting.Timeout))
	return err
}

// Next returns the next observation.
func (p *player) Next(ctx context.Context) (adapter.Observation, error) {
	select {
	case o := <-p.observed:
		return o, nil
	default:
	}
	select {
	case o := <-p.observed:
		return o, nil
	case <-p.reading.Done():
		if cause := context.Cause(p.reading); !errors.Is(cause, context.Canceled) {
			return nil, cause
		}
		return nil, adapter.ErrClosed
	case <-ctx.Done():
		return nil, silent(ctx, "")
	}
}

// Kill does nothing: the application is somebody else's, and lives on.
func (p *player) Kill() {}

// Close has the probe end the session, and removes what was said in it.
func (p *player) Close() error {
	var err error
	p.once.Do(func() {
		close(p.closing)
		_, err = p.ask(p.probe.present, request{Op: "stop"}, "stopped", stopping)
		p.stop(nil)
		p.reader.Wait()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(p.probe.present), clearing)
		defer cancel()
		err = errors.Join(err, p.probe.client.Del(ctx, p.reports).Err())
	})
	return err
}
