package specification_test

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/remote-events/remote-events/compat/internal/specification"
)

// A scan lists the requirements of a class that no file names, and ids that do not exist.
func TestScan(t *testing.T) {
	t.Parallel()
	tree := fstest.MapFS{
		"verdict_test.py":        {Data: []byte("def test_gravest():  # VERDICT-1, VERDICT-3\n")},
		"deep/down.rb":           {Data: []byte("# UTF-8, RFC-2119\n# RECV-99 and VERDICT-7\n")},
		"binary":                 {Data: []byte("VERDICT-2\x00")},
		".cache/x.py":            {Data: []byte("VERDICT-2")},
		"node_modules/x/test.js": {Data: []byte("VERDICT-2")},
	}
	s, err := specification.Scan(tree, "validator")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(s.Missing, []string{"VERDICT-2"}) || s.Named != 2 || s.Files != 2 {
		t.Errorf("%+v", s)
	}
	if len(s.Unknown) != 2 || s.Unknown[0].Path != "deep/down.rb" || s.Unknown[0].Line != 2 || !strings.Contains(s.Unknown[1].Text, "VERDICT-7") {
		t.Errorf("unknown ids: %+v", s.Unknown)
	}
	if s, err := specification.Scan(tree, ""); err != nil || len(s.Missing) < 100 {
		t.Errorf("all classes: %d missing, %v", len(s.Missing), err)
	}
	if _, err := specification.Scan(tree, "receivers"); err == nil || !strings.Contains(err.Error(), "legacy-safe sender") {
		t.Errorf("an unknown class: %v", err)
	}
}
