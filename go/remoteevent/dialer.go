package remoteevent

import (
	"context"
	"net"
	"time"

	"github.com/redis/go-redis/v9"
)

// dialer is the function with which go-redis connects.
type dialer = func(ctx context.Context, network, addr string) (net.Conn, error)

// quietDialer returns a dialer for the clients of receivers. The command that needed the
// connection returns the error, and the receiver logs it. go-redis
// itself would dial five times, and log each attempt to the logger of the
// whole process instead of WithLogger (see redis.SetLogger). A panic of a user's
// dialer becomes a connection error.
func quietDialer(dial dialer) dialer {
	return func(ctx context.Context, network, addr string) (conn net.Conn, err error) {
		err = callback("Dialer", func() error {
			conn, err = dial(ctx, network, addr)
			return err
		})
		if err != nil {
			return failedConn{err}, nil
		}
		return conn, nil
	}
}

// quiet changes the options of a receiver's own client: it makes the dialer quiet, and
// converts panics of the user's other callbacks to connection errors.
func quiet(options *redis.Options, hooks redisHooks) {
	if options.Dialer == nil {
		options.Dialer = redis.NewDialer(options)
	}
	options.Dialer = quietDialer(hooks.dialer(options.Dialer))
	if connected := options.OnConnect; connected != nil {
		options.OnConnect = func(ctx context.Context, conn *redis.Conn) error {
			return callback("OnConnect", func() error { return connected(ctx, conn) })
		}
	}
	containProviders(options)
}

// callback calls a callback of the user. It converts a panic to an error that does
// not quote the value, which may be a password.
func callback(name string, call func() error) (err error) {
	if panicked := contain(func() { err = call() }); panicked != nil {
		panicked.in = "the client's " + name
		return panicked
	}
	return err
}

// quietClients returns the constructor of the clients for a cluster's nodes. They have
// quiet options, and lines registers their connections.
func quietClients(newClient func(*redis.Options) *redis.Client, lines *lines, hooks redisHooks) func(*redis.Options) *redis.Client {
	if newClient == nil {
		newClient = redis.NewClient
	}
	return func(options *redis.Options) *redis.Client {
		quiet(options, hooks)
		lines.join(options)
		options.MaintNotificationsConfig = noNotifications() // a Ring has no such option
		client := newClient(options)
		hooks.addTo(client)
		return client
	}
}

// failedConn is a connection that could not be made. Its methods return the error of the
// dialer.
type failedConn struct{ err error }

func (c failedConn) Read([]byte) (int, error)       { return 0, c.err }
func (c failedConn) Write([]byte) (int, error)      { return 0, c.err }
func (failedConn) Close() error                     { return nil }
func (failedConn) LocalAddr() net.Addr              { return new(net.TCPAddr) }
func (failedConn) RemoteAddr() net.Addr             { return new(net.TCPAddr) }
func (failedConn) SetDeadline(time.Time) error      { return nil }
func (failedConn) SetReadDeadline(time.Time) error  { return nil }
func (failedConn) SetWriteDeadline(time.Time) error { return nil }
