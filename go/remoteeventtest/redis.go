package remoteeventtest

import (
	"context"
	"net"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/remote-events/remote-events/go/embeddedredis"
)

// Redis returns a client of an empty Redis that runs in the memory of the test.
// The end of the test closes the client and the Redis.
//
// The client has no address: its connections are in memory, without a port and
// without the network. Senders and receivers use it like any other client. In
// a bubble of [testing/synctest], call remoteeventtest.Redis inside the bubble. For a program
// that takes a URL, start a server with an address: miniredis.RunT of
// github.com/alicebob/miniredis/v2, or `remote-event dev`.
func Redis(t testing.TB) *redis.Client {
	t.Helper()
	server, err := embeddedredis.New()
	if err != nil {
		t.Fatalf("remoteeventtest.Redis: %v", err)
	}
	client := redis.NewClient(&redis.Options{
		Addr: "remoteeventtest",
		Dialer: func(context.Context, string, string) (net.Conn, error) {
			ours, theirs := net.Pipe()
			server.Serve(newBufferedConn(theirs))
			return ours, nil
		},
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
	t.Cleanup(func() {
		_ = client.Close()
		_ = server.Close()
	})
	return client
}

// bufferedConn is a connection whose Write does not wait for the other end, as that
// of a socket does not. On a bare [net.Pipe], a client that writes a pipeline of
// commands and a server that writes the first replies would wait for each other.
type bufferedConn struct {
	net.Conn

	mu      sync.Mutex
	changed sync.Cond
	pending []byte
	err     error // why nothing more is written
}

func newBufferedConn(conn net.Conn) *bufferedConn {
	c := &bufferedConn{Conn: conn}
	c.changed.L = &c.mu
	go c.forward()
	return c
}

// forward writes pending bytes until the connection is closed.
func (c *bufferedConn) forward() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		for len(c.pending) == 0 && c.err == nil {
			c.changed.Wait()
		}
		if c.err != nil {
			return
		}
		data := c.pending
		c.pending = nil
		c.mu.Unlock()
		_, err := c.Conn.Write(data)
		c.mu.Lock()
		if c.err == nil {
			c.err = err
		}
	}
}

// Write implements net.Conn.
func (c *bufferedConn) Write(data []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return 0, c.err
	}
	c.pending = append(c.pending, data...)
	c.changed.Signal()
	return len(data), nil
}

// Close implements net.Conn.
func (c *bufferedConn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = net.ErrClosed
	}
	c.changed.Signal()
	return c.Conn.Close()
}
