//go:build unix

package payloadschema_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/remote-events/remote-events/go/payloadschema"
)

// TestSpecialFiles: what is no file is neither waited for nor read without an end.
func TestSpecialFiles(t *testing.T) {
	t.Parallel()
	const index = `{"version": 1, "events": {"e": "e.json"}}`
	for _, c := range []struct{ special, schema, words string }{
		{payloadschema.FileName, "", "catalogue.json is a named pipe, not a regular file"},
		{"e.json", "", "e.json is a named pipe, not a regular file"},
		{"other.json", `{"$ref": "other.json"}`, "other.json is a named pipe, not a regular file"},
		{"other.json", `{"$ref": "https://example.org/s.json"}`, "no file of the catalogue has the $id"},
		{"other.json", `true`, ""}, // nothing refers to it
	} {
		dir := t.TempDir()
		for name, text := range map[string]string{payloadschema.FileName: index, "e.json": c.schema} {
			if name == c.special {
				continue
			}
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := syscall.Mkfifo(filepath.Join(dir, c.special), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := payloadschema.LoadDir(dir); (err == nil) != (c.words == "") || err != nil && !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s: %v", c.special, err)
		}
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, payloadschema.FileName), []byte(index), 0o600); err != nil {
		t.Fatal(err)
	}
	huge, err := os.Create(filepath.Join(dir, "e.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(huge.Truncate(1<<40), huge.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := payloadschema.LoadDir(dir); err == nil || !strings.Contains(err.Error(), "longer than 16 MiB") {
		t.Errorf("a file of a terabyte: %v", err)
	}
}
