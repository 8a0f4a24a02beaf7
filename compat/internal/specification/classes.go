package specification

import (
	"encoding/json"
	"errors"
	"io/fs"
	"regexp"
	"slices"
	"strings"

	"github.com/remote-events/remote-events/spec"
)

const classesFile = "spec/" + spec.ClassesFile

// classRow matches a row of the table of classes: the name, and the cell of families.
var (
	classRow  = regexp.MustCompile(`(?m)^\| \*\*([a-z -]+)\*\* \|.*\| ([^|]*) \|$`)
	quotation = regexp.MustCompile("`([a-z]+)`")
)

// checkClasses compares the classes with the requirements and with the table of the text:
// every requirement binds a class or is listed as unbound. Requirements that no case can
// test are unbound.
func (c *checker) checkClasses(rules ruleset, chapters []*document) error {
	text, err := fs.ReadFile(c.root, classesFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // the trees of tests have no classes
	}
	if err != nil {
		return err
	}
	var classes spec.Classes
	if err := json.Unmarshal(text, &classes); err != nil {
		c.problemf(classesFile, 0, "cannot read the file: %v", err)
		return nil
	}
	bound := map[string]bool{}
	for _, class := range classes.Classes {
		ids := slices.Concat(class.Requirements, class.Exempts)
		for _, optional := range class.Optional {
			ids = append(ids, optional.Requirements...)
		}
		for _, id := range ids {
			if rules.byID[id] == nil {
				c.problemf(classesFile, 0, "%s has %s, which is not in the specification", class.Name, id)
			}
			bound[id] = true
		}
	}
	for i := range rules.requirements {
		r := &rules.requirements[i]
		unbound := slices.Contains(classes.Unbound, r.ID)
		switch {
		case bound[r.ID] && r.Untestable != "":
			c.problemf(classesFile, 0, "%s binds a class, but no test can show it: list it under unbound", r.ID)
		case bound[r.ID] && unbound:
			c.problemf(classesFile, 0, "%s binds a class: remove it from unbound", r.ID)
		case !bound[r.ID] && !unbound:
			c.problemf(r.path, r.line, "%s is in no class: add it to the classes that it binds, or to unbound, in %s", r.ID, classesFile)
		}
	}
	c.compareClasses(classes, chapters)
	return nil
}

// compareClasses compares the names of the classes, and the families of each, with the table.
func (c *checker) compareClasses(classes spec.Classes, chapters []*document) {
	families := map[string][]string{}
	path := "spec/wire.md"
	for _, d := range chapters {
		if d.path != path {
			continue
		}
		for _, row := range classRow.FindAllStringSubmatch(string(d.source), -1) {
			families[row[1]] = []string{}
			for _, name := range quotation.FindAllStringSubmatch(row[2], -1) {
				families[row[1]] = append(families[row[1]], name[1])
			}
		}
	}
	for _, class := range classes.Classes {
		in, ok := families[class.Name]
		if !ok {
			c.problemf(path, 0, "the table of classes does not have the class %q of %s", class.Name, classesFile)
			continue
		}
		want := slices.Clone(class.Families)
		for _, optional := range class.Optional {
			want = append(want, optional.Families...)
		}
		for _, name := range want {
			if !slices.Contains(in, name) {
				c.problemf(path, 0, "the class %q has the family %q in %s, and not in the table", class.Name, name, classesFile)
			}
		}
		for _, name := range in {
			if !slices.Contains(want, name) {
				c.problemf(path, 0, "the class %q has the family %q in the table, and not in %s", class.Name, name, classesFile)
			}
		}
		delete(families, class.Name)
	}
	for name := range families {
		c.problemf(path, 0, "the table has the class %q, which is not in %s", strings.TrimSpace(name), classesFile)
	}
}
