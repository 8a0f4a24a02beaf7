package wire_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/remote-events/remote-events/spec"
)

// TestRequirementsStandInTheText checks that the specification has every id that a finding may
// name.
func TestRequirementsStandInTheText(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("requirement.go")
	if err != nil {
		t.Fatal(err)
	}
	text, err := spec.Files.ReadFile("wire.md")
	if err != nil {
		t.Fatal(err)
	}
	ids := regexp.MustCompile(`"([A-Z]+-\d+)"`).FindAllStringSubmatch(string(source), -1)
	if len(ids) == 0 {
		t.Fatal("requirement.go names no requirements")
	}
	for _, id := range ids {
		if !strings.Contains(string(text), "**["+id[1]+"]**") {
			t.Errorf("spec/wire.md has no requirement %s", id[1])
		}
	}
}
