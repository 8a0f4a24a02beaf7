package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/remote-events/remote-events/compat/internal/fuzz"
	"github.com/remote-events/remote-events/compat/internal/redisserver"
)

func fuzzCommand() *cobra.Command {
	var who runFlags
	var server, vectors string
	f := fuzz.Fuzzer{}
	c := &cobra.Command{
		Use:   "fuzz",
		Short: "Hold receivers against the verdicts on messages that chance made",
		Long: `Hold receivers against the verdicts on messages that chance made: generated ones,
and the test vectors, changed. Each message goes through Redis to an original, of
which the legacy verdict predicts whether it delivers, drops or dies, and to any
other implementation, Go's included, which has to do what the specification says. The delivered
payload, by value, and the signals are compared too.

The same seed makes the same messages. A message with which they disagree is made
as small as it can be and printed as a test vector.`,
		Example: `  compat fuzz --cases 200000 --seed 7
  compat fuzz --no-originals --impl 'node adapter.js' --vectors .`,
		Args: cobra.NoArgs,
	}
	flags := c.Flags()
	flags.IntVar(&f.Cases, "cases", 2000, "how many messages")
	flags.Uint64Var(&f.Seed, "seed", 1, "what to make them from")
	flags.IntVar(&f.Workers, "workers", 1, "how many processes of an implementation work at once")
	flags.StringArrayVar(&who.implementations, "impl", nil, "the `COMMAND` of an adapter, as a shell would split it, or NAME=COMMAND; may be repeated")
	flags.StringSliceVar(&who.originals, "original", []string{"1.6"}, "the `VERSIONS` of remote_event_bundle")
	flags.BoolVar(&who.noOriginals, "no-originals", false, "take no original, which needs no Python")
	flags.StringVar(&server, "redis", "local", "where to play: "+redisserver.Usage)
	flags.StringVar(&vectors, "vectors", "", "the directory `DIR` for a file with what they disagreed on, as vectors")
	formatFlag(c, &who.format)
	c.RunE = func(c *cobra.Command, _ []string) error {
		if f.Cases < 1 || f.Workers < 1 {
			return &codedError{exitUsage, errors.New("--cases and --workers are at least 1")}
		}
		var err error
		if f.Subjects, err = who.participants(c.Context(), c); err != nil {
			return err
		}
		providers, err := parseRedis(c, []string{server})
		if err != nil {
			return err
		}
		if len(providers) != 1 {
			return &codedError{exitUsage, errors.New("--redis: fuzzing plays on one Redis")}
		}
		redis, err := startRedis(c.Context(), providers[0])
		if err != nil {
			return err
		}
		defer redis.Close()
		f.RedisURL, f.Redis = redis.URL(), redis.String()
		progress := newProgress(c.ErrOrStderr())
		f.Progress = progress.show
		summary, err := f.Run(c.Context())
		progress.clear()
		if summary == nil || err != nil && c.Context().Err() == nil {
			return err
		}
		if who.format == "json" {
			encoder := json.NewEncoder(c.OutOrStdout())
			encoder.SetIndent("", "  ")
			encoder.SetEscapeHTML(false)
			err = errors.Join(err, encoder.Encode(summary))
		} else {
			err = errors.Join(err, summary.WriteText(c.OutOrStdout()))
		}
		if vectors != "" && len(summary.Disagreements) > 0 {
			err = errors.Join(err, saveVectors(summary, filepath.Join(vectors, fmt.Sprintf("fuzz-%d.json", f.Seed))))
		}
		if err == nil && summary.Disagree() {
			err = errFindings
		}
		return err
	}
	return c
}

func saveVectors(summary *fuzz.Summary, path string) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(summary.WriteVectors(file), file.Close())
}
