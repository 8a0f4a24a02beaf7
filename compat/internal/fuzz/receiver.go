package fuzz

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/compat/internal/adapter"
	"github.com/remote-events/remote-events/compat/internal/calibration"
	"github.com/remote-events/remote-events/compat/internal/engine"
	"github.com/remote-events/remote-events/compat/internal/protocol"
)

const (
	// batch is the maximum number of messages of one push.
	batch = 64
	// maxRevivals is the number of revivals after which an original is replaced, because
	// it keeps the traceback of every error.
	maxRevivals = 50
	// patience is the maximum time between two reports of a receiver on an idle machine.
	patience = 20 * time.Second
	// answerTimeout is the maximum time of an answer on an idle machine.
	answerTimeout = 5 * time.Second
)

// receiver runs messages with one implementation, and restarts it after its end.
type receiver struct {
	subject engine.Implementation
	url     string
	client  *redis.Client
	name    string // prefix of its keys
	current *process
	spare   chan started
	starts  atomic.Int64
}

// started is a consuming adapter, or the error of its start.
type started struct {
	process *process
	err     error
}

// process is a running adapter. Its last queue is reserved for the revival.
type process struct {
	engine.Process

	queues   []string
	next     int // the first queue that is still consumed
	revivals int
}

func newReceiver(subject engine.Implementation, url string, client *redis.Client, name string) *receiver {
	return &receiver{subject: subject, url: url, client: client, name: name}
}

// run delivers messages to the implementation, one after the other, and returns the
// outcome of each.
func (r *receiver) run(ctx context.Context, trials []*trial) ([]observed, error) {
	results := make([]observed, len(trials))
	for done := 0; done < len(trials); {
		next := r.batch(trials[done:])
		if err := r.ready(ctx, next[0].kernel); err != nil {
			return nil, err
		}
		n, err := r.push(ctx, next, results[done:])
		if err != nil {
			return nil, err
		}
		done += n
	}
	return results, nil
}

// batch returns the messages that one push may contain. A message that is predicted to end
// the queue is the last. A command of the kernel is alone.
func (r *receiver) batch(trials []*trial) []*trial {
	size := 0
	for i, t := range trials {
		size += len(t.message)
		if i > 0 && t.kernel {
			return trials[:i]
		}
		if i+1 == batch || size > 1<<20 || t.kernel || r.subject.Original && t.predicted(true) == dies {
			return trials[:i+1]
		}
	}
	return trials
}

// ready ensures that a queue, or with all every queue, is consumed. A command may start
// second consumers of all queues, which would find no thread otherwise.
func (r *receiver) ready(ctx context.Context, all bool) error {
	if p := r.current; p != nil {
		if p.next == 0 || !all && p.next < len(p.queues)-1 {
			return nil
		}
		if r.subject.Original && p.revivals < maxRevivals {
			return r.revive(ctx)
		}
		r.discard()
	}
	if r.spare == nil {
		r.prepare(ctx)
	}
	next := <-r.spare
	r.spare = nil
	if next.err != nil {
		return next.err
	}
	r.current = next.process
	if r.subject.Original {
		r.prepare(ctx)
	}
	return nil
}

// prepare starts the next process while the current one works.
func (r *receiver) prepare(ctx context.Context) {
	spare := make(chan started, 1)
	r.spare = spare
	go func() {
		p, err := r.start(ctx)
		spare <- started{p, err}
	}()
}

// start starts the adapter with new queues, because the previous process may still wait for
// a message. An original supports five queues per CPU.
func (r *receiver) start(ctx context.Context) (*process, error) {
	p := &process{}
	number := r.starts.Add(1)
	for i := range 5 * runtime.NumCPU() {
		p.queues = append(p.queues, fmt.Sprintf("%s:%d:%d", r.name, number, i))
	}
	var err error
	p.Process, err = r.subject.Start(context.WithoutCancel(ctx), engine.Setting{
		RedisURL: r.url, Timeout: calibration.Scale(answerTimeout), MaxLine: adapter.LargeLine,
	})
	if err != nil {
		return nil, err
	}
	if err := p.Receive(ctx, protocol.Reception{Queues: p.queues, Signals: []string{key}}); err != nil {
		return nil, errors.Join(err, p.end())
	}
	return p, nil
}

// revive makes an original start a second set of consumers, with the signal that starts
// the first set. All consumers have ended except the one that receives the signal. That
// one ends then, so that each queue has one consumer again.
func (r *receiver) revive(ctx context.Context) error {
	p := r.current
	last := p.queues[len(p.queues)-1]
	if err := r.client.Del(ctx, p.queues...).Err(); err != nil {
		return err
	}
	if err := r.client.LPush(ctx, last, `{"data": {}, "signals": ["kernel.injector_ready"]}`, "the end").Err(); err != nil {
		return err
	}
	for {
		o, err := p.wait(ctx)
		if err != nil {
			return fmt.Errorf("revive the original: %w", err)
		}
		if died, ok := o.(protocol.Died); ok && died.Queue == last {
			p.next = 0
			p.revivals++
			return nil
		}
	}
}

// push pushes messages, each followed by a canary, and reads the outcomes. It returns the
// number of completed messages: all, or those up to the one that ended the queue.
func (r *receiver) push(ctx context.Context, trials []*trial, results []observed) (int, error) {
	p := r.current
	queue := p.queues[p.next]
	messages := make([]any, 0, 2*len(trials))
	for i, t := range trials {
		messages = append(messages, t.message, fmt.Sprintf(`{"data": {"canary %s": %d}, "signals": [%q]}`, r.name, i, key))
	}
	if err := r.client.LPush(ctx, queue, messages...).Err(); err != nil {
		return 0, err
	}
	for settled := 0; ; {
		o, err := p.wait(ctx)
		if ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
		result := &results[settled]
		switch o := o.(type) {
		case protocol.Event:
			if n, ok := r.canary(o); !ok {
				result.events = append(result.events, o)
				continue
			} else if n != settled {
				return 0, fmt.Errorf("received canary %d of the push instead of canary %d of message %d", n, settled, trials[settled].number)
			}
			result.outcome = drops
			if len(result.events) > 0 {
				result.outcome = delivers
			}
			settled++
			if trials[settled-1].kernel && r.subject.Original {
				r.discard()
				return settled, nil
			}
			if settled == len(trials) {
				return settled, nil
			}
		case protocol.Died:
			if o.Queue != queue {
				continue // a signal of the kernel ended all consumers
			}
			result.outcome, result.err = dies, o.Error
			p.next++
			if trials[settled].kernel {
				r.discard()
			}
			return settled + 1, nil
		default: // the process ended or does not answer
			result.outcome, result.err = dies, adapter.Quote(err)
			if errors.Is(err, adapter.ErrTimeout) {
				result.outcome = hangs
			}
			r.discard()
			return settled + 1, nil
		}
	}
}

// canary returns the number of a canary.
func (r *receiver) canary(event protocol.Event) (number int, ok bool) {
	_, text, found := strings.Cut(event.PayloadText, "canary "+r.name+`"`)
	if !found {
		return 0, false
	}
	number, err := strconv.Atoi(strings.Trim(text, ": }"))
	return number, err == nil
}

// wait returns the next observation.
func (p *process) wait(ctx context.Context) (protocol.Observation, error) {
	ctx, cancel := calibration.WithTimeout(ctx, patience)
	defer cancel()
	return p.Next(ctx)
}

// discard ends the process. The next message starts another one.
func (r *receiver) discard() {
	if r.current != nil {
		_ = r.current.end() // errors of the discarded process are ignored
		r.client.Del(context.Background(), r.current.queues...)
		r.current = nil
	}
}

// close ends all processes.
func (r *receiver) close() {
	r.discard()
	if r.spare != nil {
		if s := <-r.spare; s.process != nil {
			_ = s.process.end()
		}
		r.spare = nil
	}
}

// end kills the process without waiting for its exit.
func (p *process) end() error {
	p.Kill()
	return p.Close()
}
