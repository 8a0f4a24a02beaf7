package engine

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/remote-events/remote-events/compat/internal/suite"
)

// monitor records the commands that a server executes.
type monitor struct {
	connection net.Conn
	reading    sync.WaitGroup

	mu      sync.Mutex
	harmful [][]string    // command and keys
	marked  chan struct{} // holds one element after a mark
}

// harmful has the commands that change messages, or that remove messages from a list in a
// way that receivers do not use.
var harmful = []string{
	"expire", "pexpire", "expireat", "pexpireat", "ltrim", "del", "unlink", "rename", "renamenx", "move", "lset", "linsert", "lrem",
	"set", "getset", "restore", "sort", "flushdb", "flushall", "swapdb",
}

// observe starts a monitor if a step needs one.
func (s *scenario) observe(ctx context.Context) error {
	if !slices.ContainsFunc(s.script.Steps, func(step suite.Step) bool { return step.Do == "untouched" }) {
		return nil
	}
	options := s.lane.redis.Options()
	connection, err := (&net.Dialer{Timeout: redisTimeout}).DialContext(ctx, "tcp", options.Addr)
	if err != nil {
		return fmt.Errorf("monitor Redis: %w", err)
	}
	m := &monitor{connection: connection, marked: make(chan struct{}, 1)}
	lines := bufio.NewScanner(connection)
	lines.Buffer(nil, 1<<26)
	if _, err := fmt.Fprint(connection, "*1\r\n$7\r\nMONITOR\r\n"); err != nil || !lines.Scan() || lines.Text() != "+OK" {
		_ = connection.Close()
		return fmt.Errorf("monitor Redis: %q: %w", lines.Text(), err)
	}
	m.reading.Go(func() {
		for lines.Scan() {
			m.note(lines.Text())
		}
	})
	s.monitor = m
	return nil
}

var word = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)

// mark is the argument of the command by which the harness marks a place.
const mark = "a mark of the harness"

// note records a line such as: +1700000000.000000 [0 127.0.0.1:6379] "del" "q".
func (m *monitor) note(line string) {
	var words []string
	for _, quoted := range word.FindAllString(line[:min(len(line), 4096)], 4) {
		text, err := strconv.Unquote(quoted)
		if err != nil {
			return
		}
		words = append(words, text)
	}
	if len(words) == 0 || strings.Contains(line[:min(len(line), 64)], " lua] ") {
		return // a script takes messages by any command
	}
	words[0] = strings.ToLower(words[0])
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case len(words) > 1 && words[1] == mark:
		select {
		case m.marked <- struct{}{}:
		default:
		}
	case slices.Contains(harmful, words[0]) && len(m.harmful) < 1000:
		m.harmful = append(m.harmful, words)
	}
}

func (m *monitor) close() {
	_ = m.connection.Close()
	m.reading.Wait()
}

// untouched returns an error if a client has executed a harmful command on one of the
// step's queues, or on the whole database.
func (s *scenario) untouched(ctx context.Context, step suite.Step) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := s.lane.redis.Echo(ctx, mark).Err(); err != nil {
		return err
	}
	select {
	case <-s.monitor.marked:
	case <-ctx.Done():
		return fmt.Errorf("monitor Redis: %w", context.Cause(ctx))
	}
	s.monitor.mu.Lock()
	defer s.monitor.mu.Unlock()
	for _, command := range s.monitor.harmful {
		all := slices.Contains([]string{"flushdb", "flushall", "swapdb"}, command[0])
		for _, name := range step.Names() {
			if all || slices.Contains(command[1:], s.lane.prefix+name) {
				return wrong("it executed %s %s, by which messages are lost or changed (SEND-9, RECV-13)", strings.ToUpper(command[0]), strings.Join(command[1:], " "))
			}
		}
	}
	return nil
}
