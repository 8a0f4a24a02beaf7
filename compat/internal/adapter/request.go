package adapter

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/remote-events/remote-events/compat/internal/process"
)

// Hello asks the adapter who it is. It comes before everything else.
func (a *Adapter) Hello(ctx context.Context) (Identity, error) {
	answer, err := a.ask(ctx, "hello", helloID, helloRequest{Op: "hello", Protocol: Protocol}, a.options.StartTimeout)
	if err != nil {
		return Identity{}, err
	}
	if answer.Protocol != Protocol {
		return Identity{}, a.complain("hello", ErrProtocol, fmt.Sprintf("it speaks version %d, not %d", answer.Protocol, Protocol))
	}
	return Identity{Name: answer.Name, Version: answer.Version, Roles: answer.Roles, Details: answer.Details}, nil
}

// Send has the adapter send a message and returns when it says that it has. A
// *FailedError is the adapter's word that it could not.
func (a *Adapter) Send(ctx context.Context, message Message) error {
	if message.Parents == nil {
		message.Parents = []string{}
	}
	id := a.nextID()
	_, err := a.ask(ctx, "send", id, sendRequest{Op: "send", ID: id, Message: message}, a.options.Timeout)
	return err
}

// Receive has the adapter consume queues, with a listener to each of the
// signals, and returns when it does. It is for once in an adapter's life. What
// the adapter observes comes by Next, possibly before Receive returns.
func (a *Adapter) Receive(ctx context.Context, queues, signals []string) error {
	id := a.nextID()
	request := receiveRequest{Op: "receive", ID: id, Queues: append([]string{}, queues...), Signals: append([]string{}, signals...)}
	_, err := a.ask(ctx, "receive", id, request, a.options.StartTimeout)
	return err
}

// Next returns the next observation and waits for it until ctx ends, which is
// the caller's deadline. After the last one it returns what ended them.
func (a *Adapter) Next(ctx context.Context) (Observation, error) {
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

// answers are the ops that answer a request, apart from failed.
var answers = map[string]string{"hello": "hello", "send": "sent", "receive": "ready"}

// ask makes a request and waits for its answer.
func (a *Adapter) ask(ctx context.Context, op string, id int64, request any, timeout time.Duration) (line, error) {
	text, err := encode(request)
	if err != nil {
		return line{}, fmt.Errorf("%s: %w", op, err)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	answer := make(chan line, 1)
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
		return line{}, err
	}

	var got line
	select {
	case got = <-answer:
	case <-a.done:
		select {
		case got = <-answer: // it answered, and then it ended
		default:
			return line{}, a.failure(op)
		}
	case <-ctx.Done():
		return line{}, a.silent(op, timeout, ctx)
	}
	switch got.Op {
	case answers[op]:
		return got, nil
	case "failed":
		return line{}, &FailedError{Op: op, Reason: a.hide.Replace(*got.Error)}
	default:
		return line{}, a.complain(op, ErrProtocol, fmt.Sprintf("it answered %q", got.Op))
	}
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
	if text, err := encode(stopRequest{Op: "stop"}); err == nil {
		a.trace("→", text[:len(text)-1])
		_ = a.stdin.SetWriteDeadline(time.Time{})
		_, _ = a.stdin.Write(text)
	}
	_ = a.stdin.Close()
}
