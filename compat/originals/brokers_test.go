package originals_test

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/remote-events/remote-events/compat/internal/environment"
)

// TestOriginalBrokers measures again what the other backends of the originals write and
// read, which appendix F of the specification describes. testdata/brokers.txt has a line
// for each version and backend.
func TestOriginalBrokers(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes many seconds")
	}
	file, err := os.Open("testdata/brokers.txt")
	must(t, err)
	defer func() { _ = file.Close() }()
	want := map[string][]string{}
	for lines := bufio.NewScanner(file); lines.Scan(); {
		version, line, _ := strings.Cut(lines.Text(), " ")
		want[version] = append(want[version], line)
	}
	envs, err := environments()
	must(t, err)
	measured := 0
	for _, original := range environment.Originals() {
		if want[original.Bundle] == nil {
			continue // it has Redis only
		}
		backends := []string{}
		for _, backend := range []string{"mqtt", "amqp", "kafka"} {
			if slices.ContainsFunc(want[original.Bundle], func(line string) bool { return strings.HasPrefix(line, `{"backend": "`+backend) }) {
				backends = append(backends, backend)
			}
		}
		python, err := envs.Ensure(t.Context(), original)
		must(t, err)
		command := exec.CommandContext(t.Context(), python, append([]string{"brokers_probe.py"}, backends...)...)
		var stderr bytes.Buffer
		command.Stderr = &stderr
		output, err := command.Output()
		if err != nil {
			t.Fatalf("%s: %v\n%s", original.Bundle, err, stderr.String())
		}
		if got := strings.Split(strings.TrimSpace(string(output)), "\n"); !slices.Equal(got, want[original.Bundle]) {
			t.Errorf("%s: got\n%s\nwant\n%s", original.Bundle, output, strings.Join(want[original.Bundle], "\n"))
		}
		measured++
	}
	if measured != len(want) {
		t.Errorf("measured %d originals of %d", measured, len(want))
	}
}
