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

// Server is a Redis that cases are played on.
type Server struct {
	report.Server

	URL string
	// Prefix stands before the name of every key, where others use the Redis
	// too. Without one the Redis is the engine's, databases and all.
	Prefix string
	// Another starts one more of the kind, for cases that stop it or kill its
	// connections; nil where there is no way.
	Another func(ctx context.Context) (*redisserver.Server, error)
}

// databases is how many of a server's databases are used: what every
// configuration has.
const databases = 16

// lane is a place on a server where one thing is played at a time.
type lane struct {
	url    string
	prefix string
	redis  *redis.Client
	server string
	plays  int // scenarios that were played here
}

// fresh is the lane with names that no process has consumed before: the command
// with which one waited may outlive it by a moment, and takes a message with it.
func (l *lane) fresh() *lane {
	l.plays++
	return &lane{url: l.url, prefix: fmt.Sprintf("%s%d:", l.prefix, l.plays), redis: l.redis, server: l.server}
}

// clear removes what was played.
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

// lanes are a server's lanes, to be taken and given back.
type lanes struct {
	all  []*lane
	free chan *lane
}

// open makes up to n lanes: databases of a server of our own, or a single one
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
	options.MaxRetries = -1 // what is pushed twice would be counted twice
	options.PoolSize = 4
	options.ReadTimeout, options.WriteTimeout = redisTimeout, redisTimeout
	return &lane{url: address, prefix: prefix, redis: redis.NewClient(options), server: server}, nil
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

// give gives a lane back and leaves nothing in it.
func (l *lanes) give(ctx context.Context, one *lane) error {
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
