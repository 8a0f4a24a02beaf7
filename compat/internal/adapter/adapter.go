// Package adapter starts an adapter and exchanges the lines of the adapter protocol
// with it. It implements the runner's side of the protocol in compat/README.md.
//
// An adapter is an external program and may misbehave in any way. Every call returns
// before its deadline, with an error that describes the fault.
package adapter

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/remote-events/remote-events/compat/internal/process"
	"github.com/remote-events/remote-events/compat/internal/protocol"
)

// Options name the adapter to start and the deadlines of its answers.
type Options struct {
	// Command is the program and its arguments.
	Command []string
	// RedisURL becomes REDIS_URL in the program's environment.
	RedisURL string
	// Dir is the working directory of the program. The default is the directory of this process.
	Dir string
	// Env is added to the environment of this process for the program.
	Env []string

	// StartTimeout is the deadline for the answer to hello and for ready. The default
	// is 30 s: an interpreter starts slowly on a busy machine.
	StartTimeout time.Duration
	// Timeout is the deadline for every other answer. The default is 5 s. The time of all
	// deadlines passes more slowly while the machine is slow, see package calibration.
	Timeout time.Duration
	// Grace is the time that the program has to exit after stop. The default is 5 s.
	Grace time.Duration
	// MaxLine is the maximum length of a line, in bytes. The default is 1 MiB. An
	// observed payload may be six times as long as the sent one.
	MaxLine int

	// Secrets are the texts that the adapter must not write. Leaked returns those that
	// it has written.
	Secrets []Secret

	// Trace, if not nil, is called with every line that the adapter reads ("→") or
	// writes ("←" on stdout, "stderr" on stderr). It must not keep or change the
	// line. Several goroutines call it.
	Trace func(direction string, line []byte)
}

// LargeLine is a MaxLine that permits every payload that a receiver accepts.
const LargeLine = 128 << 20

// stderrLine is the maximum length of a line of stderr that a trace does not split.
const stderrLine = 4 << 10

// maxUnread is the maximum number of observations that wait for Next.
const maxUnread = 100_000

// Adapter is a running adapter. Its methods may be called concurrently.
type Adapter struct {
	options Options
	cmd     *exec.Cmd
	hide    *strings.Replacer
	stderr  tail
	secrets *secrets
	stdin   *os.File
	stdout  *os.File
	exited  chan struct{} // closed when the process has ended
	told    chan struct{} // closed when stderr has been read to its end
	done    chan struct{} // closed when reading has ended
	workers sync.WaitGroup
	unwatch func() bool

	writing sync.Mutex // held while a request is written

	mu      sync.Mutex // guards the fields below
	greeted bool       // hello was requested
	holds   bool       // receive asked the adapter to hold calls
	lastID  int64
	pending map[int64]chan protocol.Response
	overdue map[int64]bool // requests that ended without an answer
	unread  []protocol.Observation
	arrived chan struct{} // holds one element while unread or fault changed
	fault   *Error        // why reading ended; set before done is closed
	// stopping is whether the adapter was asked to stop, and closing whether Close was
	// called.
	stopping, closing bool
	killed            bool // by the runner
}

// hello has no id in the protocol.
const helloID = 0

// Start starts the program. The end of ctx kills it. Close stops it in good order.
func Start(ctx context.Context, options Options) (*Adapter, error) {
	if len(options.Command) == 0 {
		return nil, &Error{Kind: ErrStart, Detail: "no command"}
	}
	hide, err := hider(options.RedisURL)
	if err != nil {
		return nil, &Error{Kind: ErrStart, Detail: err.Error()}
	}
	setDefault(&options.StartTimeout, 30*time.Second)
	setDefault(&options.Timeout, 5*time.Second)
	setDefault(&options.Grace, 5*time.Second)
	if options.MaxLine <= 0 {
		options.MaxLine = 1 << 20
	}
	a := &Adapter{
		options: options,
		hide:    hide,
		secrets: &secrets{all: options.Secrets},
		exited:  make(chan struct{}),
		told:    make(chan struct{}),
		done:    make(chan struct{}),
		pending: map[int64]chan protocol.Response{},
		overdue: map[int64]bool{},
		arrived: make(chan struct{}, 1),
	}
	if err := a.launch(ctx); err != nil {
		return nil, &Error{Kind: ErrStart, Detail: hide.Replace(err.Error())}
	}
	return a, nil
}

func setDefault(duration *time.Duration, value time.Duration) {
	if *duration <= 0 {
		*duration = value
	}
}

// launch starts the process and the goroutines that serve it. It makes its own pipes,
// because the pipes of os/exec have no deadlines.
func (a *Adapter) launch(ctx context.Context) (err error) {
	var theirs, ours []*os.File
	defer func() {
		for _, file := range theirs {
			err = errors.Join(err, file.Close())
		}
		if err != nil {
			for _, file := range ours {
				_ = file.Close()
			}
		}
	}()
	var pipes [3][2]*os.File // stdin, stdout, stderr: the reading end, the writing end
	for i := range pipes {
		read, write, err := os.Pipe()
		if err != nil {
			return err
		}
		pipes[i] = [2]*os.File{read, write}
		if i == 0 {
			theirs, ours = append(theirs, read), append(ours, write)
		} else {
			theirs, ours = append(theirs, write), append(ours, read)
		}
	}
	a.cmd = process.Command(context.WithoutCancel(ctx), a.options.Command[0], a.options.Command[1:]...)
	a.cmd.Dir = a.options.Dir
	a.cmd.Env = append(append(a.cmd.Env, a.options.Env...), "REDIS_URL="+a.options.RedisURL)
	a.cmd.Stdin, a.cmd.Stdout, a.cmd.Stderr = theirs[0], theirs[1], theirs[2]
	if err := a.cmd.Start(); err != nil {
		return err
	}
	a.stdin, a.stdout = ours[0], ours[1]
	stderr := ours[2]

	a.workers.Go(func() {
		a.quote(stderr)
		_ = stderr.Close()
		close(a.told)
	})
	a.workers.Go(func() {
		a.read()
		_ = a.stdout.Close()
	})
	a.workers.Go(func() {
		_ = a.cmd.Wait() // ProcessState has the result
		// A child of the adapter may hold the pipes open.
		deadline := time.Now().Add(a.options.Grace)
		_ = a.stdout.SetReadDeadline(deadline)
		_ = stderr.SetReadDeadline(deadline)
		close(a.exited)
	})
	a.unwatch = context.AfterFunc(ctx, func() { a.kill() })
	return nil
}

// read reads the adapter's lines until the output ends or a line is invalid.
func (a *Adapter) read() {
	scanner := bufio.NewScanner(a.stdout)
	scanner.Buffer(nil, a.options.MaxLine)
	for scanner.Scan() {
		a.trace("←", scanner.Bytes())
		message, err := protocol.Parse(scanner.Bytes())
		if message.Op != "event" && message.Op != "evaluated" {
			a.secrets.search("in an answer or report: "+message.Op, scanner.Bytes())
		}
		if err == nil {
			err = a.deliver(message)
		}
		if err == nil {
			continue
		}
		if errors.Is(err, ErrFlood) {
			a.fail(&Error{Kind: ErrFlood, Detail: fmt.Sprintf("%d unread observations", maxUnread)})
		} else {
			a.fail(&Error{Kind: ErrProtocol, Detail: err.Error() + ": " + excerpt(scanner.Bytes())})
		}
		a.drain()
		return
	}
	if errors.Is(scanner.Err(), bufio.ErrTooLong) {
		a.fail(&Error{Kind: ErrLine, Detail: fmt.Sprintf("more than %d bytes", a.options.MaxLine)})
		a.drain()
		return
	}
	// The output ended. The process has ended too, or Close kills it.
	select {
	case <-a.exited:
		<-a.told // the end of stderr may name the cause
		a.end(&Error{Kind: ErrExited, Detail: a.cmd.ProcessState.String()})
	case <-time.After(a.options.Grace):
		a.end(&Error{Kind: ErrProtocol, Detail: "the adapter closed stdout and did not exit"})
	}
}

// quote reads stderr. It keeps the end for errors and passes each line to the trace.
func (a *Adapter) quote(stderr io.Reader) {
	lines := bufio.NewReaderSize(io.TeeReader(stderr, io.MultiWriter(&a.stderr, &stream{secrets: a.secrets, where: "to stderr"})), stderrLine)
	for {
		text, err := lines.ReadSlice('\n')
		if text = bytes.TrimRight(text, "\r\n"); len(text) > 0 && a.options.Trace != nil {
			a.trace("stderr", []byte(a.hide.Replace(string(text))))
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return
		}
	}
}

// drain discards the rest of the output, so that a faulty adapter does not block
// before it is closed.
func (a *Adapter) drain() { _, _ = io.Copy(io.Discard, a.stdout) }

// deliver hands a message to the call that waits for it.
func (a *Adapter) deliver(message protocol.Response) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if observation := message.Observation(); observation != nil {
		return a.observe(observation)
	}
	var id int64 = helloID
	if message.ID != nil {
		id = *message.ID
	}
	answer, ok := a.pending[id]
	switch {
	case ok:
		delete(a.pending, id)
		answer <- message
		return nil
	case a.overdue[id]:
		delete(a.overdue, id) // too late: the caller has returned
		return nil
	case id < helloID || id > a.lastID || id == helloID && !a.greeted:
		return errors.New("answer to a request that was not made")
	case id == helloID && message.Op == "failed":
		return errors.New("failure that names no request")
	default:
		return errors.New("second answer to one request")
	}
}

// observe queues an observation; the caller holds mu.
func (a *Adapter) observe(observation protocol.Observation) error {
	if len(a.unread) >= maxUnread {
		return ErrFlood
	}
	if event, ok := observation.(protocol.Event); ok && a.holds && event.Call <= 0 {
		return errors.New(`event whose "call" is missing or not positive, although receive has "hold":true`)
	}
	a.unread = append(a.unread, observation)
	a.signal()
	return nil
}

// signal wakes Next.
func (a *Adapter) signal() {
	select {
	case a.arrived <- struct{}{}:
	default:
	}
}

// end records that the output has ended. This is not a fault if the adapter was asked
// to stop.
func (a *Adapter) end(fault *Error) {
	a.mu.Lock()
	if a.closing || a.stopping {
		fault = &Error{Kind: ErrClosed}
	}
	a.mu.Unlock()
	a.fail(fault)
}

// fail records the fault that ends the exchange. Later faults are ignored. The last
// line of a killed adapter may be incomplete and is not a fault.
func (a *Adapter) fail(fault *Error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.fault != nil {
		return
	}
	if a.killed && a.closing {
		fault = &Error{Kind: ErrClosed}
	}
	a.fault = fault
	close(a.done)
	a.signal()
}

// failure returns the fault as an error of the request op.
func (a *Adapter) failure(op string) error {
	a.mu.Lock()
	fault := *a.fault
	a.mu.Unlock()
	fault.Op = op
	fault.Detail = a.hide.Replace(fault.Detail)
	if !errors.Is(fault.Kind, ErrClosed) {
		fault.Stderr = a.stderr.lines(a.hide)
	}
	return &fault
}

func (a *Adapter) trace(direction string, text []byte) {
	if a.options.Trace != nil {
		a.options.Trace(direction, text)
	}
}

// kill kills the adapter and its children.
func (a *Adapter) kill() {
	a.mu.Lock()
	a.killed = true
	a.mu.Unlock()
	_ = process.Kill(a.cmd)
}
