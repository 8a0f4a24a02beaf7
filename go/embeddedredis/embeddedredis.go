// Package embeddedredis runs a Redis server in this process, for tests, experiments and the
// harness. It is miniredis, but connections end as with Redis.
package embeddedredis

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

// Server is an embedded Redis server. miniredis itself does not notice that a client has
// disconnected while it waits in a blocking command and has pipelined another one. It
// executes both, and the popped elements are lost. The server reads ahead of miniredis and
// skips such commands.
type Server struct {
	redis    *miniredis.Miniredis
	listener net.Listener // nil without an address
	serving  sync.WaitGroup

	mu    sync.Mutex
	last  int
	named map[string]*inbound // connections before their introduction
	peers map[*server.Peer]*inbound
}

// introduction is the command that names the peer of a connection. The server inserts it
// before the client's commands.
const introduction = "EMBEDDED.INTRODUCE"

// New starts a server without an address, for connections of [Server.Serve].
func New() (*Server, error) {
	s := &Server{redis: miniredis.NewMiniRedis(), named: map[string]*inbound{}, peers: map[*server.Peer]*inbound{}}
	first, err := s.redis.Dial() // starts miniredis without a listener
	if err != nil {
		return nil, fmt.Errorf("start the embedded Redis: %w", err)
	}
	_ = first.Close()
	s.redis.Server().SetPreHook(s.before)
	return s, nil
}

// Listen starts a server at a TCP address. Port 0 selects a free port.
func Listen(addr string) (*Server, error) {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("start the embedded Redis: %w", err)
	}
	s, err := New()
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	s.listener = listener
	s.serving.Go(s.accept)
	return s, nil
}

func (s *Server) accept() {
	for {
		conn, err := s.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			s.Serve(conn)
		}
	}
}

// Serve serves a connection until one of the ends closes it. It does not wait for that.
func (s *Server) Serve(conn net.Conn) {
	c := &inbound{Conn: conn, arrived: make(chan struct{}, 1)}
	s.mu.Lock()
	s.last++
	id := strconv.Itoa(s.last)
	s.named[id] = c
	s.mu.Unlock()
	fmt.Fprintf(&c.unread, "*2\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n", len(introduction), introduction, len(id), id)
	s.redis.Server().ServeConn(c)
	s.serving.Go(func() {
		c.receive()
		s.mu.Lock()
		delete(s.named, id)
		s.mu.Unlock()
		if c.leave() {
			c.peer.Close()
			s.redis.HPersist("", "") // has no effect, but wakes blocking commands
		}
	})
}

// before is called before each command. It reports whether to skip the command. The
// commands of scripts have a different peer.
func (s *Server) before(peer *server.Peer, command string, args ...string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if command == introduction && len(args) == 1 {
		if c := s.named[args[0]]; c != nil {
			delete(s.named, args[0])
			s.peers[peer] = c
			peer.OnDisconnect(func() {
				s.mu.Lock()
				defer s.mu.Unlock()
				delete(s.peers, peer)
			})
			c.peer = peer
		}
		return true
	}
	c := s.peers[peer]
	return c != nil && c.begin(command)
}

// Addr returns the address, or "" for a server without one.
func (s *Server) Addr() string {
	if s.listener == nil {
		return ""
	}
	return s.listener.Addr().String()
}

// Redis returns the database.
func (s *Server) Redis() *miniredis.Miniredis { return s.redis }

// Close closes all connections and waits until nothing is served.
func (s *Server) Close() error {
	var err error
	if s.listener != nil {
		err = s.listener.Close()
	}
	s.redis.Close()
	s.serving.Wait()
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
