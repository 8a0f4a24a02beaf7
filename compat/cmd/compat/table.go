package main

import (
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/remote-events/remote-events/compat/internal/engine"
	"github.com/remote-events/remote-events/compat/internal/report"
)

// maxFailures is how many failures are shown in full.
const maxFailures = 30

// writeSummary writes a report for people: what nobody expected first, with all
// that was seen of it, then sender against receiver, then the counts and what
// ran.
func writeSummary(out io.Writer, r *report.Report, file string) error {
	var b strings.Builder
	one := len(r.Cases) == 1
	shown, failed := 0, r.Tally().Failed
	for _, result := range r.Results {
		if result.Outcome == report.Failed || one {
			if shown++; shown <= maxFailures || one {
				writeResult(&b, result)
			}
		}
	}
	if !one && failed > maxFailures {
		fmt.Fprintf(&b, "… and %d more that failed; --report FILE keeps them all\n\n", failed-maxFailures)
	}
	for _, stale := range r.Stale {
		fmt.Fprintf(&b, "STALE   %s no longer shows a known deviation: %s %s (%s)\n\n", stale.Implementation, stale.Pattern, stale.Observed, stale.Why)
	}
	writePairs(&b, r)
	writeFamilies(&b, r)
	writeWhatRan(&b, r)
	if file != "" {
		fmt.Fprintf(&b, "Report: %s\n", file)
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// writeResult writes all that is known of a result.
func writeResult(b *strings.Builder, result report.Result) {
	fmt.Fprintf(b, "%-8s%s  %s  (%s)\n", strings.ToUpper(string(result.Outcome)), result.Case, who(result), result.Server)
	fmt.Fprintf(b, "        expected: %s\n        observed: %s\n", result.Expected, result.Observed)
	for _, problem := range result.Problems {
		fmt.Fprintf(b, "        - %s\n", strings.ReplaceAll(problem, "\n", "\n          "))
	}
	if result.Deviation != nil {
		fmt.Fprintf(b, "        known (%s): %s\n", result.Deviation.Kind, result.Deviation.Why)
	}
	if result.Message != nil {
		fmt.Fprintf(b, "        message, %d bytes: %s\n", result.MessageBytes, engine.Text(result.Message, 1024))
	}
	for _, step := range result.Trace {
		fmt.Fprintf(b, "        %7.3f s  %s  %s  %s\n", step.Seconds, step.Who, step.What, engine.Text([]byte(step.Data), 600))
	}
	b.WriteByte('\n')
}

// who says between whom a result is.
func who(result report.Result) string {
	switch {
	case result.Receiver == "":
		return result.Sender + " sends"
	case result.Sender == "":
		return result.Receiver + " receives"
	}
	return result.Sender + " → " + result.Receiver
}

// writePairs writes the table of senders and receivers.
func writePairs(b *strings.Builder, r *report.Report) {
	cells := map[[2]string]*report.Tally{}
	var senders, receivers []report.Implementation
	for _, result := range r.Results {
		if result.Sender == "" || result.Receiver == "" {
			continue
		}
		pair := [2]string{result.Sender, result.Receiver}
		if cells[pair] == nil {
			cells[pair] = &report.Tally{}
		}
		cells[pair].Add(result.Outcome)
	}
	if len(cells) == 0 {
		return
	}
	width := len("sender ↓")
	for _, i := range r.Implementations {
		if slices.Contains(i.Roles, "send") {
			senders = append(senders, i)
			width = max(width, len(i.ID))
		}
		if slices.Contains(i.Roles, "receive") {
			receivers = append(receivers, i)
		}
	}
	fmt.Fprintf(b, "%-*s  receiver →\n%-*s", width, "", width+2, "sender ↓")
	for _, i := range receivers {
		fmt.Fprintf(b, "  %*s", columnWidth(i), column(i))
	}
	b.WriteByte('\n')
	for _, sender := range senders {
		fmt.Fprintf(b, "%-*s", width, sender.ID)
		for _, receiver := range receivers {
			text := ""
			if tally := cells[[2]string{sender.ID, receiver.ID}]; tally != nil {
				text = cell(*tally)
			}
			fmt.Fprintf(b, "  %*s", columnWidth(receiver), text)
		}
		b.WriteByte('\n')
	}
	b.WriteByte('\n')
}

// column is an implementation's name above its column.
func column(i report.Implementation) string {
	if i.Original {
		return strings.TrimPrefix(i.ID, "remote_event_bundle-")
	}
	return i.Name
}

func columnWidth(i report.Implementation) int { return max(len(column(i)), len("100/100 ✓")) }

// cell says how many passed, of those that the implementation has a way to do.
func cell(t report.Tally) string {
	worst, _ := t.Worst()
	return fmt.Sprintf("%d/%d %s", t.Passed, t.All()-t.Unsupported, worst.Mark())
}

// writeFamilies writes how many cases of each family came to what, for each
// implementation alone.
func writeFamilies(b *strings.Builder, r *report.Report) {
	family := map[string]string{}
	var families []string
	width := len("family")
	for _, c := range r.Cases {
		family[c.ID] = c.Family
		if !slices.Contains(families, c.Family) {
			families = append(families, c.Family)
			width = max(width, len(c.Family))
		}
	}
	fmt.Fprintf(b, "%-*s  %7s  %7s  %8s  %11s\n", width, "family", "passed", "failed", "deviates", "unsupported")
	for _, name := range families {
		var t report.Tally
		for _, result := range r.Results {
			if family[result.Case] == name {
				t.Add(result.Outcome)
			}
		}
		fmt.Fprintf(b, "%-*s  %7d  %7d  %8d  %11d\n", width, name, t.Passed, t.Failed, t.Deviates, t.Unsupported)
	}
	b.WriteByte('\n')
}

// writeWhatRan writes the counts, and the versions of everything.
func writeWhatRan(b *strings.Builder, r *report.Report) {
	t := r.Tally()
	fmt.Fprintf(b, "%d cases, %d results in %.1f s: %d passed, %d failed, %d deviate as known, %d unsupported",
		len(r.Cases), t.All(), r.Seconds, t.Passed, t.Failed, t.Deviates, t.Unsupported)
	if len(r.Stale) > 0 {
		fmt.Fprintf(b, ", %d stale", len(r.Stale))
	}
	b.WriteString(".\n")
	for _, i := range r.Implementations {
		var details []string
		for _, name := range []string{"implementation", "python", "applauncher", "redis"} {
			if i.Details[name] != "" {
				details = append(details, name+" "+i.Details[name])
			}
		}
		fmt.Fprintf(b, "  %s  %s\n", i.ID, strings.Join(details, ", "))
	}
	var servers []string
	for _, s := range r.Servers {
		servers = append(servers, fmt.Sprintf("%s %s (%s)", s.Name, s.Version, s.Provider))
	}
	fmt.Fprintf(b, "Redis: %s\n", strings.Join(servers, ", "))
}

// version is that of the module, as the Go toolchain recorded it.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "devel"
}
