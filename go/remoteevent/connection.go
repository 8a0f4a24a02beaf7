package remoteevent

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/remote-events/remote-events/go/internal/lease"
)

// replyTimeout is the maximum time of a complete reply, in addition to the time that
// a command blocks. It suffices for a message of 64 MiB over a slow connection, because
// the loss of the connection would lose the message.
const replyTimeout = time.Minute

// idleTime is the time after which an unused connection is closed. If one is dead, the
// other idle ones probably are too, and each would cost a timeout.
const idleTime = 5 * time.Second

// A receiver's connections do not grow with its queues.
const (
	// maxBlocked is the maximum number of queues that each block a connection while they
	// wait for messages. A doorbell watches a larger number of queues.
	maxBlocked = 4
	// maxExchanges is the maximum number of queues that exchange messages at the same
	// time.
	maxExchanges = 4
	// maxConnections includes the renewals and the doorbell.
	maxConnections = maxBlocked + maxExchanges
)

// noNotifications returns options without the handler of the server's maintenance
// notifications, which belongs to the client that they were copied from.
func noNotifications() *maintnotifications.Config {
	return &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
}

// checkClient returns an error for a client from which a receiver cannot make clients of
// its own.
func checkClient(client redis.UniversalClient) error {
	switch client.(type) {
	case *redis.Client, *redis.ClusterClient, *redis.Ring:
		return nil
	}
	return fmt.Errorf("a client of type %T is not supported, because a receiver opens its own connections with the client's options: "+
		"pass a *redis.Client, *redis.ClusterClient or *redis.Ring, such as the one that yours wraps", client)
}

// checkShards returns an error for a queue whose companion keys are on another shard
// of a Ring than the queue.
func checkShards(client redis.UniversalClient, queue string, config *queueConfig) error {
	if _, ring := client.(*redis.Ring); !ring || config.atMostOnce && !config.deadLetters {
		return nil
	}
	hashed := queue // the part of the name that a Ring hashes
	if _, rest, found := strings.Cut(queue, "{"); found {
		if tag, _, found := strings.Cut(rest, "}"); found && tag != "" {
			hashed = tag
		}
	}
	if lease.Tag(queue) == hashed {
		return nil
	}
	return fmt.Errorf("queue %q: a *redis.Ring has the companion keys on another shard than the queue: "+
		"rename the queue, or receive with WithAtMostOnce() and without dead letters", queue)
}

// dedicated returns a client with the options of another one and with its own
// connections, which lines registers. It does not repeat commands, and
// contexts limit them. It adds the hooks to the clients of the nodes, because hooks of a
// cluster do not see commands to a single node. checkClient must have accepted the client.
func dedicated(client redis.UniversalClient, lines *lines, hooks redisHooks) redis.UniversalClient {
	switch client := client.(type) {
	case *redis.ClusterClient:
		options := *client.Options()
		options.MaxRetries = -1 // redirections still work
		options.PoolSize, options.PipelinePoolSize = maxConnections, -1
		options.PoolTimeout = replyTimeout // contexts limit more
		options.MinIdleConns, options.MaxIdleConns, options.MaxActiveConns, options.ConnMaxIdleTime = 0, 0, 0, idleTime
		options.ContextTimeoutEnabled = true
		options.ReadTimeout = blockTime + replyTimeout // contexts limit more
		options.PushNotificationProcessor = nil
		options.MaintNotificationsConfig = noNotifications()
		options.NewClient = quietClients(options.NewClient, lines, hooks)
		return redis.NewClusterClient(&options)
	case *redis.Ring:
		options := *client.Options()
		options.MaxRetries = -1
		options.PoolSize, options.PipelinePoolSize = maxConnections, -1
		options.PoolTimeout = replyTimeout // contexts limit more
		options.MinIdleConns, options.MaxIdleConns, options.MaxActiveConns, options.ConnMaxIdleTime = 0, 0, 0, idleTime
		options.ContextTimeoutEnabled = true
		options.ReadTimeout = blockTime + replyTimeout // contexts limit more
		options.NewClient = quietClients(options.NewClient, lines, hooks)
		return redis.NewRing(&options)
	case *redis.Client:
		options := dedicatedOptions(client, hooks)
		lines.join(options)
		own := redis.NewClient(options)
		hooks.addTo(own)
		return own
	}
	panic("remoteevent: unchecked client")
}

// dedicatedOptions returns the options for a dedicated client.
func dedicatedOptions(client *redis.Client, hooks redisHooks) *redis.Options {
	options := *client.Options()
	options.MaxRetries = -1
	options.PoolSize, options.PipelinePoolSize = maxConnections, -1
	options.PoolTimeout = replyTimeout // contexts limit more
	options.MinIdleConns, options.MaxIdleConns, options.MaxActiveConns, options.ConnMaxIdleTime = 0, 0, 0, idleTime
	options.ContextTimeoutEnabled = true
	options.ReadTimeout = blockTime + replyTimeout // contexts limit more
	quiet(&options, hooks)
	options.PushNotificationProcessor = nil
	options.MaintNotificationsConfig = noNotifications()
	options.ClientSideCacheConfig, options.ClientSideCache = nil, nil
	return &options
}

// nodeOf returns a client of the node with the key.
func nodeOf(ctx context.Context, client redis.UniversalClient, key string) (*redis.Client, error) {
	switch client := client.(type) {
	case *redis.ClusterClient:
		return client.MasterForKey(ctx, key)
	case *redis.Ring:
		return client.GetShardClientForKey(key)
	case *redis.Client:
		return client, nil
	}
	panic("remoteevent: unchecked client")
}

const (
	// blockTime is the time for which a command waits for a message.
	blockTime = time.Second
	// shortBlockTime is blockTime for a wait that cannot be interrupted. It is also the
	// maximum time in which an idle receiver stops.
	shortBlockTime = 100 * time.Millisecond
)

// blocker is a connection that waits for messages of one queue. A command on another
// connection can end its wait.
type blocker struct {
	client redis.UniversalClient
	queue  string

	mu     sync.Mutex
	node   *redis.Client
	conn   *redis.Conn
	opened time.Time
	id     int64 // the id of the connection in Redis; 0 if unknown
}

// connection returns the connection. It opens one at the first call, and after an error.
func (b *blocker) connection(ctx context.Context) (*redis.Conn, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.conn != nil && !outlived(b.node, b.opened) {
		return b.conn, nil
	}
	b.closeLocked()
	node, err := nodeOf(ctx, b.client, b.queue)
	if err != nil {
		return nil, err
	}
	conn := node.Conn()
	id, err := conn.ClientID(ctx).Result()
	if err != nil && !lease.IsReply(err) {
		_ = conn.Close()
		return nil, err
	}
	if err == nil && node.ClientUnblock(ctx, id).Err() != nil {
		id = 0 // CLIENT ID is denied
	}
	b.node, b.conn, b.opened, b.id = node, conn, time.Now(), id
	return conn, nil
}

// limit limits a wait.
func (b *blocker) limit(wait time.Duration) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.id == 0 {
		wait = min(wait, shortBlockTime)
	}
	return max(wait, time.Millisecond) // 0 would wait forever
}

// done reports the error of a command. After an error, another connection is opened.
func (b *blocker) done(err error) {
	if err == nil || err == redis.Nil { //nolint:errorlint // go-redis returns it as it is
		return
	}
	b.close()
}

func (b *blocker) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closeLocked()
}

// closeLocked closes the connection. b.mu is held.
func (b *blocker) closeLocked() {
	if b.conn != nil {
		_ = b.conn.Close()
		b.conn, b.id = nil, 0
	}
}

// interrupt ends the wait of the connection, if there is one.
func (b *blocker) interrupt(ctx context.Context) {
	b.mu.Lock()
	node, id := b.node, b.id
	b.mu.Unlock()
	if id != 0 {
		_ = node.ClientUnblock(ctx, id).Err()
	}
}
