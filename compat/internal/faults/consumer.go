package faults

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/compat/internal/process"
	"github.com/remote-events/remote-events/go/remoteevent"
)

// consumerEnv is the variable that makes a process a consumer, and configures it.
const consumerEnv = "REMOTE_EVENT_FAULTS_CONSUMER"

// consumption is the configuration of a consumer.
type consumption struct {
	Addr  string        `json:"addr"`
	Queue string        `json:"queue"`
	Lease time.Duration `json:"lease"`
	Work  time.Duration `json:"work"` // the duration of handling an event
}

// IsConsumer reports whether a scenario started this process as a consumer. If so, main
// must call [Consume] and do nothing else.
func IsConsumer() bool { return os.Getenv(consumerEnv) != "" }

// Consume runs a consumer until the process gets SIGTERM, and returns its exit code. It
// writes the number of each handled event in a line to stdout, before the acknowledgement.
func Consume() int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := consume(ctx, []byte(os.Getenv(consumerEnv))); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func consume(ctx context.Context, told []byte) error {
	var c consumption
	if err := json.Unmarshal(told, &c); err != nil {
		return err
	}
	client := redis.NewClient(&redis.Options{Addr: c.Addr})
	defer func() { _ = client.Close() }()
	handler := remoteevent.HandlerFunc(func(ctx context.Context, d *remoteevent.Delivery) error {
		pause(ctx, c.Work)
		_, err := fmt.Fprintln(os.Stdout, numberIn(d.Payload())) // one write is atomic on a pipe
		return err
	})
	receiver, err := remoteevent.NewReceiver(client, handler, append(ordinary(os.Stderr), remoteevent.WithQueues(c.Queue), remoteevent.WithLease(c.Lease))...)
	if err != nil {
		return err
	}
	return receiver.Run(ctx)
}

// ordinary returns the options of receivers in scenarios.
func ordinary(log io.Writer) []remoteevent.ReceiverOption {
	return []remoteevent.ReceiverOption{
		remoteevent.WithLogger(slog.New(slog.NewTextHandler(log, nil))), remoteevent.WithConcurrency(8),
		remoteevent.WithPrefetch(64), remoteevent.WithBackoff(10*time.Millisecond, 100*time.Millisecond),
		remoteevent.WithMaxAttempts(5),
	}
}

// consumer is a consumer in a separate process.
type consumer interface {
	// kill kills the process with SIGKILL.
	kill() error
	// end stops the process in good order.
	end() error
	// suspend stops the process with SIGSTOP, and resume continues it.
	suspend() error
	resume() error
}

// child is a consumer that is this program.
type child struct {
	command *exec.Cmd
	reading sync.WaitGroup
	// started is closed when the process has ended or has written a log message, as a
	// receiver does when it starts. From then on the process handles SIGTERM.
	started chan struct{}
}

// consume starts a process that receives from the flow's first queue.
func (f *flow) consume(ctx context.Context, addr string, lease, work time.Duration) (consumer, error) {
	if f.adapter != nil {
		e, err := f.startAdapter(ctx, addr, f.queues[:1], lease, work)
		if err != nil {
			return nil, err
		}
		return e, nil
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	told, err := json.Marshal(consumption{addr, f.queues[0], lease, work})
	if err != nil {
		return nil, err
	}
	c := &child{command: process.Command(context.WithoutCancel(ctx), self), started: make(chan struct{})}
	c.command.Env = append(os.Environ(), consumerEnv+"="+string(told))
	handled, err := c.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	logged, err := c.command.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := c.command.Start(); err != nil {
		return nil, err
	}
	number := f.register()
	f.elsewhere = true
	c.reading.Go(func() {
		eachLine(handled, func(line string) {
			event, err := strconv.Atoi(line)
			if err == nil { // skip an incomplete last line
				f.note(number, f.queues[0], event)
			}
		})
	})
	c.reading.Go(func() {
		started := sync.OnceFunc(func() { close(c.started) })
		defer started()
		eachLine(logged, func(line string) {
			started()
			_, _ = f.Write([]byte(line))
		})
	})
	return c, nil
}

// eachLine calls do for each complete line.
func eachLine(r io.Reader, do func(line string)) {
	reader := bufio.NewReader(r)
	for {
		line, err := reader.ReadString('\n')
		if err != nil {
			return
		}
		do(strings.TrimSuffix(line, "\n"))
	}
}

func (c *child) kill() error {
	err := process.Kill(c.command)
	c.reading.Wait()
	_ = c.command.Wait() // the error is that of the kill
	return err
}

func (c *child) end() error {
	<-c.started
	err := process.Terminate(c.command)
	c.reading.Wait()
	return errors.Join(err, c.command.Wait())
}

func (c *child) suspend() error { return process.Suspend(c.command) }
func (c *child) resume() error  { return process.Resume(c.command) }
