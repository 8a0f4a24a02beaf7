package bench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/remote-events/remote-events/compat/internal/process"
)

// idleProgram is the program that waits for empty queues.
const idleProgram = "github.com/remote-events/remote-events/compat/internal/bench/idle"

// buildIdle builds idleProgram once. This program cannot take its place, because its
// packages need more memory than a receiver.
func (r *Redis) buildIdle(ctx context.Context) (string, error) {
	if r.idle != "" {
		return r.idle, nil
	}
	compiler, err := exec.LookPath("go")
	if err != nil {
		return "", missing("building the idle process needs go, which is not in PATH")
	}
	if r.dir == "" {
		if r.dir, err = os.MkdirTemp("", "remote-event-bench-"); err != nil {
			return "", err
		}
	}
	path := filepath.Join(r.dir, "idle")
	output, err := process.Command(ctx, compiler, "build", "-o", path, idleProgram).CombinedOutput()
	if err != nil {
		return "", missing("building the idle process needs the repository: %v: %s", err, trimmed(output))
	}
	r.idle = path
	return path, nil
}

func idleCases() []Case {
	var cases []Case
	for _, queues := range []int{1, 100, 1000} {
		for _, atMostOnce := range []bool{false, true} {
			name := fmt.Sprintf("library-%d-queues", queues)
			if queues == 1 {
				name = "library-1-queue"
			}
			if atMostOnce {
				name += "-at-most-once"
			}
			cases = append(cases, Case{Workload: Idle, Participant: name, measure: measureIdle(queues, atMostOnce), fixed: true})
		}
	}
	return append(cases,
		Case{Workload: Idle, Participant: "original-1-queue", measure: measureOriginalIdle(1), fixed: true},
		Case{Workload: Idle, Participant: "original-10-queues", measure: measureOriginalIdle(10), fixed: true})
}

// idlePrefix returns the prefix of the queues' names. Their numbers follow.
func idlePrefix() string { return queue + ":idle:" }

func idleQueues(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = idlePrefix() + strconv.Itoa(i)
	}
	return names
}

func measureIdle(queues int, atMostOnce bool) func(ctx context.Context, s *stage, p pace) (Sample, error) {
	return func(ctx context.Context, s *stage, p pace) (_ Sample, err error) {
		program, err := s.buildIdle(ctx)
		if err != nil {
			return nil, err
		}
		before, err := s.connections(ctx)
		if err != nil {
			return nil, err
		}
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		command := process.Command(ctx, program, "--prefix", idlePrefix(), "--queues", strconv.Itoa(queues), "--at-most-once="+strconv.FormatBool(atMostOnce))
		command.Env = append(os.Environ(), "REDIS_URL="+s.URL)
		var stderr bytes.Buffer
		command.Stderr = &stderr
		stdout, err := command.StdoutPipe()
		if err != nil {
			return nil, err
		}
		if err := command.Start(); err != nil {
			return nil, err
		}
		ended := false
		defer func() {
			if !ended {
				_ = process.Kill(command)
				_ = command.Wait() // the kill causes the error
			}
			if err != nil && stderr.Len() > 0 {
				err = fmt.Errorf("%w: %s", err, trimmed(stderr.Bytes()))
			}
		}()
		pipe := s.control.Pipeline()
		for _, name := range idleQueues(queues) {
			pipe.LPush(ctx, name, s.template.raw)
		}
		if _, err := pipe.Exec(ctx); err != nil {
			return nil, err
		}
		if _, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
			return nil, fmt.Errorf("the idle process with %d queues did not become ready: %w", queues, err)
		}
		sample, err := s.watchIdle(ctx, command.Process.Pid, before, p)
		if err != nil {
			return nil, err
		}
		if err := process.Terminate(command); err != nil {
			return nil, err
		}
		ended = true
		if err := command.Wait(); err != nil {
			return nil, fmt.Errorf("the idle process with %d queues: %w", queues, err)
		}
		return sample, s.leftNothing(ctx)
	}
}

func measureOriginalIdle(queues int) func(ctx context.Context, s *stage, p pace) (Sample, error) {
	return func(ctx context.Context, s *stage, p pace) (_ Sample, err error) {
		before, err := s.connections(ctx)
		if err != nil {
			return nil, err
		}
		o, err := s.startOriginal(ctx, map[string]any{
			"op": "receive", "queue": queue, "queues": idleQueues(queues), "warm": 1, "count": 1 << 30,
		})
		if err != nil {
			return nil, err
		}
		defer func() { err = o.failed(errors.Join(err, o.stop())) }()
		return s.watchIdle(ctx, o.command.Process.Pid, before, p)
	}
}

// watchIdle measures an idle process: its connections and memory after a settling time,
// and the rate of its commands.
func (s *stage) watchIdle(ctx context.Context, pid, connectionsBefore int, p pace) (Sample, error) {
	if err := wait(ctx, p.duration/2); err != nil { // let the start-up end
		return nil, err
	}
	commands, err := s.info(ctx, "stats", "total_commands_processed")
	if err != nil {
		return nil, err
	}
	begin := time.Now()
	if err := wait(ctx, p.duration); err != nil {
		return nil, err
	}
	later, err := s.info(ctx, "stats", "total_commands_processed")
	if err != nil {
		return nil, err
	}
	seconds := time.Since(begin).Seconds()
	connections, err := s.connections(ctx)
	if err != nil {
		return nil, err
	}
	resident, err := residentMemory(pid)
	if err != nil {
		return nil, err
	}
	return Sample{
		Connections:  float64(connections - connectionsBefore),
		Resident:     resident / (1 << 20),
		IdleCommands: float64(later-commands-1) / seconds, // without the INFO
	}, nil
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// connections returns the number of Redis' clients.
func (r *Redis) connections(ctx context.Context) (int, error) {
	return r.info(ctx, "clients", "connected_clients")
}

// info returns a number from INFO.
func (r *Redis) info(ctx context.Context, section, field string) (int, error) {
	text, err := r.control.Info(ctx, section).Result()
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), field+":"); ok {
			return strconv.Atoi(value)
		}
	}
	return 0, fmt.Errorf("INFO %s has no %s", section, field)
}

// residentMemory returns the resident memory of another process, in bytes.
func residentMemory(pid int) (float64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, missing("reading the memory of a process needs /proc: %v", err)
	}
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kilobytes, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 64)
			return kilobytes * 1024, err
		}
	}
	return 0, missing("/proc has no VmRSS of the process")
}
