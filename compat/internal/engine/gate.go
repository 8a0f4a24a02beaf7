package engine

import (
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"sync"
)

// gate stands before a Redis, so that the Redis can go away, and come back at
// the same address.
type gate struct {
	listener net.Listener
	workers  sync.WaitGroup
	refusing chan struct{} // holds one element after a connection was refused

	mu          sync.Mutex // guards what follows
	target      string     // "" while there is none
	connections map[net.Conn]bool
}

// newGate listens on the loopback interface.
func newGate(ctx context.Context) (*gate, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	g := &gate{listener: listener, refusing: make(chan struct{}, 1), connections: map[net.Conn]bool{}}
	g.workers.Go(func() { g.accept(context.WithoutCancel(ctx)) })
	return g, nil
}

// to has the gate stand before the Redis at a URL, and returns the URL that
// leads through the gate.
func (g *gate) to(address string) (string, error) {
	parsed, err := url.Parse(address)
	if err != nil || parsed.Scheme != "redis" {
		return "", errors.New("only a Redis with a TCP port can be taken away")
	}
	g.mu.Lock()
	g.target = parsed.Host
	g.mu.Unlock()
	parsed.Host = g.listener.Addr().String()
	return parsed.String(), nil
}

func (g *gate) accept(ctx context.Context) {
	for {
		client, err := g.listener.Accept()
		if err != nil {
			return
		}
		g.workers.Go(func() { g.serve(ctx, client) })
	}
}

func (g *gate) serve(ctx context.Context, client net.Conn) {
	defer client.Close()
	g.mu.Lock()
	target := g.target
	g.mu.Unlock()
	var server net.Conn
	var err error
	if target != "" {
		server, err = (&net.Dialer{Timeout: redisTimeout}).DialContext(ctx, "tcp", target)
	}
	if server == nil || err != nil {
		select {
		case g.refusing <- struct{}{}:
		default:
		}
		return
	}
	defer server.Close()
	g.mu.Lock()
	g.connections[client], g.connections[server] = true, true
	g.mu.Unlock()
	var copying sync.WaitGroup
	for _, way := range [][2]net.Conn{{client, server}, {server, client}} {
		copying.Go(func() {
			_, _ = io.Copy(way[0], way[1])
			_ = client.Close()
			_ = server.Close()
		})
	}
	copying.Wait()
	g.mu.Lock()
	delete(g.connections, client)
	delete(g.connections, server)
	g.mu.Unlock()
}

// cut ends all connections.
func (g *gate) cut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for connection := range g.connections {
		_ = connection.Close()
	}
}

// down ends all connections, and refuses new ones.
func (g *gate) down() {
	g.mu.Lock()
	g.target = ""
	g.mu.Unlock()
	g.cut()
	select {
	case <-g.refusing:
	default:
	}
}

func (g *gate) close() {
	_ = g.listener.Close()
	g.down()
	g.workers.Wait()
}
