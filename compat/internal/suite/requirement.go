package suite

import (
	"io/fs"
	"regexp"
	"strings"
	"sync"

	"github.com/remote-events/remote-events/spec"
)

var requirement = regexp.MustCompile(`\*\*\[([A-Z]+-[0-9]+)\]\*\*\s+((?s:.+?))(?: \||\n\n|\n\||\n*$)`)

// requirements are the texts of all requirements, by their ids.
var requirements = sync.OnceValues(func() (map[string]string, error) {
	texts := map[string]string{}
	paths, err := fs.Glob(spec.Files, "*.md")
	if err != nil {
		return nil, err
	}
	for _, path := range paths {
		text, err := spec.Files.ReadFile(path)
		if err != nil {
			return nil, err
		}
		for _, found := range requirement.FindAllStringSubmatch(string(text), -1) {
			if _, ok := texts[found[1]]; !ok {
				texts[found[1]] = strings.Join(strings.Fields(found[2]), " ")
			}
		}
	}
	return texts, nil
})

// Requirement returns the specification's text of a requirement.
func Requirement(id string) (text string, ok bool) {
	texts, err := requirements()
	if err != nil {
		return "", false
	}
	text, ok = texts[id]
	return text, ok
}
