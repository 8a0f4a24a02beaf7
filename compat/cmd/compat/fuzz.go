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
		Short: "Compare outcomes of generated messages with predictions",
		Long: `Compare the outcomes of generated messages and of changed test vectors with
predictions. Each message reaches the receivers through Redis. The legacy
verdict predicts whether an original delivers, drops or dies. Every other
implementation, such as the Go library, must conform to the specification. The
values of delivered payloads and the signals must be the same, too.

The same seed generates the same messages. A message with another outcome is
minimised and printed as a test vector.`,
		Example: `  compat fuzz --cases 200000 --seed 7
  compat fuzz --no-originals --impl 'node adapter.js' --vectors .`,
		Args: cobra.NoArgs,
	}
	flags := c.Flags()
	flags.IntVar(&f.Cases, "cases", 2000, "the number `N` of messages")
	flags.Uint64Var(&f.Seed, "seed", 1, "the seed `N` of the messages")
	flags.IntVar(&f.Workers, "workers", 1, "run `N` processes of an implementation in parallel")
	flags.StringArrayVar(&who.implementations, "impl", nil, "the `COMMAND` of an adapter, split as by a shell, or NAME=COMMAND; may be repeated")
	flags.StringSliceVar(&who.originals, "original", []string{"1.6"}, "the `VERSIONS` of remote_event_bundle")
	flags.BoolVar(&who.noOriginals, "no-originals", false, "run no original; no Python is needed")
	flags.StringVar(&server, "redis", "local", "the `SERVER`: "+redisserver.Usage)
	flags.StringVar(&vectors, "vectors", "", "write the disagreements to a file in the directory `DIR`, as vectors")
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
			return &codedError{exitUsage, errors.New("--redis: fuzzing uses one Redis")}
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
