package remoteevent

import (
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// replyTimeout is how long Redis may take to answer in full, beyond the time that
// a command blocks: long enough for a message of 64 MiB over a slow line, since
// with the connection the message would be lost.
const replyTimeout = time.Minute

// idleTime is after what time a connection that nobody uses is closed. When one
// turns out to be dead, those beside it most likely are as well, and each would
// have to be waited for.
const idleTime = 5 * time.Second

// noNotifications leaves out of a client made from another's options what handles
// the server's notifications, which belongs to that one client.
func noNotifications() *maintnotifications.Config {
	return &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
}

// dedicated returns a client with the options of another and connections of its
// own: one for each queue, which blocks most of the time, and three more for what
// is done meanwhile. Its commands are not repeated automatically, and
// contexts bound them. release closes it. A client of a kind that this package
// does not know is used as it is.
func dedicated(client redis.UniversalClient, queues int) (_ redis.UniversalClient, release func()) {
	var own redis.UniversalClient
	switch client := client.(type) {
	case *redis.Client:
		options := *client.Options()
		options.MaxRetries = -1
		options.PoolSize = max(options.PoolSize, 4*queues)
		options.MaxActiveConns = 0
		options.MinIdleConns, options.ConnMaxIdleTime = 0, idleTime
		options.ContextTimeoutEnabled = true
		options.ReadTimeout = blockTime + replyTimeout // contexts say less
		options.Dialer = quietDialer(options.Dialer)
		options.PushNotificationProcessor = nil
		options.MaintNotificationsConfig = noNotifications()
		options.ClientSideCacheConfig, options.ClientSideCache = nil, nil
		own = redis.NewClient(&options)
	case *redis.ClusterClient:
		options := *client.Options()
		options.MaxRetries = -1 // redirections are none
		options.PoolSize = max(options.PoolSize, 4*queues)
		options.MaxActiveConns = 0
		options.MinIdleConns, options.ConnMaxIdleTime = 0, idleTime
		options.ContextTimeoutEnabled = true
		options.ReadTimeout = blockTime + replyTimeout // contexts say less
		options.PushNotificationProcessor = nil
		options.MaintNotificationsConfig = noNotifications()
		options.NewClient = quietClients(options.NewClient)
		own = redis.NewClusterClient(&options)
	default:
		return client, func() {}
	}
	return own, func() { _ = own.Close() }
}
