package main

import (
	"fmt"
	"io"
	"runtime/debug"

	"github.com/remote-events/remote-events/compat/internal/report"
)

// writeSummary writes a report as text, and the name of its file.
func writeSummary(out io.Writer, r *report.Report, file string) error {
	if err := r.WriteText(out); err != nil || file == "" {
		return err
	}
	_, err := fmt.Fprintf(out, "Report: %s\n", file)
	return err
}

// version returns the version of the module that the Go toolchain recorded.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "devel"
}
