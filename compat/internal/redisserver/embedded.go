package redisserver

import "github.com/remote-events/remote-events/go/embeddedredis"

// Embedded starts a Redis server in this process.
func Embedded() (*Server, error) {
	server, err := embeddedredis.Listen("127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	return &Server{
		url:     "redis://" + server.Addr() + "/0",
		kind:    KindEmbedded,
		name:    "miniredis",
		version: moduleVersion("github.com/alicebob/miniredis/v2"),
		close:   server.Close,
	}, nil
}
