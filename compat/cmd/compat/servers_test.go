package main

import (
	"strings"
	"testing"
)

func TestServers(t *testing.T) {
	t.Parallel()
	code, out, diagnostics := compat(t, "servers", "--redis", "embedded", "--redis", "local")
	lines := strings.Split(out, "\n")
	if code != 0 || len(lines) != 3 || !strings.HasPrefix(lines[0], "miniredis") || !strings.HasSuffix(lines[1], "  local") {
		t.Errorf("exit code %d: %s%s", code, out, diagnostics)
	}
	for _, c := range []struct {
		value string
		code  int
		says  string
	}{
		{"lokal", exitUsage, "say local, local:redis-6.2"},
		{"redis://:secret@127.0.0.1:1", exitConnection, "127.0.0.1:1"},
	} {
		code, _, diagnostics := compat(t, "servers", "--redis", c.value)
		if code != c.code || !strings.Contains(diagnostics, c.says) || strings.Contains(diagnostics, "secret") {
			t.Errorf("%s: exit code %d: %s", c.value, code, diagnostics)
		}
	}
}

func TestServersContainer(t *testing.T) {
	t.Parallel()
	code, out, diagnostics := compat(t, "servers", "--redis", "container:local")
	if code != 0 || !strings.HasSuffix(out, "  container:local\n") {
		t.Errorf("exit code %d: %s%s", code, out, diagnostics)
	}
}
