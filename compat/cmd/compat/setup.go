package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/remote-events/remote-events/compat/internal/calibration"
	"github.com/remote-events/remote-events/compat/internal/environment"
	"github.com/remote-events/remote-events/compat/internal/redisserver"
)

func setupCommand() *cobra.Command {
	var format, matrix string
	var withoutOriginals, docker bool
	c := &cobra.Command{
		Use:   "setup",
		Short: "Install the dependencies of the harness into the user's cache",
		Long: `Install the dependencies of the harness into the user's cache: an environment
for each original, and a redis-server if none is installed. Print the installed
versions, and the published versions that are not tested, with the reasons.`,
		Example: `  compat setup
  compat setup --matrix corners`,
		Args: cobra.NoArgs,
	}
	c.Flags().BoolVar(&withoutOriginals, "without-originals", false, "skip the Python environments")
	c.Flags().BoolVar(&docker, "docker", false, "also check the Docker daemon, and fail if none answers")
	matrixFlag(c, &matrix)
	formatFlag(c, &format)
	c.RunE = func(c *cobra.Command, _ []string) error {
		found, err := install(c, matrix, withoutOriginals)
		if err == nil && docker {
			found.Docker, err = redisserver.DockerVersion(c.Context())
		}
		if err != nil {
			return err
		}
		if format == "json" {
			found.Slowness = calibration.Slowness()
			return json.NewEncoder(c.OutOrStdout()).Encode(found)
		}
		return found.write(c.OutOrStdout())
	}
	return c
}

// matrixFlag adds --matrix to a command.
func matrixFlag(c *cobra.Command, matrix *string) {
	c.Flags().StringVar(matrix, "matrix", "",
		"the `SELECTION` of originals: quick (0.2 and 1.6, each with the oldest and newest dependencies), bundles (every version, with the usual dependencies), default (these, and for the poison cases 1.6 with every corner of oldest and newest dependencies), corners (every version, and for all cases 0.2 and 1.6 with every corner) or full (every combination)")
}

// installed lists the dependencies of the harness that are installed.
type installed struct {
	RedisServer string                  `json:"redis_server"`
	Docker      string                  `json:"docker,omitempty"`
	Slowness    float64                 `json:"slowness"` // of the machine at present, against an idle one
	Python      string                  `json:"python,omitempty"`
	Originals   []string                `json:"originals,omitempty"`
	Exclusions  []environment.Exclusion `json:"exclusions,omitempty"`
}

func install(c *cobra.Command, matrix string, withoutOriginals bool) (installed, error) {
	var found installed
	ctx, diagnostics := c.Context(), c.ErrOrStderr()
	selection, err := environment.ParseSelection(matrix)
	if err != nil {
		return found, &codedError{exitUsage, fmt.Errorf("--matrix: %w", err)}
	}
	found.RedisServer, err = redisserver.Finder{Progress: diagnostics}.Find(ctx)
	if err != nil || withoutOriginals {
		return found, err
	}
	envs, err := environments(diagnostics)
	if err != nil {
		return found, err
	}
	python, err := envs.Python(ctx)
	if err != nil {
		return found, err
	}
	originals, err := environment.Select(ctx, selection)
	if err != nil {
		return found, err
	}
	if _, err := envs.EnsureAll(ctx, originals); err != nil {
		return found, err
	}
	for _, original := range originals {
		found.Originals = append(found.Originals, original.ID())
	}
	found.Python, found.Exclusions = python.Version, environment.Exclusions()
	return found, nil
}

func (f installed) write(out io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "redis-server  %s\n", f.RedisServer)
	if f.Docker != "" {
		fmt.Fprintf(&b, "docker        %s\n", f.Docker)
	}
	if len(f.Originals) > 0 {
		fmt.Fprintf(&b, "python        %s\noriginals     %s\n", f.Python, strings.Join(f.Originals, "\n              "))
		title := "skipped       "
		for _, e := range f.Exclusions {
			fmt.Fprintf(&b, "%s%s %s: %s\n", title, e.Package, e.Versions, e.Why)
			title = "              "
		}
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func pythonCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "python VERSION",
		Short: "Print the Python interpreter that has an original installed",
		Long: `Print the path of a Python interpreter with the given published version of
remote_event_bundle. Install the version first if it is absent. The interpreter
is for manual tests with the original.`,
		Example: "  $(compat python 1.6) app.py",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			envs, err := environments(c.ErrOrStderr())
			if err != nil {
				return err
			}
			var versions []string
			for _, o := range environment.Originals() {
				if o.Bundle == args[0] {
					python, err := envs.Ensure(c.Context(), o)
					if err == nil {
						fmt.Fprintln(c.OutOrStdout(), python)
					}
					return err
				}
				versions = append(versions, o.Bundle)
			}
			return &codedError{exitUsage, fmt.Errorf("no version %s of remote_event_bundle runs with Redis: use one of %s", args[0], strings.Join(versions, ", "))}
		},
	}
}
