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

// consumerEnv tells a process to be a consumer, and of what.
const consumerEnv = "REMOTE_EVENT_FAULTS_CONSUMER"

// consumption is what a consumer is told.
type consumption struct {
	Addr  string        `json:"addr"`
	Queue string        `json:"queue"`
	Lease time.Duration `json:"lease"`
	Work  time.Duration `json:"work"` // how long each event takes
}

// IsConsumer reports whether this process was started to be killed: main calls
// [Consume] then, and nothing else.
func IsConsumer() bool { return os.Getenv(consumerEnv) != "" }

// Consume is a consumer, until it is told to end, and returns its exit code. What
// it has handled it writes to stdout, a number a line, before it says so to Redis.
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
		_, err := fmt.Fprintln(os.Stdout, numberIn(d.Payload())) // one write: the pipe has all of it or nothing
		return err
	})
	receiver, err := remoteevent.NewReceiver(client, handler, append(ordinary(os.Stderr), remoteevent.WithQueues(c.Queue), remoteevent.WithLease(c.Lease))...)
	if err != nil {
		return err
	}
	return receiver.Run(ctx)
}

// ordinary are the options of receivers in scenarios.
func ordinary(log io.Writer) []remoteevent.ReceiverOption {
	return []remoteevent.ReceiverOption{
		remoteevent.WithLogger(slog.New(slog.NewTextHandler(log, nil))), remoteevent.WithConcurrency(8),
		remoteevent.WithPrefetch(64), remoteevent.WithBackoff(10*time.Millisecond, 100*time.Millisecond),
		remoteevent.WithMaxAttempts(5),
	}
}

// consumer is a consumer in a process of its own.
type consumer struct {
	command *exec.Cmd
	reading sync.WaitGroup
}

// consume starts a process that takes events of the flow's first queue.
func (f *flow) consume(ctx context.Context, addr string, lease, work time.Duration) (*consumer, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	told, err := json.Marshal(consumption{addr, f.queues[0], lease, work})
	if err != nil {
		return nil, err
	}
	c := &consumer{command: process.Command(context.WithoutCancel(ctx), self)}
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
			if err == nil { // half a line was not written as a whole
				f.note(number, f.queues[0], event)
			}
		})
	})
	c.reading.Go(func() { eachLine(logged, func(line string) { _, _ = f.Write([]byte(line)) }) })
	return c, nil
}

// eachLine reads whole lines.
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

// kill ends it at once: kill -9.
func (c *consumer) kill() error {
	err := process.Kill(c.command)
	c.reading.Wait()
	_ = c.command.Wait() // it was killed
	return err
}

// end ends it in good order.
func (c *consumer) end() error {
	err := process.Terminate(c.command)
	c.reading.Wait()
	return errors.Join(err, c.command.Wait())
}

// suspend has it stand still, and resume go on.
func (c *consumer) suspend() error { return process.Suspend(c.command) }
func (c *consumer) resume() error  { return process.Resume(c.command) }
