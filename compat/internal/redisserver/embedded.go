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

// embedded is miniredis with connections that end as those of Redis do. miniredis itself
// does not notice that a client has disconnected while it waits in a blocking command and
// has pipelined another one. It executes both, and the popped elements are lost.
type embedded struct {
	redis    *miniredis.Miniredis
	listener net.Listener
	serving  sync.WaitGroup

	mu    sync.Mutex
	last  int
	named map[string]*inbound // connections before their introduction
	peers map[*server.Peer]*inbound
}

// introduction is the command that names the peer of a connection. The harness sends it
// before the client's commands.
const introduction = "COMPAT.INTRODUCE"

// Embedded starts a Redis server in this process.
func Embedded() (*Server, error) {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start the embedded Redis: %w", err)
	}
	e := &embedded{redis: miniredis.NewMiniRedis(), listener: listener, named: map[string]*inbound{}, peers: map[*server.Peer]*inbound{}}
	first, err := e.redis.Dial() // starts miniredis without a listener
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
			e.redis.HPersist("", "") // has no effect, but wakes blocking commands
		}
	})
}

// before is called before each command. It reports whether to skip the command. The
// commands of scripts have a different peer.
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

// inbound is a client's connection. It reads ahead of miniredis, and therefore notices
// the end of the connection at once.
type inbound struct {
	net.Conn

	peer    *server.Peer  // set by the introduction, which is the first command
	arrived chan struct{} // holds one element while data or the end can be read

	mu        sync.Mutex
	unread    bytes.Buffer
	blocking  bool // a blocking command has begun and has no reply
	gone      bool // the client has disconnected
	abandoned bool // it disconnected while it waited: later commands are void
}

// receive reads the client's data until the connection ends.
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

// leave records that the client has disconnected. It reports whether the client waited in
// a blocking command. Earlier commands without a wait are executed.
func (c *inbound) leave() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gone, c.abandoned = true, c.blocking
	c.signal()
	return c.abandoned
}

// begin records that a command begins. It reports whether the command is void.
func (c *inbound) begin(command string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.blocking = blocks(command)
	c.abandoned = c.abandoned || c.gone && c.blocking
	return c.abandoned
}

// blocks reports whether the command may block.
func blocks(command string) bool {
	switch command {
	case "BLPOP", "BRPOP", "BRPOPLPUSH", "BLMOVE", "BLMPOP", "BZPOPMIN", "BZPOPMAX", "BZMPOP", "XREAD", "XREADGROUP":
		return true
	}
	return false
}

// Read implements [net.Conn]. Only one goroutine of miniredis reads.
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

// Write implements [net.Conn]. It writes the reply of the current command.
func (c *inbound) Write(answer []byte) (int, error) {
	c.mu.Lock()
	c.blocking = false
	c.mu.Unlock()
	return c.Conn.Write(answer)
}
