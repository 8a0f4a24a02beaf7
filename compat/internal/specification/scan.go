package specification

import (
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/remote-events/remote-events/spec"
)

// maxScanned is the maximum length of a file that is scanned, in bytes: tests are short,
// and data is not.
const maxScanned = 4 << 20

// Scanned is the result of a scan of the tests of an implementation.
type Scanned struct {
	Files int // with text
	Named int // requirements of the classes that a file names
	// Missing are the requirements of the classes that no file names, in the order of
	// the classes.
	Missing []string
	// Unknown are ids that the specification does not have, each with its file and line.
	Unknown []Problem
}

// Scan looks for ids of requirements in the files of a tree and compares them with the
// requirements of a class, or of all classes if the name is empty. It leaves out binary
// and hidden files, directories of dependencies, and files of more than 4 MiB.
func Scan(root fs.FS, class string) (Scanned, error) {
	var s Scanned
	required, known, err := requirementsOf(class)
	if err != nil {
		return s, err
	}
	prefixes := map[string]bool{}
	for id := range known {
		prefix, _ := split(id)
		prefixes[prefix] = true
	}
	named := map[string]bool{}
	err = fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		base := path.Base(name)
		switch {
		case err != nil:
			return err
		case name != "." && strings.HasPrefix(base, "."), base == "node_modules", base == "__pycache__", base == "vendor":
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case !d.Type().IsRegular():
			return nil
		}
		info, err := d.Info()
		if err != nil || info.Size() > maxScanned {
			return err
		}
		text, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		if bytes.IndexByte(text, 0) >= 0 {
			return nil
		}
		s.Files++
		for _, found := range anyID.FindAllSubmatchIndex(text, -1) {
			id := string(text[found[0]:found[1]])
			switch {
			case known[id]:
				named[id] = true
			case prefixes[string(text[found[2]:found[3]])]:
				s.Unknown = append(s.Unknown, Problem{name, 1 + bytes.Count(text[:found[0]], []byte("\n")), id + " is not a requirement of the specification"})
			}
		}
		return nil
	})
	for _, id := range required {
		if named[id] {
			s.Named++
		} else {
			s.Missing = append(s.Missing, id)
		}
	}
	return s, err
}

// requirementsOf returns the requirements of a class, with its optional ones, or of all
// classes, and every id that the classes have.
func requirementsOf(name string) (required []string, known map[string]bool, err error) {
	classes, err := spec.ReadClasses()
	if err != nil {
		return nil, nil, err
	}
	var names []string
	known = map[string]bool{}
	for _, id := range classes.Unbound {
		known[id] = true
	}
	for _, class := range classes.Classes {
		names = append(names, class.Name)
		ids := slices.Clone(class.Requirements)
		for _, optional := range class.Optional {
			ids = append(ids, optional.Requirements...)
		}
		for _, id := range ids {
			known[id] = true
			if (name == "" || name == class.Name) && !slices.Contains(required, id) {
				required = append(required, id)
			}
		}
	}
	if required == nil {
		return nil, nil, fmt.Errorf("there is no class %q: the classes are %s", name, strings.Join(names, ", "))
	}
	return required, known, nil
}
