package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/remote-events/remote-events/go/wire"
	"github.com/remote-events/remote-events/spec"
)

func TestVersion(t *testing.T) {
	t.Parallel()
	text, err := spec.Files.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), "**"+wire.FormatVersion+"**") {
		t.Errorf("the specification is not of version %s", wire.FormatVersion)
	}
	if got := invoke(t, "version").expect(t, exitDone).stdout; !strings.Contains(got, "wire format  "+wire.FormatVersion) {
		t.Errorf("version: %s", got)
	}
	var v versions
	if err := json.Unmarshal([]byte(invoke(t, "version", "-o", "json").expect(t, exitDone).stdout), &v); err != nil {
		t.Fatal(err)
	}
	if v.WireFormat != wire.FormatVersion || !strings.HasPrefix(v.Go, "go") || v.Version == "" {
		t.Errorf("version: %+v", v)
	}
}
