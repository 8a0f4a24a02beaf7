package redisserver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
)

// embedded is miniredis behind connections that end as those of Redis do. By itself
// miniredis does not notice that a client has gone that waits in a blocking command
// and has pipelined another one behind it: it executes both, and what they pop is
// lost.
type embedded struct {
	redis    *miniredis.Miniredis
	listener net.Listener
	serving  sync.WaitGroup

	mu    sync.Mutex
	last  int
	named map[string]*inbound // connections that have not introduced themselves
	peers map[*server.Peer]*inbound
}

// introduction is the command by which a connection names its peer. The harness sends
// it before the commands of the client.
const introduction = "COMPAT.INTRODUCE"

// Embedded starts a Redis in this process.
func Embedded() (*Server, error) {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start the embedded Redis: %w", err)
	}
	e := &embedded{redis: miniredis.NewMiniRedis(), listener: listener, named: map[string]*inbound{}, peers: map[*server.Peer]*inbound{}}
	first, err := e.redis.Dial() // starts it without a listener of its own
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start the embedded Redis: %w", err), listener.Close())
	}
	_ = first.Close()
	e.redis.Server().SetPreHook(e.before)
	e.serving.Go(e.accept)
	return &Server{
		url:     "redis://" + listener.Addr().String() + "/0",
		kind:    KindEmbedded,
		name:    "miniredis",
		version: moduleVersion("github.com/alicebob/miniredis/v2"),
		close:   e.close,
	}, nil
}

func (e *embedded) accept() {
	for {
		conn, err := e.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			e.serve(conn)
		}
	}
}

func (e *embedded) serve(conn net.Conn) {
	c := &inbound{Conn: conn, arrived: make(chan struct{}, 1)}
	e.mu.Lock()
	e.last++
	id := strconv.Itoa(e.last)
	e.named[id] = c
	e.mu.Unlock()
	fmt.Fprintf(&c.unread, "*2\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n", len(introduction), introduction, len(id), id)
	e.redis.Server().ServeConn(c)
	e.serving.Go(func() {
		c.receive()
		e.mu.Lock()
		delete(e.named, id)
		e.mu.Unlock()
		if c.leave() {
			c.peer.Close()
			e.redis.HPersist("", "") // changes nothing, and wakes blocking commands
		}
	})
}

// before is called before each command, and reports whether the command is not to be
// executed. The commands of scripts have a peer of their own.
func (e *embedded) before(peer *server.Peer, command string, args ...string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if command == introduction && len(args) == 1 {
		if c := e.named[args[0]]; c != nil {
			delete(e.named, args[0])
			e.peers[peer] = c
			peer.OnDisconnect(func() {
				e.mu.Lock()
				defer e.mu.Unlock()
				delete(e.peers, peer)
			})
			c.peer = peer
		}
		return true
	}
	c := e.peers[peer]
	return c != nil && c.begin(command)
}

func (e *embedded) close() error {
	err := e.listener.Close()
	e.redis.Close()
	e.serving.Wait()
	return err
}

// inbound is a client's connection. It reads ahead of miniredis, and so notices the
// end of the connection at once.
type inbound struct {
	net.Conn

	peer    *server.Peer  // set by the introduction, which is the first command
	arrived chan struct{} // holds one element while there is something to read, or the end

	mu        sync.Mutex
	unread    bytes.Buffer
	blocking  bool // a blocking command was begun and has not been answered
	gone      bool // the client has left
	abandoned bool // it left while it waited: what it sent after that is void
}

// receive reads what the client sends until the connection ends.
func (c *inbound) receive() {
	chunk := make([]byte, 32<<10)
	for {
		n, err := c.Conn.Read(chunk)
		c.mu.Lock()
		_, _ = c.unread.Write(chunk[:n])
		c.mu.Unlock()
		c.signal()
		if err != nil {
			return
		}
	}
}

func (c *inbound) signal() {
	select {
	case c.arrived <- struct{}{}:
	default:
	}
}

// leave notes that the client has left, and reports whether it waited. What it sent
// before and did not wait for is executed.
func (c *inbound) leave() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gone, c.abandoned = true, c.blocking
	c.signal()
	return c.abandoned
}

// begin notes that a command begins, and reports whether it is void.
func (c *inbound) begin(command string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.blocking = blocks(command)
	c.abandoned = c.abandoned || c.gone && c.blocking
	return c.abandoned
}

// blocks reports whether a command may wait.
func blocks(command string) bool {
	switch command {
	case "BLPOP", "BRPOP", "BRPOPLPUSH", "BLMOVE", "BLMPOP", "BZPOPMIN", "BZPOPMAX", "BZMPOP", "XREAD", "XREADGROUP":
		return true
	}
	return false
}

// Read implements [net.Conn] for the one goroutine of miniredis that reads.
func (c *inbound) Read(into []byte) (int, error) {
	for {
		c.mu.Lock()
		n, _ := c.unread.Read(into)
		gone := c.gone
		c.mu.Unlock()
		switch {
		case n > 0:
			return n, nil
		case gone:
			return 0, io.EOF
		}
		<-c.arrived
	}
}

// Write implements [net.Conn]: it answers the command that was begun.
func (c *inbound) Write(answer []byte) (int, error) {
	c.mu.Lock()
	c.blocking = false
	c.mu.Unlock()
	return c.Conn.Write(answer)
}
