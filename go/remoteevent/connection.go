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

// replyTimeout is how long Redis may take to answer in full, beyond the time that
// a command blocks: long enough for a message of 64 MiB over a slow line, since
// with the connection the message would be lost.
const replyTimeout = time.Minute

// idleTime is after what time a connection that nobody uses is closed. When one
// turns out to be dead, those beside it most likely are as well, and each would
// have to be waited for.
const idleTime = 5 * time.Second

// A receiver's connections do not grow with its queues.
const (
	// maxBlocked is up to how many queues each block a connection while they wait
	// for messages. With more, a doorbell watches them.
	maxBlocked = 4
	// maxExchanges is how many queues exchange messages at a time; others wait
	// for their turn.
	maxExchanges = 4
	// maxConnections also has room for renewals and the doorbell.
	maxConnections = maxBlocked + maxExchanges
)

// noNotifications leaves out of a client made from another's options what handles
// the server's notifications, which belongs to that one client.
func noNotifications() *maintnotifications.Config {
	return &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
}

// checkClient returns an error for a client that no client of a receiver's own can
// be made of.
func checkClient(client redis.UniversalClient) error {
	switch client.(type) {
	case *redis.Client, *redis.ClusterClient, *redis.Ring:
		return nil
	}
	return fmt.Errorf("a client of type %T is not supported, since a receiver makes connections of its own from the client's options: "+
		"pass a *redis.Client, *redis.ClusterClient or *redis.Ring, if need be the one that yours wraps", client)
}

// checkShards returns an error for a queue whose companion keys are on another shard
// of a Ring than the queue.
func checkShards(client redis.UniversalClient, queue string, config *queueConfig) error {
	if _, ring := client.(*redis.Ring); !ring || config.atMostOnce && !config.deadLetters {
		return nil
	}
	hashed := queue // what a Ring hashes
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

// dedicated returns a client with the options of another and connections of its
// own, which are among the lines. Its commands are not repeated automatically, and
// contexts bound them. The hooks see its commands at each node, where those of a cluster
// would not see commands that go to one node. The client is one that checkClient accepts.
func dedicated(client redis.UniversalClient, lines *lines, hooks redisHooks) redis.UniversalClient {
	switch client := client.(type) {
	case *redis.ClusterClient:
		options := *client.Options()
		options.MaxRetries = -1 // redirections are none
		options.PoolSize, options.PipelinePoolSize = maxConnections, -1
		options.PoolTimeout = replyTimeout // contexts say less
		options.MinIdleConns, options.MaxIdleConns, options.MaxActiveConns, options.ConnMaxIdleTime = 0, 0, 0, idleTime
		options.ContextTimeoutEnabled = true
		options.ReadTimeout = blockTime + replyTimeout // contexts say less
		options.PushNotificationProcessor = nil
		options.MaintNotificationsConfig = noNotifications()
		options.NewClient = quietClients(options.NewClient, lines, hooks)
		return redis.NewClusterClient(&options)
	case *redis.Ring:
		options := *client.Options()
		options.MaxRetries = -1
		options.PoolSize, options.PipelinePoolSize = maxConnections, -1
		options.PoolTimeout = replyTimeout // contexts say less
		options.MinIdleConns, options.MaxIdleConns, options.MaxActiveConns, options.ConnMaxIdleTime = 0, 0, 0, idleTime
		options.ContextTimeoutEnabled = true
		options.ReadTimeout = blockTime + replyTimeout // contexts say less
		options.NewClient = quietClients(options.NewClient, lines, hooks)
		return redis.NewRing(&options)
	case *redis.Client:
		options := dedicatedOptions(client, hooks)
		lines.join(options)
		own := redis.NewClient(options)
		hooks.addTo(own)
		return own
	}
	panic("remoteevent: a client that was not checked")
}

// dedicatedOptions returns options for a client of one's own.
func dedicatedOptions(client *redis.Client, hooks redisHooks) *redis.Options {
	options := *client.Options()
	options.MaxRetries = -1
	options.PoolSize, options.PipelinePoolSize = maxConnections, -1
	options.PoolTimeout = replyTimeout // contexts say less
	options.MinIdleConns, options.MaxIdleConns, options.MaxActiveConns, options.ConnMaxIdleTime = 0, 0, 0, idleTime
	options.ContextTimeoutEnabled = true
	options.ReadTimeout = blockTime + replyTimeout // contexts say less
	quiet(&options, hooks)
	options.PushNotificationProcessor = nil
	options.MaintNotificationsConfig = noNotifications()
	options.ClientSideCacheConfig, options.ClientSideCache = nil, nil
	return &options
}

// nodeOf returns a client of the node that has the key.
func nodeOf(ctx context.Context, client redis.UniversalClient, key string) (*redis.Client, error) {
	switch client := client.(type) {
	case *redis.ClusterClient:
		return client.MasterForKey(ctx, key)
	case *redis.Ring:
		return client.GetShardClientForKey(key)
	case *redis.Client:
		return client, nil
	}
	panic("remoteevent: a client that was not checked")
}

const (
	// blockTime is how long Redis is asked to wait for a message.
	blockTime = time.Second
	// shortBlockTime is the same where Redis cannot be told to end a wait, and so
	// the longest that an idle receiver takes to stop.
	shortBlockTime = 100 * time.Millisecond
)

// blocker is a connection that waits for messages of one queue. Another connection
// can end its wait.
type blocker struct {
	client redis.UniversalClient
	queue  string

	mu   sync.Mutex
	node *redis.Client
	conn *redis.Conn
	id   int64 // by which Redis knows the connection; 0 where it does not tell
}

// connection returns the connection, which is made at the first call and after
// one that failed.
func (b *blocker) connection(ctx context.Context) (*redis.Conn, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.conn != nil {
		return b.conn, nil
	}
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
		id = 0 // not permitted
	}
	b.node, b.conn, b.id = node, conn, id
	return conn, nil
}

// limit bounds a wait.
func (b *blocker) limit(wait time.Duration) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.id == 0 {
		wait = min(wait, shortBlockTime)
	}
	return max(wait, time.Millisecond) // 0 is for ever
}

// done is to be told what a use of the connection came to. After an error another
// one is made.
func (b *blocker) done(err error) {
	if err == nil || err == redis.Nil { //nolint:errorlint // go-redis returns it as it is
		return
	}
	b.close()
}

func (b *blocker) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.conn != nil {
		_ = b.conn.Close()
		b.conn, b.id = nil, 0
	}
}

// interrupt ends the wait of the connection, if it waits.
func (b *blocker) interrupt(ctx context.Context) {
	b.mu.Lock()
	node, id := b.node, b.id
	b.mu.Unlock()
	if id != 0 {
		_ = node.ClientUnblock(ctx, id).Err()
	}
}
