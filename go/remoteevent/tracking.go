package remoteevent

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	notification "github.com/redis/go-redis/v9/push"
)

// tracking has Redis tell of changes (CLIENT TRACKING, Redis 6, RESP3): one
// connection reads keys, and another is told when one of those changes, once. It
// uses no prefixes, since each would cost every write of every client. A nil
// tracking is off.
type tracking struct {
	client  *redis.Client
	ring    func(key string)
	ringAll func()
	broken  chan<- struct{} // is told that no changes are told any more

	reading *redis.Conn   // nil while tracking is off
	told    *redis.Client // whose only connection is told
	lost    *atomic.Bool  // that connection is gone
	retry   time.Time     // when to try again
}

const (
	// trackingRetry is after what time tracking is tried again that failed.
	trackingRetry = time.Minute
	// pingInterval is after what time a connection that is told of nothing is tested.
	pingInterval = 10 * time.Second
)

func (t *tracking) on() bool { return t != nil && t.reading != nil }

// connection returns the connection by which to read keys so that Redis tells of
// their changes, or nil, and whether it is a new one. Keys that others read are not
// tracked any more.
func (t *tracking) connection(ctx context.Context) (conn *redis.Conn, fresh bool) {
	if t == nil {
		return nil, false
	}
	if t.on() && !t.lost.Load() {
		return t.reading, false
	}
	t.close()
	if time.Now().Before(t.retry) {
		return nil, false
	}
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	if err := t.open(ctx); err != nil {
		t.close()
		t.retry = time.Now().Add(trackingRetry)
		return nil, false
	}
	return t.reading, true
}

// open makes both connections.
func (t *tracking) open(ctx context.Context) error {
	options := dedicatedOptions(t.client, nil) // its dialer has the hooks
	options.PoolSize = 1
	var id int64
	onConnect := options.OnConnect
	options.OnConnect = func(ctx context.Context, conn *redis.Conn) (err error) {
		if onConnect != nil {
			if err := onConnect(ctx, conn); err != nil {
				return err
			}
		}
		if id != 0 { // its successor would be told of nothing
			return errors.New("the connection that was told of changes is lost")
		}
		id, err = conn.ClientID(ctx).Result()
		return err
	}
	t.told = redis.NewClient(options)
	if err := t.told.RegisterPushNotificationHandler("invalidate", t, false); err != nil {
		return err
	}
	pubsub := t.told.Subscribe(ctx) // to no channel: go-redis reads what it is told
	if err := pubsub.Ping(ctx); err != nil {
		_ = pubsub.Close()
		return err
	}
	lost := new(atomic.Bool)
	t.lost = lost
	go func() {
		listen(pubsub)
		_ = pubsub.Close()
		lost.Store(true)
		wake(t.broken)
	}()
	conn := t.client.EphemeralConn()
	if err := conn.Process(ctx, redis.NewStatusCmd(ctx, "client", "tracking", "on", "redirect", id)); err != nil {
		_ = conn.Close()
		return err
	}
	t.reading = conn
	return nil
}

// listen reads until the connection is lost.
func listen(pubsub *redis.PubSub) {
	ctx := context.Background()
	for pinged := true; ; {
		_, err := pubsub.ReceiveTimeout(ctx, pingInterval)
		var failed net.Error
		switch {
		case err == nil:
			pinged = false
		case !errors.As(err, &failed) || !failed.Timeout() || pinged:
			return
		default:
			if pubsub.Ping(ctx) != nil {
				return
			}
			pinged = true
		}
	}
}

// HandlePushNotification implements push.NotificationHandler.
func (t *tracking) HandlePushNotification(_ context.Context, _ notification.NotificationHandlerContext, told []any) error {
	if len(told) < 2 {
		return nil
	}
	keys, ok := told[1].([]any)
	if !ok { // all keys: the database was flushed
		t.ringAll()
		return nil
	}
	for _, key := range keys {
		if name, ok := key.(string); ok {
			t.ring(name)
		}
	}
	return nil
}

// close closes the connections, if there are any.
func (t *tracking) close() {
	if t == nil {
		return
	}
	if t.reading != nil {
		_ = t.reading.Close()
		t.reading = nil
	}
	if t.told != nil {
		_ = t.told.Close()
		t.told = nil
	}
}
