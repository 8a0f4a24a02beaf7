package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/remote-events/remote-events/compat/internal/engine"
	"github.com/remote-events/remote-events/compat/internal/redisserver"
	"github.com/remote-events/remote-events/compat/internal/report"
)

// provide returns the servers that --redis names, and what stops them.
func provide(ctx context.Context, names []string) (servers []engine.Server, stop func(), err error) {
	var running []*redisserver.Server
	stop = func() {
		for _, server := range running {
			_ = server.Close()
		}
	}
	for _, name := range names {
		server, provided, err := provideOne(ctx, name)
		if err != nil {
			stop()
			return nil, nil, err
		}
		running = append(running, server)
		provided.URL, provided.Name, provided.Version = server.URL(), server.Name(), server.Version()
		provided.ID = strings.TrimSuffix(provided.Name+"-"+provided.Version, "-")
		for _, other := range servers {
			if other.ID == provided.ID {
				provided.ID += "-" + provided.Provider
			}
		}
		servers = append(servers, provided)
	}
	return servers, stop, nil
}

// provideOne starts one server, or finds it.
func provideOne(ctx context.Context, name string) (*redisserver.Server, engine.Server, error) {
	var provided engine.Server
	switch {
	case name == "local":
		start := func(ctx context.Context) (*redisserver.Server, error) {
			return redisserver.Start(ctx, redisserver.Options{})
		}
		provided.Server = report.Server{Provider: "local"}
		provided.Another = start
		server, err := start(ctx)
		return server, provided, err
	case name == "embedded":
		provided.Server = report.Server{Provider: "embedded"}
		provided.Another = func(context.Context) (*redisserver.Server, error) { return redisserver.Embedded() }
		server, err := redisserver.Embedded()
		return server, provided, err
	case strings.Contains(name, "://"):
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		server, err := redisserver.External(ctx, name, nil)
		if err != nil {
			return nil, provided, &codedError{exitConnection, err}
		}
		provided.Server = report.Server{Provider: "url"}
		provided.Prefix = fmt.Sprintf("compat:%x:", time.Now().UnixNano())
		return server, provided, nil
	}
	return nil, provided, &codedError{exitUsage, fmt.Errorf("--redis %s: say local, embedded or a URL such as redis://localhost:6379/0", name)}
}
