package redisserver_test

import (
	"os/exec"
	"strings"
	"testing"
)

// realPython returns the interpreter itself: the one in PATH may be a script that needs
// PATH.
func realPython(t *testing.T) string {
	t.Helper()
	output, err := exec.CommandContext(t.Context(), "python3", "-c", "import sys; print(sys.executable)").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(output))
}
