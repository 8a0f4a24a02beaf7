// Package proxy provides a TCP proxy that delays, blocks and cuts connections, to
// simulate faults of a network.
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

// Condition describes the state of the network. The zero value forwards everything.
type Condition struct {
	// Delay is added to the transmission of each byte, in both directions.
	Delay time.Duration
	// Silent withholds bytes and the ends of connections until the next condition, without
	// an error, as TCP does while packets are lost.
	Silent bool
	// Refuse cuts all connections, existing and new.
	Refuse bool
	// Linger is the time after which one side learns that the other side has closed
	// the connection. Data that it sends until then is discarded.
	Linger time.Duration
}

// Proxy is a proxy on a TCP port of the loopback interface. Its methods may be called
// concurrently.
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
	attempts  int   // since the last Target
	losing    *loss // nil if no reply is to be lost
}

// Start starts a proxy for the server at the address target, or without a server if
// target is "". The caller must close it. ctx bounds the start only.
func Start(ctx context.Context, target string) (*Proxy, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start a proxy: %w", err)
	}
	p := &Proxy{listener: listener, target: target, refused: make(chan struct{}, 1), changed: make(chan struct{}), links: map[*link]bool{}, ended: make(chan struct{})}
	p.serving.Go(p.accept)
	return p, nil
}

// Addr returns the address as host:port.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Set changes the condition of the network for all connections.
func (p *Proxy) Set(c Condition) {
	p.mu.Lock()
	p.condition = c
	close(p.changed)
	p.changed = make(chan struct{})
	p.mu.Unlock()
	if c.Refuse {
		p.Cut()
	}
}

// Target sets the server of new connections. The proxy refuses new connections if the
// address is "".
func (p *Proxy) Target(addr string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target, p.attempts = addr, 0
	select {
	case <-p.refused: // by the previous server
	default:
	}
}

// Refused returns a channel that holds one element if the proxy has refused a
// connection since the last Target, because it has no server or the server does not
// accept connections.
func (p *Proxy) Refused() <-chan struct{} { return p.refused }

// Forget permanently stops forwarding on the existing connections without closing them, as
// if the remote host had disappeared. New connections are forwarded.
func (p *Proxy) Forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		l.forgotten.Store(true)
	}
}

// CutClients cuts the clients' ends of all existing connections. The condition determines
// when the server notices.
func (p *Proxy) CutClients() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		reset(l.ends[0])
	}
}

// Cut cuts all existing connections, at both ends.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		l.cut()
	}
}

// AwaitEnd waits until no connection is left: each client has closed its connection,
// and the server has noticed and closed its side. The error is the cause of ctx.
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

// Close cuts all connections and stops the proxy.
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

// serve forwards between a client and the server until both directions end.
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
	refused := p.closed || p.condition.Refuse
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
	both.Go(func() { p.carry(l, client, server, true) })
	both.Go(func() { p.carry(l, server, client, false) })
	both.Wait()
}

// dial connects to the server.
func (p *Proxy) dial() (net.Conn, error) {
	p.mu.Lock()
	target := p.target
	p.attempts++
	p.mu.Unlock()
	if target == "" {
		return nil, errors.New("the proxy has no server")
	}
	return new(net.Dialer).DialContext(context.Background(), "tcp", target)
}

// link is a client's connection and the corresponding connection to the server.
type link struct {
	ends [2]net.Conn
	once sync.Once
	gone chan struct{} // closed when it is cut

	forgotten atomic.Bool
	mute      atomic.Bool // the bytes of the server are discarded
}

func (l *link) cut() {
	l.once.Do(func() {
		close(l.gone)
		for _, end := range l.ends {
			reset(end)
		}
	})
}

// reset closes a connection with RST instead of FIN.
func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}

// chunk holds the bytes of one read. A chunk without bytes is the end of the stream.
type chunk struct {
	bytes []byte
	due   time.Time
}

// carry forwards one direction until it ends.
func (p *Proxy) carry(l *link, from, to net.Conn, requests bool) {
	chunks := make(chan chunk, 1000)
	var reading sync.WaitGroup
	defer reading.Wait()
	reading.Go(func() { p.read(l, from, chunks) })
	var before []byte // the end of the forwarded bytes
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
			if !requests && l.mute.Load() {
				continue
			}
			var forwarded chan struct{}
			if requests {
				forwarded = p.match(l, before, c.bytes)
				before = append([]byte(nil), c.bytes[max(0, len(c.bytes)-64):]...)
			}
			_, _ = to.Write(c.bytes) // an error means that this side has closed
			if forwarded != nil {
				close(forwarded)
			}
		case <-l.gone:
			return
		}
	}
}

// read reads chunks until the stream ends.
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

// await waits until a chunk is due and the network forwards it. It reports whether the
// connection still exists then.
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
