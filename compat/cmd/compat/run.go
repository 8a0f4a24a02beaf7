package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/remote-events/remote-events/compat/internal/cache"
	"github.com/remote-events/remote-events/compat/internal/environment"
	"github.com/remote-events/remote-events/compat/internal/goadapter"
	"github.com/remote-events/remote-events/compat/internal/pairing"
	"github.com/remote-events/remote-events/compat/internal/redisserver"
	"github.com/remote-events/remote-events/compat/originals"
)

func runCommand() *cobra.Command {
	var format, server string
	c := &cobra.Command{
		Use:   "run",
		Short: "Play events from every implementation to every other",
		Long: `Play events from every implementation to every other: the Go library and each
version of the original, as sender and as receiver. What a sender pushed is taken
out of Redis and checked, byte for byte where the specification says bytes, and
then given to each receiver, followed by a canary.`,
		Example: `  compat run
  compat run --redis embedded -o json`,
		Args: cobra.NoArgs,
	}
	c.Flags().StringVar(&server, "redis", "local",
		"where to run: local (a redis-server of its own), embedded, or the URL of a Redis, on which only keys that begin with compat: are touched")
	formatFlag(c, &format)
	c.RunE = func(c *cobra.Command, _ []string) error {
		progress, done := progressLine(c)
		defer done()
		report, err := play(c.Context(), c, server, progress)
		if err != nil {
			return err
		}
		done()
		if format == "json" {
			encoder := json.NewEncoder(c.OutOrStdout())
			encoder.SetIndent("", "  ")
			encoder.SetEscapeHTML(false)
			err = encoder.Encode(report)
		} else {
			err = writeTable(c.OutOrStdout(), report)
		}
		if err == nil && report.Count(pairing.Failed) > 0 {
			err = errFindings
		}
		return err
	}
	return c
}

func play(ctx context.Context, c *cobra.Command, server string, progress func(string)) (*pairing.Report, error) {
	redis, prefix, err := provide(ctx, server)
	if err != nil {
		return nil, err
	}
	defer redis.Close()
	commands, err := participants(ctx, c)
	if err != nil {
		return nil, err
	}
	cases, err := pairing.Cases(prefix)
	if err != nil {
		return nil, err
	}
	runner := pairing.Runner{Server: redis, Commands: commands, Cases: cases, Progress: progress}
	return runner.Run(ctx)
}

// participants returns the commands of the adapters: Go's, which is this
// program, and those of the originals.
func participants(ctx context.Context, c *cobra.Command) ([][]string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	commands := [][]string{{self, "adapter"}}
	dir, err := cache.Default()
	if err != nil {
		return nil, err
	}
	envs, err := environments(c.ErrOrStderr())
	if err != nil {
		return nil, err
	}
	pythons, err := envs.EnsureAll(ctx, environment.Originals())
	if err != nil {
		return nil, err
	}
	for _, python := range pythons {
		command, err := originals.Command(dir, python)
		if err != nil {
			return nil, err
		}
		commands = append(commands, command)
	}
	return commands, nil
}

// provide returns the Redis that --redis names, and the prefix of the keys that
// the run may use there.
func provide(ctx context.Context, name string) (server *redisserver.Server, prefix string, err error) {
	switch {
	case name == "local":
		server, err = redisserver.Start(ctx, redisserver.Options{})
		return server, "", err
	case name == "embedded":
		server, err = redisserver.Embedded()
		return server, "", err
	case strings.Contains(name, "://"):
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		if server, err = redisserver.External(ctx, name, nil); err != nil {
			return nil, "", &codedError{exitConnection, err}
		}
		return server, fmt.Sprintf("compat:%x:", time.Now().UnixNano()), nil
	}
	return nil, "", &codedError{exitUsage, fmt.Errorf("--redis %s: say local, embedded or a URL such as redis://localhost:6379/0", name)}
}

// progressLine shows on a terminal what is being done, in one line that done
// clears; elsewhere it shows nothing.
func progressLine(c *cobra.Command) (progress func(string), done func()) {
	file, ok := c.ErrOrStderr().(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return func(string) {}, func() {}
	}
	const wipe = "\r\x1b[K"
	return func(doing string) { fmt.Fprintf(file, "%s%s …", wipe, doing) }, func() { fmt.Fprint(file, wipe) }
}

func adapterCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "adapter",
		Short:  "Be the adapter of the Go library",
		Long:   "Be the adapter of the Go library: serve the adapter protocol on stdin and stdout, with the Redis of REDIS_URL.",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			url := os.Getenv("REDIS_URL")
			if url == "" {
				return &codedError{exitUsage, errors.New("REDIS_URL is not set")}
			}
			return goadapter.Run(c.Context(), url, version(), c.InOrStdin(), c.OutOrStdout(), c.ErrOrStderr())
		},
	}
}
