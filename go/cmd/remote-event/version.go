package main

import (
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/remote-events/remote-events/go/wire"
)

// versions is the output of the command version.
type versions struct {
	Version    string `json:"version"`
	Revision   string `json:"revision,omitempty"`
	Go         string `json:"go"`
	WireFormat string `json:"wire_format"`
}

func currentVersions() versions {
	v := versions{Version: "(devel)", WireFormat: wire.FormatVersion}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	v.Go = info.GoVersion
	if info.Main.Version != "" {
		v.Version = info.Main.Version
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" {
			v.Revision = setting.Value
		}
	}
	return v
}

func (a *app) versionCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "version",
		Short: "Show the versions of this command, of Go and of the wire format",
		Args:  noSuchArgument,
	}
	output := a.outputFlag(command)
	command.RunE = func(*cobra.Command, []string) error {
		v := currentVersions()
		return output.write(v, func() string {
			text := fmt.Sprintf("remote-event %s\n", v.Version)
			if v.Revision != "" {
				text += fmt.Sprintf("revision     %s\n", v.Revision)
			}
			return text + fmt.Sprintf("go           %s\nwire format  %s\n", v.Go, v.WireFormat)
		})
	}
	return command
}
