package remoteevent

import (
	"context"
	"net"
	"sync"
	"syscall"

	"github.com/redis/go-redis/v9"
)

// lines tracks the connections of a receiver's client, so that they can be closed while the
// client remains usable and opens new ones. go-redis itself interrupts a call only at the
// deadline or by closing the client.
type lines struct {
	mu   sync.Mutex
	open map[*line]bool
}

// join makes a new client register its connections. Its options must have a dialer.
func (l *lines) join(options *redis.Options) {
	dial := options.Dialer
	options.Dialer = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return l.add(conn), nil
	}
}

func (l *lines) add(conn net.Conn) net.Conn {
	one := &line{Conn: conn, lines: l}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open == nil {
		l.open = map[*line]bool{}
	}
	l.open[one] = true
	if raw, ok := conn.(syscall.Conn); ok { // go-redis checks whether it is alive
		return rawLine{one, raw}
	}
	return one
}

// sever closes all present connections.
func (l *lines) sever() {
	l.mu.Lock()
	open := l.open
	l.open = nil
	l.mu.Unlock()
	for one := range open {
		_ = one.Conn.Close()
	}
}

// line is a tracked connection.
type line struct {
	net.Conn

	lines *lines
}

// Close implements net.Conn.
func (l *line) Close() error {
	l.lines.mu.Lock()
	delete(l.lines.open, l)
	l.lines.mu.Unlock()
	return l.Conn.Close()
}

// rawLine is a line over a connection of the operating system.
type rawLine struct {
	*line
	syscall.Conn
}
