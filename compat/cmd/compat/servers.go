package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/remote-events/remote-events/compat/internal/engine"
	"github.com/remote-events/remote-events/compat/internal/redisserver"
)

func serversCommand() *cobra.Command {
	var values []string
	c := &cobra.Command{
		Use:   "servers",
		Short: "Start the servers of --redis and print their versions",
		Long: `Start each server of --redis, one after the other, print its version and stop
it. Missing servers and images are downloaded or made, so that later runs start
without delay.`,
		Example: `  compat servers --redis local:all
  compat servers --redis container:redis:7.4 --redis redis://localhost:6379/0`,
		Args: cobra.NoArgs,
	}
	redisFlag(c, &values)
	c.RunE = func(c *cobra.Command, _ []string) error {
		providers, err := parseRedis(c, values)
		if err != nil {
			return err
		}
		for _, provider := range providers {
			if err := startAndPrint(c.Context(), c.OutOrStdout(), provider); err != nil {
				return err
			}
		}
		return nil
	}
	return c
}

func startAndPrint(ctx context.Context, out io.Writer, provider redisserver.Provider) (err error) {
	server, err := startRedis(ctx, provider)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	_, err = fmt.Fprintf(out, "%-18s  %s\n", server, provider)
	return err
}

// redisFlag adds --redis to a command.
func redisFlag(c *cobra.Command, values *[]string) {
	c.Flags().StringArrayVar(values, "redis", []string{"local"},
		"the `SERVER`: "+redisserver.Usage+"; on a URL only keys that begin with compat: are used; may be repeated")
}

func parseRedis(c *cobra.Command, values []string) ([]redisserver.Provider, error) {
	providers, err := redisserver.Parse(c.Context(), redisserver.Finder{Progress: c.ErrOrStderr()}, values...)
	if errors.Is(err, redisserver.ErrUsage) {
		err = &codedError{exitUsage, fmt.Errorf("--redis: %w", err)}
	}
	return providers, err
}

func startRedis(ctx context.Context, provider redisserver.Provider) (*redisserver.Server, error) {
	server, err := provider.Start(ctx)
	if err == nil {
		return server, nil
	}
	err = fmt.Errorf("--redis %s: %w", provider, err)
	if errors.Is(err, redisserver.ErrUnreachable) {
		err = &codedError{exitConnection, err}
	}
	return nil, err
}

// provide returns the servers that --redis names, and a function that stops them.
func provide(c *cobra.Command, values []string) (servers []engine.Server, stop func() error, err error) {
	providers, err := parseRedis(c, values)
	if err != nil {
		return nil, nil, err
	}
	var running []*redisserver.Server
	stop = func() error {
		var problems []error
		for _, server := range running {
			problems = append(problems, server.Close())
		}
		return errors.Join(problems...)
	}
	ids := map[string]int{}
	for _, provider := range providers {
		server, err := startRedis(c.Context(), provider)
		if err != nil {
			return nil, nil, errors.Join(err, stop())
		}
		running = append(running, server)
		provided := engine.Server{Server: server.Report(), URL: server.URL()}
		ids[provided.ID]++
		if n := ids[provided.ID]; n > 1 { // the same image by another name, say
			provided.ID = fmt.Sprintf("%s-%d", provided.ID, n)
		}
		if server.Shared() {
			provided.Prefix = fmt.Sprintf("compat:%x:", time.Now().UnixNano())
		} else {
			provided.Another = provider.Start
		}
		if provider.Kind() == redisserver.KindLocal {
			provided.Listening = provider.StartWith
		}
		servers = append(servers, provided)
	}
	return servers, stop, nil
}
