package adapter

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/remote-events/remote-events/compat/internal/process"
	"github.com/remote-events/remote-events/compat/internal/protocol"
)

// Hello asks the adapter for its identity. It must be the first request.
func (a *Adapter) Hello(ctx context.Context) (protocol.Identity, error) {
	answer, err := a.ask(ctx, protocol.Hello(), a.options.StartTimeout)
	if err != nil {
		return protocol.Identity{}, err
	}
	if answer.Protocol != protocol.Version {
		return protocol.Identity{}, a.complain("hello", ErrProtocol, fmt.Sprintf("it speaks version %d, not %d", answer.Protocol, protocol.Version))
	}
	return answer.Identity(), nil
}

// Send has the adapter send an event and returns when it has answered. A
// *protocol.FailedError is its answer that it did not send the event.
func (a *Adapter) Send(ctx context.Context, message protocol.Message) error {
	request := protocol.Send(message)
	request.ID = a.nextID()
	_, err := a.ask(ctx, request, a.options.Timeout)
	return err
}

// Receive has the adapter consume queues, with a listener for each signal, and
// returns when it does. It may be called once. Next returns the observations, which
// may arrive before Receive returns.
func (a *Adapter) Receive(ctx context.Context, queues, signals []string) error {
	request := protocol.Receive(queues, signals)
	request.ID = a.nextID()
	_, err := a.ask(ctx, request, a.options.StartTimeout)
	return err
}

// Next returns the next observation and waits for it until ctx ends, which is
// the caller's deadline. After the last one it returns what ended them.
func (a *Adapter) Next(ctx context.Context) (protocol.Observation, error) {
	began := time.Now()
	for {
		a.mu.Lock()
		if len(a.unread) > 0 {
			observation := a.unread[0]
			a.unread = a.unread[1:]
			if len(a.unread) > 0 {
				a.signal() // for another caller
			}
			a.mu.Unlock()
			return observation, nil
		}
		a.mu.Unlock()
		select {
		case <-a.arrived:
			continue
		case <-a.done:
			// Done comes after the last observation was queued.
			a.mu.Lock()
			left := len(a.unread)
			a.mu.Unlock()
			if left == 0 {
				return nil, a.failure("")
			}
		case <-ctx.Done():
			return nil, a.silent("", time.Since(began), ctx)
		}
	}
}

func (a *Adapter) nextID() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lastID++
	return a.lastID
}

// ask makes a request and waits for its answer.
func (a *Adapter) ask(ctx context.Context, request protocol.Request, timeout time.Duration) (protocol.Response, error) {
	op, id := request.Op, request.ID
	var none protocol.Response
	text, err := protocol.Encode(request)
	if err != nil {
		return none, fmt.Errorf("%s: %w", op, err)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	answer := make(chan protocol.Response, 1)
	a.mu.Lock()
	a.pending[id] = answer
	a.greeted = a.greeted || id == helloID
	a.mu.Unlock()
	defer func() {
		a.mu.Lock()
		if a.pending[id] != nil {
			delete(a.pending, id)
			a.overdue[id] = true
		}
		a.mu.Unlock()
	}()
	if err := a.write(ctx, op, text, timeout); err != nil {
		return none, err
	}

	var got protocol.Response
	select {
	case got = <-answer:
	case <-a.done:
		select {
		case got = <-answer: // it answered, and then it ended
		default:
			return none, a.failure(op)
		}
	case <-ctx.Done():
		return none, a.silent(op, timeout, ctx)
	}
	if err := got.Answers(op); err != nil {
		if failed, ok := errors.AsType[*protocol.FailedError](err); ok {
			failed.Reason = a.hide.Replace(failed.Reason)
			return none, failed
		}
		return none, a.complain(op, ErrProtocol, err.Error())
	}
	return got, nil
}

// write writes a request. One that is cut short ends the conversation: the next
// would continue its line.
func (a *Adapter) write(ctx context.Context, op string, text []byte, timeout time.Duration) error {
	a.writing.Lock()
	defer a.writing.Unlock()
	select {
	case <-a.done:
		return a.failure(op)
	default:
	}
	if ctx.Err() != nil {
		return a.silent(op, timeout, ctx) // it was kept waiting by the request before
	}
	a.trace("→", text[:len(text)-1])
	// Whatever ends ctx ends the write.
	if err := a.stdin.SetWriteDeadline(time.Time{}); err != nil {
		return a.complain(op, ErrClosed, "")
	}
	expired := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = a.stdin.SetWriteDeadline(time.Unix(1, 0))
		close(expired)
	})
	written, err := a.stdin.Write(text)
	if !stop() {
		<-expired // lest it meet the next write
	}
	if err == nil {
		return nil
	}
	if written > 0 && os.IsTimeout(err) {
		a.fail(&Error{Kind: ErrTimeout, Detail: "it stopped reading in the middle of a request"})
		return a.failure(op)
	}
	if os.IsTimeout(err) {
		return a.silent(op, timeout, ctx)
	}
	// It does not read any more: its end, which follows, tells more than EPIPE.
	select {
	case <-a.done:
		return a.failure(op)
	case <-ctx.Done():
		return a.complain(op, ErrTimeout, "it closed its stdin and runs on")
	}
}

// silent is the error of a wait that ctx ended after so long.
func (a *Adapter) silent(op string, waited time.Duration, ctx context.Context) error {
	if deadline, ok := ctx.Deadline(); !ok || time.Now().Before(deadline) {
		return context.Cause(ctx) // the caller went away
	}
	return a.complain(op, ErrTimeout, "the deadline was "+waited.Round(time.Millisecond).String())
}

func (a *Adapter) complain(op string, kind error, detail string) error {
	return &Error{Op: op, Kind: kind, Detail: a.hide.Replace(detail), Stderr: a.stderr.lines(a.hide)}
}

// Stderr is the end of what the adapter wrote to stderr.
func (a *Adapter) Stderr() []string { return a.stderr.lines(a.hide) }

// Kill ends the adapter at once, as a crash does. Close has still to be called.
func (a *Adapter) Kill() { a.kill() }

// Close asks the adapter to stop, kills it when it does not within the grace
// time, and waits for its end. It returns an error when the adapter had to be
// killed, ended with another exit code than 0, or broke the protocol in a way
// that no call has reported. After Kill it returns nil.
func (a *Adapter) Close() error {
	a.mu.Lock()
	again := a.closing
	a.closing = true
	a.mu.Unlock()
	if again {
		a.workers.Wait()
		return nil
	}
	var killed atomic.Bool
	killer := time.AfterFunc(a.options.Grace, func() {
		killed.Store(true)
		a.kill()
	})
	a.stop()
	<-a.exited
	killer.Stop()
	a.mu.Lock()
	inPeace := !a.killed
	a.mu.Unlock()
	_ = process.Kill(a.cmd) // its children
	a.unwatch()
	a.workers.Wait() // what it last wrote is read, for as long as the grace time
	switch state := a.cmd.ProcessState; {
	case killed.Load():
		return a.complain("stop", ErrTimeout, fmt.Sprintf("it was killed after %v", a.options.Grace))
	case !inPeace:
		return nil
	case !errors.Is(a.fault.Kind, ErrClosed) && !errors.Is(a.fault.Kind, ErrExited):
		return a.failure("stop")
	case !state.Success():
		return a.complain("stop", ErrExited, state.String()+", not exit status 0")
	}
	return nil
}

// stop asks the adapter to stop, and closes its stdin, which asks it as well. A
// write that blocks ends with the process.
func (a *Adapter) stop() {
	a.writing.Lock()
	defer a.writing.Unlock()
	if text, err := protocol.Encode(protocol.Stop()); err == nil {
		a.trace("→", text[:len(text)-1])
		_ = a.stdin.SetWriteDeadline(time.Time{})
		_, _ = a.stdin.Write(text)
	}
	_ = a.stdin.Close()
}
