// Package proxy stands between clients and a server and does to their
// connections what networks do.
package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Condition is what the network does. The zero value lets everything through.
type Condition struct {
	// Delay is how long each byte takes, in either direction.
	Delay time.Duration
	// Silent networks let nothing through and say nothing about it: bytes and
	// the ends of connections wait for the next condition, as a system's TCP
	// keeps them.
	Silent bool
	// Refusing networks cut every connection, those that are there and new ones.
	Refusing bool
	// Linger is by how much later one side learns that the other has left the
	// connection. What it says until then goes nowhere.
	Linger time.Duration
}

// Proxy is one on a TCP port of the loopback interface. It may be used by several
// goroutines at once.
type Proxy struct {
	listener net.Listener
	serving  sync.WaitGroup
	refused  chan struct{} // holds one element after a connection was refused

	mu        sync.Mutex
	target    string // "" for none
	condition Condition
	changed   chan struct{} // closed when the condition changes
	links     map[*link]bool
	ended     chan struct{} // closed when a connection has ended
	closed    bool
}

// Start starts a proxy for the server at that address, which may be "" for none. The
// caller must close it; ctx is for the start only.
func Start(ctx context.Context, target string) (*Proxy, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start a proxy: %w", err)
	}
	p := &Proxy{listener: listener, target: target, refused: make(chan struct{}, 1), changed: make(chan struct{}), links: map[*link]bool{}, ended: make(chan struct{})}
	p.serving.Go(p.accept)
	return p, nil
}

// Addr is host and port.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Set changes what the network does from now on, to all connections.
func (p *Proxy) Set(c Condition) {
	p.mu.Lock()
	p.condition = c
	close(p.changed)
	p.changed = make(chan struct{})
	p.mu.Unlock()
	if c.Refusing {
		p.Cut()
	}
}

// Target sets the server of new connections. The proxy refuses new connections if the
// address is "".
func (p *Proxy) Target(addr string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = addr
	select {
	case <-p.refused: // by the server before
	default:
	}
}

// Refused returns a channel that holds one element if the proxy has refused a
// connection since the last Target, because it has no server or the server does not
// accept connections.
func (p *Proxy) Refused() <-chan struct{} { return p.refused }

// Forget carries nothing more for the connections that there are, for ever, and
// tells nobody: as a network does whose far end has gone. New ones are carried.
func (p *Proxy) Forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		l.forgotten.Store(true)
	}
}

// CutClients cuts the clients' ends of all connections that there are. The server
// learns of it as the condition says.
func (p *Proxy) CutClients() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		reset(l.ends[0])
	}
}

// Cut cuts all connections that there are, at both ends.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		l.cut()
	}
}

// AwaitEnd waits until there is no connection: until every client has left its own,
// and the server has noticed and closed its side. Its error is the cause of ctx.
func (p *Proxy) AwaitEnd(ctx context.Context) error {
	for {
		p.mu.Lock()
		n, ended := len(p.links), p.ended
		p.mu.Unlock()
		if n == 0 {
			return nil
		}
		select {
		case <-ended:
		case <-ctx.Done():
			return fmt.Errorf("%d connections have not ended: %w", n, context.Cause(ctx))
		}
	}
}

// Close cuts all connections and ends the proxy.
func (p *Proxy) Close() error {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	err := p.listener.Close()
	p.Cut()
	p.serving.Wait()
	return err
}

func (p *Proxy) current() (c Condition, changed <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.condition, p.changed
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			p.serving.Go(func() { p.serve(client) })
		}
	}
}

// serve connects a client with the server until their connections end.
func (p *Proxy) serve(client net.Conn) {
	server, err := p.dial()
	if err != nil {
		select {
		case p.refused <- struct{}{}:
		default:
		}
		_ = client.Close()
		return
	}
	l := &link{ends: [2]net.Conn{client, server}, gone: make(chan struct{})}
	defer func() { _, _ = client.Close(), server.Close() }()
	p.mu.Lock()
	refused := p.closed || p.condition.Refusing
	p.links[l] = true
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.links, l)
		close(p.ended)
		p.ended = make(chan struct{})
	}()
	if refused {
		l.cut()
	}
	var both sync.WaitGroup
	both.Go(func() { p.carry(l, client, server) })
	both.Go(func() { p.carry(l, server, client) })
	both.Wait()
}

// dial connects to the server.
func (p *Proxy) dial() (net.Conn, error) {
	p.mu.Lock()
	target := p.target
	p.mu.Unlock()
	if target == "" {
		return nil, errors.New("the proxy has no server")
	}
	return new(net.Dialer).DialContext(context.Background(), "tcp", target)
}

// link is a connection of a client, and the one to the server that belongs to it.
type link struct {
	ends [2]net.Conn
	once sync.Once
	gone chan struct{} // closed when it is cut

	forgotten atomic.Bool
}

func (l *link) cut() {
	l.once.Do(func() {
		close(l.gone)
		for _, end := range l.ends {
			reset(end)
		}
	})
}

// reset ends a connection without a farewell (RST).
func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}

// chunk is what was read at one time; that without bytes is the end.
type chunk struct {
	bytes []byte
	due   time.Time
}

// carry takes what comes from one side to the other until that ends.
func (p *Proxy) carry(l *link, from, to net.Conn) {
	chunks := make(chan chunk, 1000)
	var reading sync.WaitGroup
	defer reading.Wait()
	reading.Go(func() { p.read(l, from, chunks) })
	for {
		select {
		case c := <-chunks:
			if !p.await(l, c.due) {
				return
			}
			if len(c.bytes) == 0 {
				if tcp, ok := to.(*net.TCPConn); ok {
					_ = tcp.CloseWrite()
				}
				return
			}
			_, _ = to.Write(c.bytes) // who has left hears nothing
		case <-l.gone:
			return
		}
	}
}

// read reads chunks until there are no more.
func (p *Proxy) read(l *link, from io.Reader, chunks chan<- chunk) {
	for {
		buffer := make([]byte, 32<<10)
		n, err := from.Read(buffer)
		condition, _ := p.current()
		due := time.Now().Add(condition.Delay)
		var read []chunk
		if n > 0 {
			read = append(read, chunk{buffer[:n], due})
		}
		if err != nil {
			read = append(read, chunk{nil, due.Add(condition.Linger)})
		}
		for _, c := range read {
			select {
			case chunks <- c:
			case <-l.gone:
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// await waits until something is due and the network lets it through, and reports
// whether the connection is still there then.
func (p *Proxy) await(l *link, due time.Time) bool {
	timer := time.NewTimer(time.Until(due))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-l.gone:
		return false
	}
	for {
		condition, changed := p.current()
		if l.forgotten.Load() {
			changed = nil
		} else if !condition.Silent {
			return true
		}
		select {
		case <-changed:
		case <-l.gone:
			return false
		}
	}
}
