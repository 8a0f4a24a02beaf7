// Command compat tests implementations of the wire specification against each other and
// against the original Python packages.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/spf13/cobra"

	"github.com/remote-events/remote-events/compat/internal/cache"
	"github.com/remote-events/remote-events/compat/internal/environment"
	"github.com/remote-events/remote-events/compat/internal/faults"
	"github.com/remote-events/remote-events/compat/internal/process"
)

// The exit codes have the meaning of remote-event's.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitConnection  = 3
	exitFindings    = 5
	exitInterrupted = 130
)

func main() {
	if faults.IsConsumer() {
		os.Exit(faults.Consume())
	}
	redis.SetLogger(&logging.VoidLogger{}) // the results contain the errors
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	process.KillRest()
	os.Exit(code)
}

// run runs the command and returns its exit code.
func run(ctx context.Context, args []string, in io.Reader, out, diagnostics io.Writer) int {
	root := &cobra.Command{
		Use:   "compat",
		Short: "Test implementations of the remote-event wire specification",
		Long: `Test implementations of the remote-event wire specification against each other
and against the originals.

The originals are the published Python packages. Each version runs in its own
environment, which is made on first use in the user's cache directory, or in the
directory REMOTE_EVENT_CACHE.

Exit codes: 0 success, 1 failure, 2 usage error, 3 no connection, 5 unexpected
results, 130 interrupted.`,
		RunE:          missingCommand,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetUsageTemplate(strings.ReplaceAll(root.UsageTemplate(), "Flags.FlagUsages ", "Flags.FlagUsagesWrapped 80 "))
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(diagnostics)
	root.SuggestionsMinimumDistance = 2
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &codedError{exitUsage, err} })
	root.AddCommand(fuzzCommand(), mutantsCommand(), faultsCommand(), benchCommand())
	root.AddCommand(runCommand(), liveCommand(), listCommand(), showCommand(), setupCommand(), pythonCommand(), adapterCommand())
	root.AddCommand(serversCommand(), specCommand(), recordCommand())
	root.AddCommand(reportCommand(), diffCommand(), versionCommand())
	root.InitDefaultCompletionCmd()

	running := false
	for _, c := range root.Commands() {
		if c.Name() == "completion" {
			c.Args, c.RunE = cobra.NoArgs, missingCommand
		}
		inner := c.RunE
		c.RunE = func(c *cobra.Command, args []string) error {
			running = true
			return inner(c, args)
		}
	}
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	var coded *codedError
	switch {
	case errors.Is(err, errFindings):
		return exitFindings
	case errors.Is(err, errNoCommand):
		return exitUsage
	case ctx.Err() != nil:
		fmt.Fprintln(diagnostics, "compat: interrupted")
		return exitInterrupted
	}
	fmt.Fprintln(diagnostics, "compat:", err)
	switch {
	case errors.As(err, &coded):
		return coded.code
	case !running: // an unknown command, or arguments that it does not take
		return exitUsage
	}
	return exitFailed
}

// errFindings ends a run with unexpected results, after its report.
var errFindings = errors.New("unexpected results")

// errNoCommand ends a command that lacks its subcommand, after its help.
var errNoCommand = errors.New("no command")

// missingCommand prints the help of a command to standard error, and returns errNoCommand.
func missingCommand(c *cobra.Command, _ []string) error {
	c.SetOut(c.ErrOrStderr())
	if err := c.Help(); err != nil {
		return err
	}
	return errNoCommand
}

// codedError is an error with an exit code.
type codedError struct {
	code int
	err  error
}

func (e *codedError) Error() string { return e.err.Error() }
func (e *codedError) Unwrap() error { return e.err }

// environments returns the cache of the originals. It reports builds on diagnostics.
func environments(diagnostics io.Writer) (*environment.Cache, error) {
	dir, err := cache.Default()
	if err != nil {
		return nil, err
	}
	return environment.New(dir, "", diagnostics), nil
}

// formatFlag adds -o to a command.
func formatFlag(c *cobra.Command, format *string) {
	c.Flags().StringVarP(format, "output", "o", "text", "`FORMAT` of the output: text or json")
	c.PreRunE = func(*cobra.Command, []string) error {
		if *format != "text" && *format != "json" {
			return &codedError{exitUsage, fmt.Errorf("-o %s: the formats are text and json", *format)}
		}
		return nil
	}
}
