package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/spf13/cobra"

	"github.com/remote-events/remote-events/compat/internal/bench"
	"github.com/remote-events/remote-events/compat/internal/engine"
	"github.com/remote-events/remote-events/compat/internal/redisserver"
)

// benchFlags are the flags of compat bench.
type benchFlags struct {
	redis       string
	only        []string
	quick       bool
	rounds      int
	duration    time.Duration
	seed        uint64
	format      string
	noOriginals bool
	list        bool
	from        string
	write       string
}

func benchCommand() *cobra.Command {
	var f benchFlags
	c := &cobra.Command{
		Use:   "bench",
		Short: "Compare the performance of the library and of its peers",
		Long: `Compare the performance of the library and of other ways to pass the same
bytes through the same Redis: go-redis, rueidis, a hand-written protocol,
redis-benchmark, the original, asynq and watermill-redisstream.

Each round measures all cases, in a different order. Each case verifies that
exactly the messages of its run were stored or handled. The figures are medians
with minimum and maximum. They depend on the machine. The ratios at the end
depend on it less, because each is computed within a round.

If a participant fails, the command reports it, continues with the others and
exits with code 5. A goal that is not met has no effect on the exit code.`,
		Example: `  compat bench --quick
  compat bench --only 'send-*/100B/*'
  compat bench -o json > results.json
  compat bench --from results.json --write compat`,
		Args: cobra.NoArgs,
	}
	flags := c.Flags()
	flags.StringVar(&f.redis, "redis", "local", "the `SERVER`: "+redisserver.Usage+"; on a URL only keys that begin with compat: are used")
	flags.StringArrayVar(&f.only, "only", nil, "measure only the cases that match the `PATTERN`, in which * matches any text; may be repeated")
	flags.BoolVar(&f.quick, "quick", false, "measure only the cases that the goals need, in two rounds, in less than a minute")
	flags.IntVar(&f.rounds, "rounds", 0, "`N` rounds (default 5, or 2 with --quick)")
	flags.DurationVar(&f.duration, "duration", 0, "approximate `DURATION` of a case in a round (default 300ms, or 200ms with --quick)")
	flags.Uint64Var(&f.seed, "seed", 0, "the seed `N` of the order of the cases (default random)")
	flags.StringVarP(&f.format, "output", "o", "text", "`FORMAT` of the output: text, json or markdown")
	flags.BoolVar(&f.noOriginals, "no-originals", false, "skip the original")
	flags.StringVar(&f.from, "from", "", "report the results of an earlier run from its JSON `FILE`, without measuring")
	flags.StringVar(&f.write, "write", "", "also write BENCHMARKS.md and its plots to the directory `DIR`")
	flags.BoolVar(&f.list, "list", false, "print the names of the cases, without measuring")
	c.RunE = func(c *cobra.Command, _ []string) error { return f.run(c) }
	return c
}

func (f benchFlags) check() error {
	switch {
	case f.format != "text" && f.format != "json" && f.format != "markdown":
		return fmt.Errorf("-o %s: the formats are text, json and markdown", f.format)
	case f.rounds < 0:
		return fmt.Errorf("--rounds %d: the minimum is 1", f.rounds)
	case f.duration < 0:
		return fmt.Errorf("--duration %v: the duration must be positive", f.duration)
	}
	return nil
}

func (f benchFlags) run(c *cobra.Command) (err error) {
	if err := f.check(); err != nil {
		return &codedError{exitUsage, err}
	}
	cases, err := bench.Select(bench.Cases(), f.quick, f.only...)
	if err != nil {
		return &codedError{exitUsage, fmt.Errorf("--only: %w", err)}
	}
	if f.list {
		for _, one := range cases {
			fmt.Fprintln(c.OutOrStdout(), one.Name())
		}
		return nil
	}
	var report bench.Report
	if f.from != "" {
		report, err = bench.ReadReport(f.from)
	} else {
		report, err = f.measure(c, cases)
	}
	if err == nil && f.write != "" {
		err = report.WriteFiles(f.write)
	}
	if err != nil {
		return err
	}
	switch f.format {
	case "json":
		encoder := json.NewEncoder(c.OutOrStdout())
		encoder.SetIndent("", "  ")
		err = encoder.Encode(report)
	case "markdown":
		err = report.WriteMarkdown(c.OutOrStdout())
	default:
		err = report.WriteText(c.OutOrStdout())
	}
	if err == nil && len(report.Problems()) > 0 {
		err = errFindings
	}
	return err
}

// measure starts the Redis and runs the cases.
func (f benchFlags) measure(c *cobra.Command, cases []bench.Case) (report bench.Report, err error) {
	providers, err := parseRedis(c, []string{f.redis})
	if err != nil {
		return report, err
	}
	if len(providers) != 1 {
		return report, &codedError{exitUsage, fmt.Errorf("--redis %s: select one server, not %d", f.redis, len(providers))}
	}
	server, err := startRedis(c.Context(), providers[0])
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	on := &bench.Redis{URL: server.URL(), Shared: server.Shared()}
	original := ""
	if !f.noOriginals {
		original = on.LatestOriginal(c.ErrOrStderr())
	}
	config := bench.Config{Redis: on, Cases: cases, Rounds: f.rounds, Seed: f.seed, Duration: f.duration}
	if config.Rounds == 0 {
		config.Rounds = 5
		if f.quick {
			config.Rounds = 2
		}
	}
	if config.Duration == 0 {
		config.Duration = 300 * time.Millisecond
		if f.quick {
			config.Duration = 200 * time.Millisecond
		}
	}
	if config.Seed == 0 {
		config.Seed = rand.Uint64N(1_000_000) + 1
	}
	progress := newProgress(c.ErrOrStderr())
	defer progress.clear()
	config.Progress = func(done, total int, doing string) {
		progress.show(engine.Progress{Done: done, Total: total, Doing: doing})
	}
	begin := time.Now()
	measurements, err := bench.Run(c.Context(), config)
	progress.clear()
	if err != nil {
		return report, err
	}
	report = bench.NewReport(config, measurements, begin)
	report.Redis, report.Original = server.String(), original
	return report, nil
}
