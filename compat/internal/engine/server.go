package engine

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/compat/internal/redisserver"
	"github.com/remote-events/remote-events/compat/internal/report"
)

// Server is a Redis on which cases run.
type Server struct {
	report.Server

	URL string
	// Prefix is the prefix of every key on a shared Redis. Without a prefix, the engine
	// uses all databases and deletes their contents.
	Prefix string
	// Listening starts another server of the kind with TLS, a unix socket or a user, for
	// cases about connections. It is nil if that is not possible.
	Listening func(ctx context.Context, options redisserver.Options) (*redisserver.Server, error)
	// Another starts another server of the kind, for cases that stop it or kill its
	// connections. It is nil if that is not possible.
	Another func(ctx context.Context) (*redisserver.Server, error)
}

// databases is the number of databases that the engine uses. Every configuration has as
// many.
const databases = 16

// lane is a place on a server for one task at a time.
type lane struct {
	url    string
	prefix string
	shared string // the prefix of all lanes of a shared Redis
	redis  *redis.Client
	server string
	runs   int // scenarios that have run here
}

// fresh returns the lane with new names of queues. A blocking command may outlive its
// process for a moment, and would take a message from a queue with an old name.
func (l *lane) fresh() *lane {
	l.runs++
	return &lane{url: l.url, prefix: fmt.Sprintf("%s%d:", l.prefix, l.runs), shared: l.shared, redis: l.redis, server: l.server}
}

// clear removes all keys of the lane.
func (l *lane) clear(ctx context.Context) error {
	if l.prefix == "" {
		return l.redis.FlushDB(ctx).Err()
	}
	keys := l.redis.Scan(ctx, 0, l.prefix+"*", 1000).Iterator()
	for keys.Next(ctx) {
		if err := l.redis.Del(ctx, keys.Val()).Err(); err != nil {
			return err
		}
	}
	return keys.Err()
}

// lanes are the lanes of a server.
type lanes struct {
	all  []*lane
	free chan *lane
}

// open returns up to n lanes: databases of a server that is not shared, or a single lane
// with a prefix.
func open(server Server, n int) (*lanes, error) {
	if server.Prefix != "" {
		n = 1
	}
	n = min(n, databases)
	l := &lanes{free: make(chan *lane, n)}
	for i := range n {
		address := server.URL
		if server.Prefix == "" {
			var err error
			if address, err = database(server.URL, i); err != nil {
				return nil, errors.Join(err, l.close())
			}
		}
		one, err := connect(address, server.Prefix, server.ID)
		if err != nil {
			return nil, errors.Join(err, l.close())
		}
		l.all = append(l.all, one)
		l.free <- one
	}
	return l, nil
}

func connect(address, prefix, server string) (*lane, error) {
	options, err := redis.ParseURL(address)
	if err != nil {
		return nil, errors.New("the server has no usable URL") // no detail: it may hold the password
	}
	return newLane(options, address, prefix, server), nil
}

func newLane(options *redis.Options, address, prefix, server string) *lane {
	options.MaxRetries = -1 // a repeated push would count twice
	options.PoolSize = 4
	options.ReadTimeout, options.WriteTimeout = redisTimeout, redisTimeout
	return &lane{url: address, prefix: prefix, shared: prefix, redis: redis.NewClient(options), server: server}
}

// database is the URL of one of a server's databases.
func database(address string, index int) (string, error) {
	parsed, err := url.Parse(address)
	if err != nil {
		return "", errors.New("the server has no usable URL")
	}
	if parsed.Scheme == "unix" {
		query := parsed.Query()
		query.Set("db", strconv.Itoa(index))
		parsed.RawQuery = query.Encode()
	} else {
		parsed.Path = fmt.Sprintf("/%d", index)
	}
	return parsed.String(), nil
}

func (l *lanes) take(ctx context.Context) (*lane, error) {
	select {
	case one := <-l.free:
		if err := one.clear(ctx); err != nil {
			l.free <- one
			return nil, err
		}
		return one, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// put returns a lane after clearing it.
func (l *lanes) put(ctx context.Context, one *lane) error {
	err := one.clear(context.WithoutCancel(ctx))
	l.free <- one
	return err
}

func (l *lanes) close() error {
	var err error
	for _, one := range l.all {
		err = errors.Join(err, one.redis.Close())
	}
	return err
}
