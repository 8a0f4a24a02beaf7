package engine

import (
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"sync"
)

// proxy stands before a Redis, so that the Redis can go away, and come back at
// the same address.
type proxy struct {
	listener net.Listener
	workers  sync.WaitGroup
	refusing chan struct{} // holds one element after a connection was refused

	mu          sync.Mutex // guards what follows
	target      string     // "" while there is none
	connections map[net.Conn]bool
}

// newProxy listens on the loopback interface.
func newProxy(ctx context.Context) (*proxy, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{listener: listener, refusing: make(chan struct{}, 1), connections: map[net.Conn]bool{}}
	p.workers.Go(func() { p.accept(context.WithoutCancel(ctx)) })
	return p, nil
}

// to has the proxy stand before the Redis at a URL, and returns the URL that
// leads through the proxy.
func (p *proxy) to(address string) (string, error) {
	parsed, err := url.Parse(address)
	if err != nil || parsed.Scheme != "redis" {
		return "", errors.New("only a Redis with a TCP port can be taken away")
	}
	p.mu.Lock()
	p.target = parsed.Host
	p.mu.Unlock()
	parsed.Host = p.listener.Addr().String()
	return parsed.String(), nil
}

func (p *proxy) accept(ctx context.Context) {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.workers.Go(func() { p.serve(ctx, client) })
	}
}

func (p *proxy) serve(ctx context.Context, client net.Conn) {
	defer client.Close()
	p.mu.Lock()
	target := p.target
	p.mu.Unlock()
	var server net.Conn
	var err error
	if target != "" {
		server, err = (&net.Dialer{Timeout: redisTimeout}).DialContext(ctx, "tcp", target)
	}
	if server == nil || err != nil {
		select {
		case p.refusing <- struct{}{}:
		default:
		}
		return
	}
	defer server.Close()
	p.mu.Lock()
	p.connections[client], p.connections[server] = true, true
	p.mu.Unlock()
	var copying sync.WaitGroup
	for _, way := range [][2]net.Conn{{client, server}, {server, client}} {
		copying.Go(func() {
			_, _ = io.Copy(way[0], way[1])
			_ = client.Close()
			_ = server.Close()
		})
	}
	copying.Wait()
	p.mu.Lock()
	delete(p.connections, client)
	delete(p.connections, server)
	p.mu.Unlock()
}

// cut ends all connections.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for connection := range p.connections {
		_ = connection.Close()
	}
}

// down ends all connections, and refuses new ones.
func (p *proxy) down() {
	p.mu.Lock()
	p.target = ""
	p.mu.Unlock()
	p.cut()
	select {
	case <-p.refusing:
	default:
	}
}

func (p *proxy) close() {
	_ = p.listener.Close()
	p.down()
	p.workers.Wait()
}
