package spec_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/remote-events/remote-events/spec"
)

var (
	requirement = regexp.MustCompile(`\*\*\[([A-Z]+-\d+)\]\*\*`)
	keyword     = regexp.MustCompile(`\b(MUST NOT|MUST|SHOULD NOT|SHOULD|MAY)\b`)
)

// TestRequirements holds the form of the text: an id stands once, and its
// sentence has a keyword.
func TestRequirements(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, file := range []string{"wire.md", "reliable.md", "configuration.md"} {
		text, err := spec.Files.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		places := requirement.FindAllSubmatchIndex(text, -1)
		if len(places) == 0 {
			t.Errorf("%s has no requirements", file)
		}
		for _, p := range places {
			id := string(text[p[2]:p[3]])
			if other, ok := seen[id]; ok {
				t.Errorf("%s stands in %s and in %s", id, other, file)
			}
			seen[id] = file
			sentence, _, _ := strings.Cut(string(text[p[1]:]), "**[")
			if !keyword.MatchString(sentence) {
				t.Errorf("%s has no keyword", id)
			}
		}
	}
}
