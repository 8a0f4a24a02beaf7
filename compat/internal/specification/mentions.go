package specification

import (
	"bytes"
	"io/fs"
	"path"
	"slices"
)

// mentioning are the extensions of files that may refer to requirements.
var mentioning = []string{".go", ".json", ".lua", ".md", ".py", ".js", ".yml"}

// checkMentions reports ids in code, cases, schemas and texts that the specification does
// not contain. An id is a word with one of the prefixes that the specification uses.
func (c *checker) checkMentions(files []string, rules ruleset) error {
	prefixes := map[string]bool{}
	for id := range rules.byID {
		prefix, _ := split(id)
		prefixes[prefix] = true
	}
	for _, name := range files {
		if !slices.Contains(mentioning, path.Ext(name)) || name == requirementsFile || name == coverageFile || name == implementationsFile || path.Dir(name) == "compat/internal/specification" {
			continue
		}
		source, err := fs.ReadFile(c.root, name)
		if err != nil {
			return err
		}
		text := path.Dir(name) == "spec" // it may name withdrawn ids
		for _, found := range anyID.FindAllSubmatchIndex(source, -1) {
			id := string(source[found[0]:found[1]])
			if !prefixes[string(source[found[2]:found[3]])] || rules.byID[id] != nil || text && rules.withdrawn[id] {
				continue
			}
			line := 1 + bytes.Count(source[:found[0]], []byte("\n"))
			c.problemf(name, line, "%s is not a requirement of the specification: correct the id, or add the requirement", id)
		}
	}
	return nil
}
