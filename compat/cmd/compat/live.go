package main

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/remote-events/remote-events/compat/internal/engine"
	"github.com/remote-events/remote-events/compat/internal/live"
)

// liveFlags has the flags of `compat live`, which include flags of `compat run`.
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
		Short: "Run the cases with a running Python application",
		Long: `Run the cases with a running Python application: with its applauncher,
remote_event_bundle, Redis client and configuration. The application needs the
probe, one file, in its list of bundles; see compat/probe/README.md. The cases
run with the application alone, and with the Go library in both directions.

The harness uses the application's Redis. All keys begin with compat:, and the
harness removes them. It does not touch the queues and consumers of the
application, and sends no event to which the application listens. Cases that end
a consumer of an original run with --destructive only, and end consumers of the
probe.

The outcomes, the report and the exit codes have the meaning of compat run. The
exit code is also 1 if there is no probe, or the application stops during the
run.`,
		Example: `  compat live --redis redis://localhost:6379/0
  compat live --redis redis://localhost:6379/0 --destructive --report report.json
  compat live --redis redis://localhost:6379/0 --probe web-1 --case 'payload/*'`,
		Args: cobra.NoArgs,
	}
	flags := c.Flags()
	flags.StringVar(&f.url, "redis", "", "the `URL` of the application's Redis, with its database")
	flags.StringVar(&f.probe, "probe", "", "the `ID` of the application's probe, or its beginning, if there are several probes")
	flags.BoolVar(&f.destructive, "destructive", false, "also run the cases that end a consumer of an original, and large ones")
	f.caseFlags(c)
	c.RunE = func(c *cobra.Command, _ []string) error { return f.run(c) }
	return c
}

func (f liveFlags) run(c *cobra.Command) (err error) {
	if !strings.Contains(f.url, "://") {
		return &codedError{exitUsage, errors.New("--redis: set it to the URL of the application's Redis, such as redis://localhost:6379/0")}
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
	result, err := f.execute(ctx, c, engine.Config{
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

// again returns the command that runs a case of this run again, without the flag that
// selects the case. The probe has another name after a restart of the application.
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
