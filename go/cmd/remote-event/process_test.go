package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/redistest"
)

var (
	binaryDirectory string

	// buildBinary builds the command once.
	buildBinary = sync.OnceValues(func() (string, error) {
		var err error
		if binaryDirectory, err = os.MkdirTemp("", "remote-event"); err != nil {
			return "", err
		}
		path := filepath.Join(binaryDirectory, "remote-event")
		if output, err := exec.CommandContext(context.Background(), "go", "build", "-o", path, ".").CombinedOutput(); err != nil {
			return "", fmt.Errorf("go build: %w\n%s", err, output)
		}
		return path, nil
	})
)

// removeBinary removes the binary after the tests.
func removeBinary(code int) {
	if binaryDirectory != "" {
		_ = os.RemoveAll(binaryDirectory)
	}
	os.Exit(code)
}

// process is the built command, running.
type process struct {
	*exec.Cmd
	stdin  io.WriteCloser
	stdout *bufio.Reader
	stderr bytes.Buffer
}

func start(t *testing.T, client *redis.Client, args ...string) *process {
	t.Helper()
	path, err := buildBinary()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{Cmd: exec.CommandContext(t.Context(), path, args...)}
	p.Env = append(os.Environ(), redisURLEnv+"=", contextFileEnv+"="+noContexts)
	if client != nil {
		p.Env = append(p.Env, redisURLEnv+"="+urlOfClient(client))
	}
	p.Stderr = &p.stderr
	stdout, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.stdout = bufio.NewReader(stdout)
	if p.stdin, err = p.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}

// expectExit waits for the end and checks the exit code, and that no signal
// killed the process.
func (p *process) expectExit(t *testing.T, code int, texts ...string) result {
	t.Helper()
	rest, _ := io.ReadAll(p.stdout)
	err := p.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return result{p.ProcessState.ExitCode(), string(rest), p.stderr.String()}.expect(t, code, texts...)
}

func (p *process) signal(t *testing.T, s os.Signal) {
	t.Helper()
	if err := p.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

func TestProcessListenEndsBySignal(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		for _, s := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
			push(t, client, "x", message("x", 1))
			p := start(t, client, "listen", "x", "-o", "ndjson")
			readLine(t, p.stdout)
			p.signal(t, s)
			p.expectExit(t, exitDone)
		}
	})
}

func TestProcessSendLinesIsCutShort(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		p := start(t, client, "send", "x", "--ndjson", "-")
		if _, err := io.WriteString(p.stdin, numbered(1, 3)); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if err := client.BRPop(t.Context(), 0, "x").Err(); err != nil {
				t.Fatal(err)
			}
		}
		p.signal(t, os.Interrupt)
		p.expectExit(t, exitInterrupted, "interrupted; sent: 3 (up to line 3)")
		_ = p.stdin.Close()
	})
}

func TestProcessSendIsCutShort(t *testing.T) {
	t.Parallel()
	client := embedded(t)
	p := start(t, client, "send", "x")
	// More than a pipe holds: once it is written, the command is reading.
	if _, err := io.WriteString(p.stdin, strings.Repeat(" ", 1<<20)); err != nil {
		t.Fatal(err)
	}
	p.signal(t, os.Interrupt)
	p.expectExit(t, exitInterrupted, "interrupted")
	expectLength(t, client, "x", 0)
}

func TestProcessDevEndsBySignal(t *testing.T) {
	t.Parallel()
	p := start(t, nil, "dev", "--addr", "127.0.0.1:0")
	if got := readLine(t, p.stdout); strings.Contains(got, "\x1b") || !strings.Contains(got, "embedded Redis") {
		t.Errorf("banner: %q", got)
	}
	for last := ""; !strings.Contains(last, "- name: new_file_event"); {
		last = readLine(t, p.stdout)
	}
	p.signal(t, os.Interrupt)
	p.expectExit(t, exitDone)
}

// If the reader of the output exits, as head does, the event that could not be written is
// released.
func TestProcessListenWithoutAReader(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		path, err := buildBinary()
		if err != nil {
			t.Fatal(err)
		}
		read, write, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		var stderr bytes.Buffer
		command := exec.CommandContext(t.Context(), path, "listen", "x", "-o", "ndjson", "--redis", urlOfClient(client))
		command.Stdout, command.Stderr = write, &stderr
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		_ = write.Close()
		push(t, client, "x", message("x", 1))
		readLine(t, bufio.NewReader(read))
		_ = read.Close()
		push(t, client, "x", message("x", 2))
		if err := command.Wait(); err != nil || afterAnnouncement(t, stderr.String()) != "" {
			t.Errorf("%v: %s", err, stderr.String())
		}
		expectLength(t, client, "x", 1)
	})
}
