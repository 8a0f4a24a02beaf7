package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"github.com/remote-events/remote-events/compat/internal/cache"
	"github.com/remote-events/remote-events/compat/internal/environment"
	"github.com/remote-events/remote-events/compat/internal/process"
	"github.com/remote-events/remote-events/compat/originals"
	"github.com/remote-events/remote-events/go/wire"
)

// originalCommand returns the command line that measures an original.
type originalCommand func(ctx context.Context) ([]string, error)

// LatestOriginal builds the environment of the latest original if it is absent, and writes
// a line to progress first. It returns the name of the original.
func (r *Redis) LatestOriginal(progress io.Writer) (name string) {
	published := environment.Originals()
	latest := published[len(published)-1]
	r.original = func(ctx context.Context) ([]string, error) {
		dir, err := cache.Default()
		if err != nil {
			return nil, err
		}
		python, err := environment.New(dir, "", progress).Ensure(ctx, latest)
		if err != nil {
			return nil, err
		}
		return originals.BenchCommand(dir, python)
	}
	return latest.String()
}

// originalRun is a process of an original.
type originalRun struct {
	command *exec.Cmd
	stdin   io.WriteCloser
	stdout  *bufio.Reader
	stderr  bytes.Buffer
}

// originalAnswer is a line of the output of bench.py.
type originalAnswer struct {
	Op        string  `json:"op"`
	Seconds   float64 `json:"seconds"`
	CPU       float64 `json:"cpu"`
	Distinct  int     `json:"distinct"`
	First     int64   `json:"first"`
	Last      int64   `json:"last"`
	Latencies []int64 `json:"latencies"`
}

// startOriginal starts a process, and waits until its application is ready.
func (s *stage) startOriginal(ctx context.Context, request map[string]any) (_ *originalRun, err error) {
	if s.original == nil {
		return nil, missing("no original is selected")
	}
	words, err := s.original(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNotHere, err)
	}
	o := &originalRun{command: process.Command(ctx, words[0], words[1:]...)}
	o.command.Env = append(os.Environ(), "REDIS_URL="+s.URL)
	o.command.Stderr = &o.stderr
	if o.stdin, err = o.command.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := o.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	o.stdout = bufio.NewReader(stdout)
	if err := o.command.Start(); err != nil {
		return nil, fmt.Errorf("start the original: %w", err)
	}
	text, err := json.Marshal(request)
	if err == nil {
		_, err = o.stdin.Write(append(text, '\n'))
	}
	if err == nil {
		_, err = o.answer(ctx, "ready")
	}
	if err != nil {
		return nil, errors.Join(err, o.stop())
	}
	return o, nil
}

// answer reads the next line, which must have the given op.
func (o *originalRun) answer(ctx context.Context, op string) (originalAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = process.Kill(o.command) })()
	var answer originalAnswer
	line, err := o.stdout.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &answer)
	}
	if err == nil && answer.Op != op {
		err = fmt.Errorf("got %q, want %q", answer.Op, op)
	}
	if err != nil {
		err = fmt.Errorf("no answer %q from the original: %w", op, errors.Join(context.Cause(ctx), err))
	}
	return answer, err
}

// proceed makes the process continue.
func (o *originalRun) proceed() error {
	_, err := o.stdin.Write([]byte("\n"))
	return err
}

// stop kills the process.
func (o *originalRun) stop() error {
	_ = o.stdin.Close()
	err := process.Kill(o.command)
	_ = o.command.Wait() // the kill causes the error
	return err
}

// failed adds the output of the original to an error.
func (o *originalRun) failed(err error) error {
	if text := trimmed(o.stderr.Bytes()); err != nil && text != "" { // after stop
		err = fmt.Errorf("%w: %s", err, text)
	}
	return err
}

func (a originalAnswer) sample(count int) Sample {
	return Sample{PerSecond: float64(count) / max(a.Seconds, 1e-9), ClientCPU: a.CPU * 1e6 / float64(count)}
}

// payloadText returns the payload of the template as JSON.
func (s *stage) payloadText() (string, error) {
	env, err := wire.Decode(s.template.plain, wire.Limits{})
	return string(env.Payload), err
}

func measureOriginalSend(ctx context.Context, s *stage, _ pace) (_ Sample, err error) {
	payload, err := s.payloadText()
	if err != nil {
		return nil, err
	}
	warm := max(1, s.count/10)
	o, err := s.startOriginal(ctx, map[string]any{
		"op": "send", "queue": queue, "payload_text": payload, "first": firstMark, "warm": warm, "count": s.count,
	})
	if err != nil {
		return nil, err
	}
	defer func() { err = o.failed(errors.Join(err, o.stop())) }()
	before, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	if err := o.proceed(); err != nil {
		return nil, err
	}
	answer, err := o.answer(ctx, "done")
	if err != nil {
		return nil, err
	}
	after, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	sample := answer.sample(s.count)
	after.add(sample, before, warm+s.count)
	length, err := s.control.LLen(ctx, queue).Result()
	if err == nil && length != int64(warm+s.count) {
		err = fmt.Errorf("%d messages stored, %d sent", length, warm+s.count)
	}
	return sample, err
}

// whole verifies that the original received each message of a run.
func (a originalAnswer) whole(count int) error {
	if a.Distinct != count || a.First != firstMark || a.Last != firstMark+int64(count)-1 {
		return fmt.Errorf("the original received %d different messages of %d, from %d to %d", a.Distinct, count, a.First-firstMark, a.Last-firstMark)
	}
	return nil
}

func measureOriginalReceive(ctx context.Context, s *stage, _ pace) (_ Sample, err error) {
	warm := max(1, s.count/5)
	if err := s.fill(ctx, queue, warm+s.count); err != nil {
		return nil, err
	}
	before, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	o, err := s.startOriginal(ctx, s.originalReceives(warm, nil))
	if err != nil {
		return nil, err
	}
	defer func() { err = o.failed(errors.Join(err, o.stop())) }()
	answer, err := o.answer(ctx, "done")
	if err != nil {
		return nil, err
	}
	after, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	sample := answer.sample(s.count)
	after.add(sample, before, warm+s.count)
	return sample, errors.Join(answer.whole(warm+s.count), s.leftNothing(ctx))
}

// originalReceives returns the request to receive the messages of a run. If the marks are
// times, they count nanoseconds from base.
func (s *stage) originalReceives(warm int, base *time.Time) map[string]any {
	request := map[string]any{"op": "receive", "queue": queue, "queues": []string{queue}, "warm": warm, "count": s.count}
	if base != nil {
		request["base"] = base.UnixNano()
	}
	return request
}
