package specification

import (
	"bytes"
	"io/fs"
	"path"
	"slices"
)

// mentioning are the kinds of files in which ids of requirements are looked for.
var mentioning = []string{".go", ".json", ".lua", ".md", ".py", ".js", ".yml"}

// checkMentions finds ids in code, cases, schemas and texts that the
// specification does not have. What is an id, the prefixes of those that it has
// tell.
func (c *checker) checkMentions(files []string, said statement) error {
	prefixes := map[string]bool{}
	for id := range said.byID {
		prefix, _ := split(id)
		prefixes[prefix] = true
	}
	for _, name := range files {
		if !slices.Contains(mentioning, path.Ext(name)) || name == requirementsFile || name == coverageFile || path.Dir(name) == "compat/internal/specification" {
			continue
		}
		source, err := fs.ReadFile(c.root, name)
		if err != nil {
			return err
		}
		text := path.Dir(name) == "spec" // where withdrawn ones may stand
		for _, found := range anyID.FindAllSubmatchIndex(source, -1) {
			id := string(source[found[0]:found[1]])
			if !prefixes[string(source[found[2]:found[3]])] || said.byID[id] != nil || text && said.withdrawn[id] {
				continue
			}
			line := 1 + bytes.Count(source[:found[0]], []byte("\n"))
			c.sayf(name, line, "%s is no requirement of the specification: mend the id, or write the requirement", id)
		}
	}
	return nil
}
