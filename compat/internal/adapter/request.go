package adapter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/remote-events/remote-events/compat/internal/calibration"
	"github.com/remote-events/remote-events/compat/internal/process"
	"github.com/remote-events/remote-events/compat/internal/protocol"
)

// Hello requests the adapter's identity. It must be the first request.
func (a *Adapter) Hello(ctx context.Context) (protocol.Identity, error) {
	answer, err := a.ask(ctx, protocol.Hello(), a.options.StartTimeout)
	if err != nil {
		return protocol.Identity{}, err
	}
	if answer.Protocol != protocol.Version {
		return protocol.Identity{}, a.complain("hello", ErrProtocol, fmt.Sprintf("protocol version %d, not %d", answer.Protocol, protocol.Version))
	}
	return answer.Identity(), nil
}

// Send makes the adapter send an event and returns after its answer. The error is a
// *protocol.FailedError if the adapter answers that it did not send the event.
func (a *Adapter) Send(ctx context.Context, message protocol.Message) error {
	request := protocol.Send(message)
	request.ID = a.nextID()
	_, err := a.ask(ctx, request, a.options.Timeout)
	return err
}

// Receive makes the adapter consume queues with a listener for each signal, and
// returns when the adapter consumes them. It may be called once. Next returns the
// observations, which may arrive before Receive returns.
func (a *Adapter) Receive(ctx context.Context, reception protocol.Reception) error {
	request := protocol.Receive(reception)
	request.ID = a.nextID()
	a.mu.Lock()
	a.holds = reception.Hold
	a.mu.Unlock()
	_, err := a.ask(ctx, request, a.options.StartTimeout)
	return err
}

// Return ends a held call of a listener, also after Stop. It returns after the answer.
func (a *Adapter) Return(ctx context.Context, r protocol.Return) error {
	request := protocol.EndCall(r)
	request.ID = a.nextID()
	_, err := a.ask(ctx, request, a.options.Timeout)
	return err
}

// Evaluate makes the adapter evaluate an input of a family of test vectors, and returns
// the output. The error is a *protocol.FailedError if the adapter answers that it did not.
func (a *Adapter) Evaluate(ctx context.Context, family string, input json.RawMessage) (json.RawMessage, error) {
	request := protocol.Evaluate(family, input)
	request.ID = a.nextID()
	answer, err := a.ask(ctx, request, a.options.Timeout+time.Duration(len(input)>>20)*time.Second)
	return answer.Output, err
}

// Next waits for the next observation and returns it. The deadline of ctx bounds the
// wait. After the last observation, Next returns the error that ended the exchange.
func (a *Adapter) Next(ctx context.Context) (protocol.Observation, error) {
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
			// done is closed after the last observation was queued.
			a.mu.Lock()
			left := len(a.unread)
			a.mu.Unlock()
			if left == 0 {
				return nil, a.failure("")
			}
		case <-ctx.Done():
			return nil, a.silent("", ctx)
		}
	}
}

func (a *Adapter) nextID() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lastID++
	return a.lastID
}

// ask makes a request and waits for the answer.
func (a *Adapter) ask(ctx context.Context, request protocol.Request, timeout time.Duration) (protocol.Response, error) {
	op, id := request.Op, request.ID
	var none protocol.Response
	text, err := protocol.Encode(request)
	if err != nil {
		return none, fmt.Errorf("%s: %w", op, err)
	}
	ctx, cancel := calibration.WithTimeout(ctx, timeout)
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
	if err := a.write(ctx, op, text); err != nil {
		return none, err
	}

	var got protocol.Response
	select {
	case got = <-answer:
	case <-a.done:
		select {
		case got = <-answer: // it answered before it ended
		default:
			return none, a.failure(op)
		}
	case <-ctx.Done():
		return none, a.silent(op, ctx)
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

// write writes a request. An incomplete write ends the exchange, because the next
// request would continue its line.
func (a *Adapter) write(ctx context.Context, op string, text []byte) error {
	a.writing.Lock()
	defer a.writing.Unlock()
	select {
	case <-a.done:
		return a.failure(op)
	default:
	}
	if ctx.Err() != nil {
		return a.silent(op, ctx) // the previous request blocked the write
	}
	a.trace("→", text[:len(text)-1])
	// The end of ctx interrupts the write.
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
		<-expired // so that it does not interrupt the next write
	}
	if err == nil {
		return nil
	}
	if written > 0 && os.IsTimeout(err) {
		a.fail(&Error{Kind: ErrTimeout, Detail: "the adapter stopped reading within a request"})
		return a.failure(op)
	}
	if os.IsTimeout(err) {
		return a.silent(op, ctx)
	}
	// The adapter no longer reads. Its exit status, which follows, is a better error than EPIPE.
	select {
	case <-a.done:
		return a.failure(op)
	case <-ctx.Done():
		return a.complain(op, ErrTimeout, "the adapter closed stdin and did not exit")
	}
}

// silent returns the error of a wait that ctx ended.
func (a *Adapter) silent(op string, ctx context.Context) error {
	cause := context.Cause(ctx)
	if !errors.Is(cause, context.DeadlineExceeded) {
		return cause // the caller cancelled
	}
	err := a.complain(op, ErrTimeout, cause.Error())
	err.Cause = cause
	return err
}

func (a *Adapter) complain(op string, kind error, detail string) *Error {
	return &Error{Op: op, Kind: kind, Detail: a.hide.Replace(detail), Stderr: a.stderr.lines(a.hide)}
}

// Stderr returns the last lines that the adapter wrote to stderr.
func (a *Adapter) Stderr() []string { return a.stderr.lines(a.hide) }

// Kill kills the adapter, as a crash does. The caller must still call Close.
func (a *Adapter) Kill() { a.kill() }

// Suspend stops the adapter's processes until Resume, as SIGSTOP does.
func (a *Adapter) Suspend() error { return process.Suspend(a.cmd) }

// Resume continues the processes after Suspend.
func (a *Adapter) Resume() error { return process.Resume(a.cmd) }

// Close asks the adapter to stop, ends its stdin, and waits for its end. It kills an adapter that still
// runs after the grace time. It returns an error if the adapter was killed, exited with a
// code other than 0, or violated the protocol and no call has reported it. After Kill,
// Close returns nil.
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
	grace, over := calibration.WithTimeout(context.Background(), a.options.Grace)
	killer := context.AfterFunc(grace, func() {
		killed.Store(true)
		a.kill()
	})
	a.Stop()
	a.closeInput()
	<-a.exited
	killer()
	over()
	a.mu.Lock()
	inPeace := !a.killed
	a.mu.Unlock()
	_ = process.Kill(a.cmd) // its children
	a.unwatch()
	a.workers.Wait() // they read the rest of the output, for at most the grace time
	switch state := a.cmd.ProcessState; {
	case killed.Load():
		err := a.complain("stop", ErrTimeout, fmt.Sprintf("killed: %v", context.Cause(grace)))
		err.Cause = context.Cause(grace)
		return err
	case !inPeace:
		return nil
	case !errors.Is(a.fault.Kind, ErrClosed) && !errors.Is(a.fault.Kind, ErrExited):
		return a.failure("stop")
	case !state.Success():
		return a.complain("stop", ErrExited, state.String()+", not exit status 0")
	}
	return nil
}

// Stop asks the adapter to stop, and does not wait for its end. The adapter still
// accepts Return. The caller must still call Close.
func (a *Adapter) Stop() {
	a.writing.Lock()
	defer a.writing.Unlock()
	a.mu.Lock()
	again := a.stopping
	a.stopping = true
	a.mu.Unlock()
	if again {
		return
	}
	if text, err := protocol.Encode(protocol.Stop()); err == nil {
		a.trace("→", text[:len(text)-1])
		_ = a.stdin.SetWriteDeadline(time.Time{})
		_, _ = a.stdin.Write(text)
	}
}

// closeInput ends the adapter's stdin.
func (a *Adapter) closeInput() {
	a.writing.Lock()
	defer a.writing.Unlock()
	_ = a.stdin.Close()
}
