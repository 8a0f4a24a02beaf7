package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"mvdan.cc/sh/v3/syntax"

	"github.com/remote-events/remote-events/compat/deviations"
	"github.com/remote-events/remote-events/compat/internal/deviation"
	"github.com/remote-events/remote-events/compat/internal/engine"
	"github.com/remote-events/remote-events/compat/internal/goadapter"
	"github.com/remote-events/remote-events/compat/internal/report"
	"github.com/remote-events/remote-events/compat/internal/suite"
	"github.com/remote-events/remote-events/spec"
)

// runFlags has the flags of `compat run`.
type runFlags struct {
	implementations []string
	cases           []string
	skip            []string
	families        []string
	originals       []string
	matrix          string
	noOriginals     bool
	quick           bool
	redis           []string
	bless           string
	deviations      []string
	report          string
	traces          bool
	format          string
	timeout         time.Duration
	parallel        int
}

func runCommand() *cobra.Command {
	var f runFlags
	c := &cobra.Command{
		Use:   "run",
		Short: "Run the cases with implementations, and report the results",
		Long: `Run the cases with implementations, and report the results. The implementations
are the Go library, the originals and every --impl. A sender sends events, and
the harness reads the pushed messages from Redis and checks them. A receiver
gets messages, each followed by a canary. Every sender runs with every receiver.

The harness compares an implementation with the specification, and an original
with its measured behaviour. Each implementation has a file of known deviations.
A case that ends with a missed deadline or a crash runs a second time, alone and
with up to four times the deadline. All deadlines are longer while the machine is
busy. A case that still has no result then is an error, or inconclusive.

The exit code is 5 if a result is failed, error or inconclusive, a known
deviation no longer occurs, an adapter does not start or stop as the protocol
requires, or an --impl passes no case.`,
		Example: `  compat run --quick
  compat run --impl 'mine=python3 adapter.py' --no-originals
  compat run --case poison/byte-order-mark
  compat run --quick --skip limits --skip @slow-cases.txt
  compat run --report report.json`,
		Args: cobra.NoArgs,
	}
	flags := c.Flags()
	flags.StringArrayVar(&f.implementations, "impl", nil, "the `COMMAND` of an adapter, split as by a shell, or NAME=COMMAND; may be repeated")
	flags.StringSliceVar(&f.originals, "original", nil, "the `VERSIONS` of remote_event_bundle, or their ids in reports (default all)")
	matrixFlag(c, &f.matrix)
	flags.BoolVar(&f.noOriginals, "no-originals", false, "run no original; no Python is needed")
	flags.BoolVar(&f.quick, "quick", false, "skip slow cases, and use the originals of --matrix quick unless --matrix is set")
	redisFlag(c, &f.redis)
	flags.IntVar(&f.parallel, "parallel", 0, "run `N` tasks in parallel (default two for each CPU)")
	f.caseFlags(c)
	c.RunE = func(c *cobra.Command, _ []string) error { return f.run(c) }
	return c
}

// caseFlags adds the flags that select the cases and the output.
func (f *runFlags) caseFlags(c *cobra.Command) {
	flags := c.Flags()
	flags.StringArrayVar(&f.cases, "case", nil, "run the cases that match the `GLOB` (wire/*, or wire for the family), or a glob in a line of @FILE; may be repeated")
	flags.StringArrayVar(&f.skip, "skip", nil, "skip the cases that match the `GLOB`, or a glob in a line of @FILE; may be repeated")
	flags.StringSliceVar(&f.families, "family", nil, "run the cases of these `FAMILIES`")
	flags.StringVar(&f.bless, "bless", "", "write the failures to the directory `DIR`, as drafts of known deviations")
	flags.StringArrayVar(&f.deviations, "deviations", nil, "read further known deviations from a `FILE`; may be repeated")
	flags.StringVar(&f.report, "report", "", "write the report to a `FILE`; compat report converts it")
	flags.BoolVar(&f.traces, "traces", false, "write the whole trace of passed cases to the report, too")
	flags.DurationVar(&f.timeout, "timeout", 5*time.Second, "maximum `DURATION` of an answer, and of the report of one message")
	formatFlag(c, &f.format)
}

func (f runFlags) run(c *cobra.Command) (err error) {
	ctx := c.Context()
	cases, known, err := f.load()
	if err != nil {
		return err
	}
	implementations, err := f.participants(ctx, c)
	if err != nil {
		return err
	}
	servers, stop, err := provide(c, f.redis)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	result, err := f.execute(ctx, c, engine.Config{Cases: cases, Implementations: implementations, Servers: servers}, known)
	if result == nil {
		return err
	}
	result.Again = f.again()
	return f.finish(c, result, err)
}

// load returns the selected cases and the known deviations.
func (f runFlags) load() ([]suite.Case, []deviation.File, error) {
	cases, err := suite.Load()
	if err != nil {
		return nil, nil, err
	}
	patterns, err := globs(f.cases)
	if err != nil {
		return nil, nil, err
	}
	skip, err := globs(f.skip)
	if err != nil {
		return nil, nil, err
	}
	cases, err = suite.Select(cases, suite.Selection{Patterns: patterns, Skip: skip, Families: f.families, Quick: f.quick})
	if err != nil {
		return nil, nil, &codedError{exitUsage, err}
	}
	if len(cases) == 0 {
		return nil, nil, &codedError{exitUsage, errors.New("no case is left: --case, --family, --quick and --skip select none")}
	}
	known, err := knownDeviations(f.deviations)
	return cases, known, err
}

// globs returns the patterns, and for each @FILE the patterns in the lines of the file. A
// line may be empty or a comment, which begins with #.
func globs(given []string) ([]string, error) {
	var all []string
	for _, one := range given {
		name, isFile := strings.CutPrefix(one, "@")
		if !isFile {
			all = append(all, one)
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, &codedError{exitUsage, err}
		}
		for line := range strings.Lines(string(text)) {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
				all = append(all, line)
			}
		}
	}
	return all, nil
}

// execute makes a run and marks the known deviations in its report. It may return both a
// report and an error.
func (f runFlags) execute(ctx context.Context, c *cobra.Command, config engine.Config, known []deviation.File) (*report.Report, error) {
	progress := newProgress(c.ErrOrStderr())
	defer progress.clear()
	config.Timeout, config.Traces, config.Parallel, config.Progress = f.timeout, f.traces, f.parallel, progress.show
	result, err := engine.Run(ctx, config)
	if result != nil {
		manifest, unread := spec.ReadManifest()
		result.SuiteVersion, result.Specification = manifest.SuiteVersion, manifest.Specification
		err = errors.Join(err, unread)
		result.Tool = report.Software{Name: "compat", Version: version()}
		deviation.Apply(result, known)
	}
	return result, err
}

// again returns the command that runs a case of this run again, without the flags that
// select case and implementations.
func (f runFlags) again() string {
	words := []string{"compat run"}
	if _, err := rootOf(""); err == nil {
		words[0] = "go tool compat run"
	}
	if f.noOriginals {
		words = append(words, "--no-originals")
	}
	for _, name := range f.redis {
		if name != "local" {
			words = append(words, "--redis", quoted(name))
		}
	}
	return strings.Join(words, " ")
}

// quoted returns a word for a shell, without the password of a Redis.
func quoted(word string) string {
	if parsed, err := url.Parse(word); err == nil && parsed.User != nil {
		word = parsed.Redacted()
	}
	text, err := syntax.Quote(word, syntax.LangPOSIX)
	if err != nil { // no shell can express it
		return word
	}
	return text
}

// noCases returns the error of a run without a case.
func noCases(skipped []report.Skipped) error {
	if len(skipped) == 0 {
		return &codedError{exitUsage, errors.New("no participant claims a class that the cases test")}
	}
	var text strings.Builder
	for _, s := range skipped {
		fmt.Fprintf(&text, "\n  %d: %s", len(s.Cases), s.Why)
	}
	return &codedError{exitUsage, fmt.Errorf("all cases are skipped:%s", text.String())}
}

// finish writes the report of a run. Then it returns trouble, an error of the harness.
func (f runFlags) finish(c *cobra.Command, result *report.Report, trouble error) error {
	if len(result.Results) == 0 && len(result.Complaints()) == 0 {
		return noCases(result.Skipped)
	}
	if f.report != "" {
		if err := writeFile(f.report, result); err != nil {
			return err
		}
	}
	if f.format == "json" {
		if err := result.Write(c.OutOrStdout()); err != nil {
			return err
		}
	} else if err := writeSummary(c.OutOrStdout(), result, f.report); err != nil {
		return err
	}
	if f.bless != "" {
		for _, draft := range deviation.Drafts(result) {
			path, err := draft.Write(f.bless)
			if err != nil {
				return err
			}
			fmt.Fprintf(c.ErrOrStderr(), "compat: wrote %s; say why in it, and put its entries into the file of known deviations\n", path)
		}
	}
	if result.Unexpected() > 0 {
		if trouble != nil {
			fmt.Fprintln(c.ErrOrStderr(), "compat:", trouble)
		}
		return errFindings
	}
	return trouble
}

func writeFile(path string, result *report.Report) (err error) {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return result.Write(file)
}

func knownDeviations(paths []string) ([]deviation.File, error) {
	known, err := deviation.ReadAll(deviations.Files)
	if err != nil {
		return nil, err
	}
	for _, path := range paths {
		f, err := deviation.ReadFile(path)
		if err != nil {
			return nil, &codedError{exitUsage, err}
		}
		known = append(known, f)
	}
	return known, nil
}

func adapterCommand() *cobra.Command {
	var name string
	c := &cobra.Command{
		Use:    "adapter",
		Short:  "Serve the adapter of the Go library",
		Long:   "Serve the adapter of the Go library on stdin and stdout, with the Redis at\nREDIS_URL.",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			url := os.Getenv("REDIS_URL")
			if url == "" {
				return &codedError{exitUsage, errors.New("REDIS_URL is not set")}
			}
			if c.Flags().Changed("mutant") {
				return beMutant(c, name, url)
			}
			return goadapter.Run(c.Context(), url, version(), c.InOrStdin(), c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	c.Flags().StringVar(&name, "mutant", "", "serve the mutant `NAME` of compat mutants, or without a name the adapter without a mistake")
	return c
}
