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

// cut is where in the exchange of one command and its answer a client dies.
type cut int

const (
	beforeRequest cut = iota // Redis hears nothing of it
	amidRequest              // Redis hears half of it
	beforeAnswer             // Redis has done it, and the client does not know
	amidAnswer               // Redis has done it, and the client has half of the answer
)

func (c cut) String() string {
	return [...]string{"before it", "in the middle of it", "before its answer", "in the middle of its answer"}[c]
}

func cuts() []cut { return []cut{beforeRequest, amidRequest, beforeAnswer, amidAnswer} }

// cutter stands between one client and Redis, knows the client's commands, and
// ends the client at one of them: from then on nothing that the client says gets
// to Redis, as if its process had been killed there.
type cutter struct {
	listener net.Listener
	target   string
	serving  sync.WaitGroup
	// forget has Redis forget its scripts, before one is called that is to be cut
	// where it is sent in full.
	forget func() error

	ctx context.Context //nolint:containedctx // it ends with the client
	die context.CancelFunc

	mu      sync.Mutex
	command string // at which to cut, empty for none
	nth     int    // of its kind, counted from 1
	where   cut
	seen    map[string]int // commands, by kind
	links   map[net.Conn]bool
}

// startCutter starts one for a Redis at that address. Without a command it cuts
// nothing, and counts.
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

// addr is host and port.
func (c *cutter) addr() string { return c.listener.Addr().String() }

// close cuts what there is and ends the proxy.
func (c *cutter) close() {
	_ = c.listener.Close()
	c.end()
	c.serving.Wait()
}

// end is the client's death.
func (c *cutter) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.die()
	for connection := range c.links {
		_ = connection.Close()
	}
}

// hits counts a command, and says whether the client dies at it.
func (c *cutter) hits(command string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen[command]++
	return command == c.command && c.seen[command] == c.nth
}

// counts returns how many commands there were of each kind.
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
	// The commands that Redis was given, and whether the client dies at the answer.
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

// requests passes commands on.
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

// answers passes answers back.
func (c *cutter) answers(server io.Reader, client io.Writer, given <-chan bool) {
	reader := bufio.NewReader(server)
	for {
		var answer bytes.Buffer
		if err := readAnswer(reader, &answer); err != nil {
			return
		}
		if answer.Bytes()[0] == '>' { // it answers nothing
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

// readRequest reads a command: its bytes, and its words.
func readRequest(r *bufio.Reader) (request []byte, words []string, err error) {
	var raw bytes.Buffer
	line, err := readLine(r, &raw)
	if err != nil {
		return nil, nil, err
	}
	n, err := strconv.Atoi(strings.TrimPrefix(line, "*"))
	if err != nil {
		return nil, nil, fmt.Errorf("a command that is no array: %.40q", line)
	}
	for range n {
		line, err := readLine(r, &raw)
		if err != nil {
			return nil, nil, err
		}
		size, err := strconv.Atoi(strings.TrimPrefix(line, "$"))
		if err != nil {
			return nil, nil, fmt.Errorf("a word that is no bulk string: %.40q", line)
		}
		start := raw.Len()
		if _, err := io.CopyN(&raw, r, int64(size)+2); err != nil {
			return nil, nil, err
		}
		words = append(words, string(raw.Bytes()[start:start+size]))
	}
	return raw.Bytes(), words, nil
}

// readAnswer copies one answer, of RESP 2 or 3.
func readAnswer(r *bufio.Reader, raw *bytes.Buffer) error {
	line, err := readLine(r, raw)
	if err != nil {
		return err
	}
	if line == "" {
		return errors.New("an answer without a type")
	}
	n, _ := strconv.Atoi(line[1:]) // those without a size have none
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
		n++ // an attribute, and what it is of
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

// inFull stands behind the name of a script that is sent in full.
const inFull = " in full"

// isScript reports whether a kind of command is a script that is called.
func isScript(kind string) bool {
	for _, name := range scriptNames() {
		if name == kind {
			return true
		}
	}
	return false
}

// kindOf returns the name of a script that is run, or else of the command.
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

// scriptNames are the names of the scripts of spec/lua, by their digests.
var scriptNames = sync.OnceValue(func() map[string]string {
	names := map[string]string{}
	paths, err := fs.Glob(spec.Files, "lua/*.lua")
	if err != nil {
		panic(err) // the pattern is right
	}
	for _, path := range paths {
		source, err := spec.Files.ReadFile(path)
		if err != nil {
			panic(err) // the files are compiled in
		}
		names[digest(string(source))] = strings.TrimSuffix(strings.TrimPrefix(path, "lua/"), ".lua")
	}
	return names
})

func digest(source string) string {
	sum := sha1.Sum([]byte(source))
	return hex.EncodeToString(sum[:])
}
