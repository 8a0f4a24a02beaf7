package main

import (
	"fmt"
	"io"
	"runtime/debug"

	"github.com/remote-events/remote-events/compat/internal/report"
)

// writeSummary writes a report for people, and says where the whole is.
func writeSummary(out io.Writer, r *report.Report, file string) error {
	if err := r.WriteText(out); err != nil || file == "" {
		return err
	}
	_, err := fmt.Fprintf(out, "Report: %s\n", file)
	return err
}

// version is that of the module, as the Go toolchain recorded it.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "devel"
}
