package remoteevent

import (
	"context"
	"crypto/rand"
	"net"
	"sync"
	"syscall"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/connectionname"
)

// lines tracks the connections of a receiver's client, so that they can be closed while the
// client remains usable and opens new ones. go-redis itself interrupts a call only at the
// deadline or by closing the client. It names the connections for operators.
type lines struct {
	name connectionname.Name

	mu   sync.Mutex
	open map[*line]bool

	subscription subscription // with the client's provider of credentials
}

// newLines returns the lines of a receiver of these queues.
func newLines(queues []string) *lines {
	const enough = 8 // letters, to distinguish the receivers of a Redis
	return &lines{name: connectionname.Name{Token: rand.Text()[:enough], Queues: queues}}
}

// join makes a new client register and name its connections. Its options must have a
// dialer.
func (l *lines) join(options *redis.Options) {
	name := l.name
	name.Client = options.ClientName
	options.OnConnect = naming(name.String(), options.Protocol, options.OnConnect)
	l.subscription.join(options)
	dial := options.Dialer
	options.Dialer = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return l.add(conn), nil
	}
}

// naming returns a function that names a connection after the given function, which may be
// nil. It uses HELLO, which no ACL denies from Redis 7.0 on. Where it is denied or unknown,
// the connection has no name, and otherwise works.
func naming(name string, protocol int, connected func(context.Context, *redis.Conn) error) func(context.Context, *redis.Conn) error {
	if protocol == 0 {
		protocol = 3
	}
	return func(ctx context.Context, conn *redis.Conn) error {
		if connected != nil {
			if err := connected(ctx, conn); err != nil {
				return err
			}
		}
		_ = conn.Do(ctx, "hello", protocol, "setname", name).Err() // the next command reports a broken connection
		return nil
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
