package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/remote-events/remote-events/compat/internal/environment"
	"github.com/remote-events/remote-events/compat/internal/redisserver"
)

func setupCommand() *cobra.Command {
	var format string
	var withoutOriginals bool
	c := &cobra.Command{
		Use:   "setup",
		Short: "Install what the harness needs into the user's cache",
		Long: `Install what the harness needs into the user's cache: an environment for each
of the originals, and a redis-server where none is installed. Says what there is.`,
		Args: cobra.NoArgs,
	}
	c.Flags().BoolVar(&withoutOriginals, "without-originals", false, "leave out the Python environments")
	formatFlag(c, &format)
	c.RunE = func(c *cobra.Command, _ []string) error {
		var found struct {
			RedisServer string   `json:"redis_server"`
			Python      string   `json:"python,omitempty"`
			Originals   []string `json:"originals,omitempty"`
		}
		ctx, diagnostics := c.Context(), c.ErrOrStderr()
		binary, err := redisserver.Finder{Progress: diagnostics}.Find(ctx)
		if err != nil {
			return err
		}
		found.RedisServer = binary
		if !withoutOriginals {
			envs, err := environments(diagnostics)
			if err != nil {
				return err
			}
			python, err := envs.Python(ctx)
			if err != nil {
				return err
			}
			found.Python = python.Version
			if _, err := envs.EnsureAll(ctx, environment.Originals()); err != nil {
				return err
			}
			for _, o := range environment.Originals() {
				found.Originals = append(found.Originals, o.Bundle)
			}
		}
		if format == "json" {
			return json.NewEncoder(c.OutOrStdout()).Encode(found)
		}
		fmt.Fprintf(c.OutOrStdout(), "redis-server  %s\n", found.RedisServer)
		if !withoutOriginals {
			fmt.Fprintf(c.OutOrStdout(), "python        %s\noriginals     remote_event_bundle %s\n", found.Python, strings.Join(found.Originals, ", "))
		}
		return nil
	}
	return c
}

func pythonCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "python VERSION",
		Short: "Print the Python interpreter that has an original installed",
		Long: `Print the path of a Python interpreter in whose environment the given version of
remote_event_bundle is installed, as published, and install it first where it is
not. With it the original can be tried by hand.`,
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
			return &codedError{exitUsage, fmt.Errorf("no version %s of remote_event_bundle runs with Redis; there are %s", args[0], strings.Join(versions, ", "))}
		},
	}
}
