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

// tracking lets Redis report changes (CLIENT TRACKING, Redis 6, RESP3): one
// connection reads keys, and another receives one notification for each key that changes.
// It uses no prefixes, because each would slow down every write of every client. A nil
// tracking is off.
type tracking struct {
	client  *redis.Client
	ring    func(key string)
	ringAll func()
	broken  chan<- struct{} // signals that notifications have stopped

	reading *redis.Conn   // nil while tracking is off
	told    *redis.Client // its only connection receives the notifications
	lost    *atomic.Bool  // that connection is lost
	opened  time.Time     // when the connections were opened
	retry   time.Time     // the time of the next attempt
}

const (
	// trackingRetry is the time after a failure until tracking is tried again.
	trackingRetry = time.Minute
	// pingInterval is the time without a notification after which the connection is tested.
	pingInterval = 10 * time.Second
)

func (t *tracking) on() bool { return t != nil && t.reading != nil }

// connection returns the connection with which to read keys, or nil, and whether it is
// new. Redis reports changes only of keys that this connection read.
func (t *tracking) connection(ctx context.Context) (conn *redis.Conn, fresh bool) {
	if t == nil {
		return nil, false
	}
	if t.on() && !t.lost.Load() && !outlived(t.client, t.opened) {
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

// open opens both connections.
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
		if id != 0 { // Redis does not notify a new connection
			return errors.New("the connection for notifications is lost")
		}
		id, err = conn.ClientID(ctx).Result()
		return err
	}
	t.told = redis.NewClient(options)
	if err := t.told.RegisterPushNotificationHandler("invalidate", t, false); err != nil {
		return err
	}
	pubsub := t.told.Subscribe(ctx) // to no channel: it makes go-redis read notifications
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
	t.reading, t.opened = conn, time.Now()
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
	if !ok { // the database was flushed: all keys changed
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

// close closes the connections.
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
