package faults

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"strconv"
	"strings"
	"sync"

	"github.com/remote-events/remote-events/spec"
)

// cut is the position, within the exchange of one command and its reply, where a client
// dies.
type cut int

const (
	beforeRequest cut = iota // Redis receives nothing
	amidRequest              // Redis receives half of the command
	beforeAnswer             // Redis has executed it, and the client receives nothing
	amidAnswer               // Redis has executed it, and the client receives half of the reply
)

func (c cut) String() string {
	return [...]string{"before the command", "within the command", "before the reply", "within the reply"}[c]
}

func cuts() []cut { return []cut{beforeRequest, amidRequest, beforeAnswer, amidAnswer} }

// cutter is a proxy between one client and Redis that parses the client's commands. It cuts
// the client off at one of them. Nothing from the client reaches Redis afterwards, as if
// its process had been killed there.
type cutter struct {
	listener net.Listener
	target   string
	serving  sync.WaitGroup
	// forget flushes Redis' scripts. It is called before a script if the cut is at a
	// script that is sent in full.
	forget func() error

	ctx context.Context //nolint:containedctx // its end is the client's death
	die context.CancelFunc

	mu      sync.Mutex
	command string // the kind of command to cut at, "" for none
	nth     int    // its ordinal within its kind, from 1
	where   cut
	seen    map[string]int // number of commands by kind
	links   map[net.Conn]bool
}

// startCutter starts a cutter for the Redis at that address. Without a command, it only
// counts commands.
func startCutter(ctx context.Context, target, command string, nth int, where cut) (*cutter, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start a proxy: %w", err)
	}
	c := &cutter{
		listener: listener, target: target, command: command, nth: nth, where: where,
		seen: map[string]int{}, links: map[net.Conn]bool{},
	}
	c.ctx, c.die = context.WithCancel(ctx)
	c.serving.Go(func() {
		for {
			client, err := listener.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err == nil {
				c.serving.Go(func() { c.serve(ctx, client) })
			}
		}
	})
	return c, nil
}

// addr returns the address as host:port.
func (c *cutter) addr() string { return c.listener.Addr().String() }

// close cuts all connections and stops the proxy.
func (c *cutter) close() {
	_ = c.listener.Close()
	c.end()
	c.serving.Wait()
}

// end ends the context of the client, as its death.
func (c *cutter) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.die()
	for connection := range c.links {
		_ = connection.Close()
	}
}

// hits counts a command, and reports whether the client dies at it.
func (c *cutter) hits(command string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen[command]++
	return command == c.command && c.seen[command] == c.nth
}

// counts returns the number of commands of each kind.
func (c *cutter) counts() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.seen)
}

func (c *cutter) serve(ctx context.Context, client net.Conn) {
	server, err := new(net.Dialer).DialContext(ctx, "tcp", c.target)
	if err != nil {
		_ = client.Close()
		return
	}
	c.mu.Lock()
	c.links[client], c.links[server] = true, true
	refused := c.ctx.Err() != nil
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.links, client)
		delete(c.links, server)
	}()
	defer func() { _, _ = client.Close(), server.Close() }()
	if refused {
		return
	}
	// The commands that Redis has received, and whether the client dies at the reply.
	given := make(chan bool, 10_000)
	var answering sync.WaitGroup
	defer answering.Wait()
	answering.Go(func() {
		defer client.Close()
		c.answers(server, client, given)
	})
	defer close(given)
	defer server.Close()
	c.requests(client, server, given)
}

// requests forwards commands.
func (c *cutter) requests(client io.Reader, server io.Writer, given chan<- bool) {
	reader := bufio.NewReader(client)
	for {
		request, words, err := readRequest(reader)
		if err != nil {
			return
		}
		kind := kindOf(words)
		hit := c.hits(kind)
		if c.command == kind+inFull && c.forget() != nil {
			return
		}
		switch {
		case hit && c.where == beforeRequest:
			c.end()
			return
		case hit && c.where == amidRequest:
			_, _ = server.Write(request[:len(request)/2])
			c.end()
			return
		}
		given <- hit
		if _, err := server.Write(request); err != nil {
			return
		}
	}
}

// answers forwards replies.
func (c *cutter) answers(server io.Reader, client io.Writer, given <-chan bool) {
	reader := bufio.NewReader(server)
	for {
		var answer bytes.Buffer
		if err := readAnswer(reader, &answer); err != nil {
			return
		}
		if answer.Bytes()[0] == '>' { // a push message is not a reply
			if _, err := client.Write(answer.Bytes()); err != nil {
				return
			}
			continue
		}
		hit, ok := <-given
		switch {
		case !ok:
			return
		case hit && c.where == amidAnswer:
			_, _ = client.Write(answer.Bytes()[:answer.Len()/2])
			fallthrough
		case hit:
			c.end()
			return
		}
		if _, err := client.Write(answer.Bytes()); err != nil {
			return
		}
	}
}

// readRequest reads a command and returns its bytes and its words.
func readRequest(r *bufio.Reader) (request []byte, words []string, err error) {
	var raw bytes.Buffer
	line, err := readLine(r, &raw)
	if err != nil {
		return nil, nil, err
	}
	n, err := strconv.Atoi(strings.TrimPrefix(line, "*"))
	if err != nil {
		return nil, nil, fmt.Errorf("a command that is not an array: %.40q", line)
	}
	for range n {
		line, err := readLine(r, &raw)
		if err != nil {
			return nil, nil, err
		}
		size, err := strconv.Atoi(strings.TrimPrefix(line, "$"))
		if err != nil {
			return nil, nil, fmt.Errorf("a word that is not a bulk string: %.40q", line)
		}
		start := raw.Len()
		if _, err := io.CopyN(&raw, r, int64(size)+2); err != nil {
			return nil, nil, err
		}
		words = append(words, string(raw.Bytes()[start:start+size]))
	}
	return raw.Bytes(), words, nil
}

// readAnswer copies one reply in RESP 2 or 3.
func readAnswer(r *bufio.Reader, raw *bytes.Buffer) error {
	line, err := readLine(r, raw)
	if err != nil {
		return err
	}
	if line == "" {
		return errors.New("a reply without a type")
	}
	n, _ := strconv.Atoi(line[1:]) // types without a size have no number
	switch line[0] {
	case '$', '!', '=':
		if n >= 0 {
			_, err = io.CopyN(raw, r, int64(n)+2)
		}
		return err
	case '%', '|':
		n *= 2
	case '*', '~', '>':
	default:
		return nil
	}
	if line[0] == '|' {
		n++ // an attribute and the value that it describes
	}
	for range n {
		if err := readAnswer(r, raw); err != nil {
			return err
		}
	}
	return nil
}

func readLine(r *bufio.Reader, raw *bytes.Buffer) (string, error) {
	line, err := r.ReadString('\n')
	raw.WriteString(line)
	return strings.TrimSuffix(line, "\r\n"), err
}

// inFull follows the name of a script in the kind of an EVAL command.
const inFull = " in full"

// isScript reports whether a kind of command is a call of a script.
func isScript(kind string) bool {
	for _, name := range scriptNames() {
		if name == kind {
			return true
		}
	}
	return false
}

// kindOf returns the name of the script that a command calls, or the name of the command.
func kindOf(words []string) string {
	if len(words) == 0 {
		return ""
	}
	verb := strings.ToLower(words[0])
	if len(words) < 2 {
		return verb
	}
	switch verb {
	case "evalsha":
		if name, ok := scriptNames()[words[1]]; ok {
			return name
		}
	case "eval":
		if name, ok := scriptNames()[digest(words[1])]; ok {
			return name + inFull
		}
	}
	return verb
}

// scriptNames returns the names of the scripts of spec/lua by their digests.
var scriptNames = sync.OnceValue(func() map[string]string {
	names := map[string]string{}
	paths, err := fs.Glob(spec.Files, "lua/*.lua")
	if err != nil {
		panic(err) // the pattern is valid
	}
	for _, path := range paths {
		source, err := spec.Files.ReadFile(path)
		if err != nil {
			panic(err) // the files are embedded
		}
		names[digest(string(source))] = strings.TrimSuffix(strings.TrimPrefix(path, "lua/"), ".lua")
	}
	return names
})

func digest(source string) string {
	sum := sha1.Sum([]byte(source))
	return hex.EncodeToString(sum[:])
}
