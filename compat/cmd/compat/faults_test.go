package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/remote-events/remote-events/compat/internal/faults"
)

func TestFaults(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes many seconds")
	}
	code, out, diagnostics := compat(t, "faults", "-o", "json", "slow close", "promotion")
	var report faults.Report
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		t.Fatalf("%v: %s%s", err, out, diagnostics)
	}
	if code != exitDone || len(report.Results) != 2 || report.Results[1].Name != "promotion" || report.Results[1].Figures.Promised == 0 {
		t.Errorf("exit code %d: %s", code, out)
	}
	if !strings.Contains(diagnostics, "slow close: passed") {
		t.Errorf("it says %q", diagnostics)
	}
	for _, args := range [][]string{{"no such thing"}, {"-o", "xml"}, {"--parallel", "0"}, {"--impl", "a 'b"}, {"--impl", "a", "crash points"}} {
		if code, out, diagnostics := compat(t, append([]string{"faults"}, args...)...); code != exitUsage || out != "" || diagnostics == "" {
			t.Errorf("%q: exit code %d: %s%s", args, code, out, diagnostics)
		}
	}
}

// TestFaultsOfAdapter kills and suspends the adapter of the library. A sender is no consumer.
func TestFaultsOfAdapter(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes many seconds")
	}
	code, out, diagnostics := compat(t, "faults", "-o", "json", "--impl", "go="+os.Args[0]+" adapter", "suspended", "slow close")
	var report faults.Report
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		t.Fatalf("%v: %s%s", err, out, diagnostics)
	}
	if code != exitDone || len(report.Results) != 2 || report.Results[0].Figures.Promised == 0 || report.Results[0].Figures.Repeated == 0 {
		t.Errorf("exit code %d: %s%s", code, out, diagnostics)
	}
	const sender = `sh -c "read l; echo '{\"op\":\"hello\",\"protocol\":1,\"name\":\"it\",\"version\":\"1\",\"classes\":[\"sender\"]}'; read l"`
	if code, out, _ := compat(t, "faults", "--impl", sender, "slow close"); code != exitFindings || !strings.Contains(out, "does not claim the class") {
		t.Errorf("a sender: exit code %d: %s", code, out)
	}
}
