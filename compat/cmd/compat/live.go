package main

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/remote-events/remote-events/compat/internal/engine"
	"github.com/remote-events/remote-events/compat/internal/live"
)

// liveFlags are what `compat live` is asked to do, besides what `compat run` is.
type liveFlags struct {
	runFlags

	url         string
	probe       string
	destructive bool
}

func liveCommand() *cobra.Command {
	var f liveFlags
	c := &cobra.Command{
		Use:   "live --redis URL",
		Short: "Play the cases with a Python application that runs already",
		Long: `Play the cases with a Python application that runs already: with its own
applauncher, remote_event_bundle, Redis client and configuration. The
application needs the probe, one file, in its bundle list: compat/probe/README.md
tells how. It is played as it is, and against the Go library in both directions.

Everything passes through the application's Redis, on keys that begin with
compat:, and none of them is left. The application's own queues and consumers
are not touched, and what it listens to itself is not sent. Cases that end a
consumer of an original are played only with --destructive, and then end
consumers of the probe.

The outcomes, the report and the exit codes are those of compat run. Without a
probe, or where the application stops meanwhile, it is code 1.`,
		Example: `  compat live --redis redis://localhost:6379/0
  compat live --redis redis://localhost:6379/0 --destructive --report report.json
  compat live --redis redis://localhost:6379/0 --probe web-1 --case 'payload/*'`,
		Args: cobra.NoArgs,
	}
	flags := c.Flags()
	flags.StringVar(&f.url, "redis", "", "the `URL` of the application's Redis, with its database")
	flags.StringVar(&f.probe, "probe", "", "the `ID` of the application's probe, or its beginning, where several have one")
	flags.BoolVar(&f.destructive, "destructive", false, "play the cases, too, that end a consumer of an original, and those that are big")
	f.playing(c)
	c.RunE = func(c *cobra.Command, _ []string) error { return f.run(c) }
	return c
}

func (f liveFlags) run(c *cobra.Command) (err error) {
	if !strings.Contains(f.url, "://") {
		return &codedError{exitUsage, errors.New("--redis: say the URL of the application's Redis, such as redis://localhost:6379/0")}
	}
	cases, known, err := f.load()
	if err != nil {
		return err
	}
	servers, stop, err := provide(c, []string{f.url})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	probe, err := live.Find(c.Context(), f.url, f.probe)
	if err != nil {
		return err
	}
	cases, skipped := live.Select(cases, probe.Listens, f.destructive)
	if len(cases) == 0 {
		return errors.Join(noCases(skipped), probe.Close())
	}
	ctx, release, err := probe.Hold(c.Context())
	if err != nil {
		return errors.Join(err, probe.Close())
	}
	defer func() { err = errors.Join(err, release()) }()
	library, err := library()
	if err != nil {
		return err
	}
	result, err := f.play(ctx, c, engine.Config{
		Cases: cases, Servers: servers,
		Implementations: []engine.Implementation{library, probe.Implementation()},
	}, known)
	if result == nil {
		return err
	}
	result.Skipped = append(skipped, result.Skipped...)
	result.Again = f.again()
	return f.finish(c, result, err)
}

// again is the command that plays a case of this run again, before the flag that
// says which. The probe has another name when the application is started anew.
func (f liveFlags) again() string {
	words := []string{"go tool compat live --redis", quoted(f.url)}
	if f.probe != "" {
		words = append(words, "--probe", quoted(f.probe))
	}
	if f.destructive {
		words = append(words, "--destructive")
	}
	return strings.Join(words, " ")
}
