package remoteevent

import (
	"context"
	"net"
	"time"

	"github.com/redis/go-redis/v9"
)

// dialer is what go-redis calls to connect.
type dialer = func(ctx context.Context, network, addr string) (net.Conn, error)

// quietDialer returns a dialer for clients of receivers. Its failures reach the
// receiver, which logs them, by the command that needed the connection. go-redis
// itself would dial five times over, and log each round to the logger of the
// whole process, around WithLogger (see redis.SetLogger). A panic of a user's
// dialer is a failure to connect.
func quietDialer(dial dialer) dialer {
	return func(ctx context.Context, network, addr string) (conn net.Conn, err error) {
		if panicked := contain(func() { conn, err = dial(ctx, network, addr) }); panicked != nil {
			panicked.in = "the client's Dialer"
			err = panicked
		}
		if err != nil {
			return failedConn{err}, nil
		}
		return conn, nil
	}
}

// quietClients returns what makes the clients of a cluster's nodes, with quiet
// dialers.
func quietClients(newClient func(*redis.Options) *redis.Client) func(*redis.Options) *redis.Client {
	if newClient == nil {
		newClient = redis.NewClient
	}
	return func(options *redis.Options) *redis.Client {
		if options.Dialer == nil {
			options.Dialer = redis.NewDialer(options)
		}
		options.Dialer = quietDialer(options.Dialer)
		return newClient(options)
	}
}

// failedConn is a connection that could not be made: whoever uses it gets the
// error of the dialer.
type failedConn struct{ err error }

func (c failedConn) Read([]byte) (int, error)       { return 0, c.err }
func (c failedConn) Write([]byte) (int, error)      { return 0, c.err }
func (failedConn) Close() error                     { return nil }
func (failedConn) LocalAddr() net.Addr              { return new(net.TCPAddr) }
func (failedConn) RemoteAddr() net.Addr             { return new(net.TCPAddr) }
func (failedConn) SetDeadline(time.Time) error      { return nil }
func (failedConn) SetReadDeadline(time.Time) error  { return nil }
func (failedConn) SetWriteDeadline(time.Time) error { return nil }
