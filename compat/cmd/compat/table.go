package main

import (
	"fmt"
	"io"
	"runtime/debug"
	"strings"

	"github.com/remote-events/remote-events/compat/internal/pairing"
)

// writeTable writes a report for people: what failed first, then sender against
// receiver.
func writeTable(out io.Writer, report *pairing.Report) error {
	var b strings.Builder
	unsent := map[[2]string]bool{}
	for _, f := range report.Failures() {
		if f.Message != "" {
			fmt.Fprintf(&b, "FAILED  %s: %s → %s\n", f.Case, f.Sender, f.Receiver)
		} else if sending := [2]string{f.Case, f.Sender}; !unsent[sending] {
			unsent[sending] = true // once, not for each receiver
			fmt.Fprintf(&b, "FAILED  %s: %s cannot send it\n", f.Case, f.Sender)
		} else {
			continue
		}
		for _, problem := range f.Problems {
			fmt.Fprintf(&b, "        %s\n", problem)
		}
		if f.Message != "" {
			fmt.Fprintf(&b, "        in Redis: %s\n", f.Message)
		}
		for _, o := range f.Observed {
			fmt.Fprintf(&b, "        received: %s\n", o)
		}
		b.WriteByte('\n')
	}
	width := len("sender ↓")
	for _, p := range report.Participants {
		width = max(width, len(p.String()))
	}
	fmt.Fprintf(&b, "%-*s  receiver →\n%-*s", width, "", width+2, "sender ↓")
	for _, p := range report.Participants {
		fmt.Fprintf(&b, "  %7s", column(p))
	}
	b.WriteByte('\n')
	for _, sender := range report.Participants {
		fmt.Fprintf(&b, "%-*s", width, sender)
		for _, receiver := range report.Participants {
			fmt.Fprintf(&b, "  %7s", cell(report.Between(sender, receiver)))
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "\n%d passed, %d failed", report.Count(pairing.Passed), report.Count(pairing.Failed))
	if n := report.Count(pairing.Unsupported); n > 0 {
		fmt.Fprintf(&b, "; %d cannot be sent by an original, which knows no metadata", n)
	}
	fmt.Fprintf(&b, "\nPython packages: remote_event_bundle as named, %s. Redis: %s.\n", details(report), report.Redis)
	_, err := io.WriteString(out, b.String())
	return err
}

// column is a participant's name above its column.
func column(p pairing.Participant) string {
	if p.Name == "remote_event_bundle" {
		return p.Version
	}
	return p.Name
}

// cell says how many of a pairing's cases passed, of those that can be sent.
func cell(results []pairing.Result) string {
	passed, all := 0, 0
	for _, r := range results {
		if r.Outcome == pairing.Unsupported {
			continue
		}
		all++
		if r.Outcome == pairing.Passed {
			passed++
		}
	}
	if passed < all {
		return fmt.Sprintf("%d/%d ✗", passed, all)
	}
	return fmt.Sprintf("%d/%d ✓", passed, all)
}

// details are the versions that the originals stand on.
func details(report *pairing.Report) string {
	for _, p := range report.Participants {
		if p.Details["applauncher"] != "" {
			return fmt.Sprintf("applauncher %s, redis-py %s, Python %s", p.Details["applauncher"], p.Details["redis"], p.Details["python"])
		}
	}
	return "none"
}

// version is that of the module, as the Go toolchain recorded it.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "devel"
}
