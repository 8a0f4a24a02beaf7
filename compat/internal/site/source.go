package site

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/remote-events/remote-events/compat/internal/specification"
	"github.com/remote-events/remote-events/spec"
)

// The files and directories of the tree that the site shows.
const (
	specDir      = "spec"
	vectorDir    = "spec/vectors"
	scenarioDir  = "compat/internal/suite/data"
	schemaDir    = "schemas"
	luaDir       = "spec/lua"
	plotDir      = "compat/benchmarks"
	resultsFile  = specification.ResultsFile
	requirements = "spec/requirements.json"
)

// source has the inputs of the site.
type source struct {
	files        fs.FS
	manifest     spec.Manifest
	classes      spec.Classes
	results      specification.Results
	requirements []specification.Requirement // by id
	families     []family                    // the vectors, then the scenarios
	schemas      []schema
	scripts      []file
	plots        []file
}

type file struct {
	name string // without its directory
	text []byte
}

// family is a file of cases.
type family struct {
	Name      string
	About     string
	Flags     map[string]string
	Cases     []testCase
	Scenarios bool // of the harness
	file      file
}

// testCase is a vector or a scenario.
type testCase struct {
	ID           string   `json:"id"`
	About        string   `json:"about"`
	Requirements []string `json:"requirements"`
	Flags        []string `json:"flags"`
	members      []member // the other members, in their order
}

// schema is a JSON Schema.
type schema struct {
	Name        string // of its file
	Path        string // of its $id, from the root of the site
	ID          string
	Title       string
	Description string
	text        []byte
}

func readSource(files fs.FS) (*source, error) {
	s := &source{files: files}
	var index struct {
		Requirements []specification.Requirement `json:"requirements"`
	}
	for name, into := range map[string]any{
		"spec/" + spec.ManifestFile: &s.manifest, "spec/" + spec.ClassesFile: &s.classes, requirements: &index, resultsFile: &s.results,
	} {
		if err := readJSON(files, name, into); err != nil {
			return nil, err
		}
	}
	s.requirements = index.Requirements
	var err error
	if s.scripts, err = readAll(files, luaDir+"/*.lua"); err != nil {
		return nil, err
	}
	if s.plots, err = readAll(files, plotDir+"/*.svg"); err != nil {
		return nil, err
	}
	for _, dir := range []string{vectorDir, scenarioDir} {
		found, err := readAll(files, dir+"/*.json")
		if err != nil {
			return nil, err
		}
		for _, one := range found {
			f, err := readFamily(one)
			if err != nil {
				return nil, fmt.Errorf("%s/%s: %w", dir, one.name, err)
			}
			f.Scenarios = dir == scenarioDir
			s.families = append(s.families, f)
		}
	}
	found, err := readAll(files, schemaDir+"/*.schema.json")
	for _, one := range found {
		var head struct {
			ID          string `json:"$id"`
			Title       string `json:"title"`
			Description string `json:"description"`
		}
		if err := json.Unmarshal(one.text, &head); err != nil {
			return nil, fmt.Errorf("%s: %w", one.name, err)
		}
		_, rest, _ := strings.Cut(head.ID, "://")
		_, where, ok := strings.Cut(rest, "/")
		if !ok {
			return nil, fmt.Errorf("%s has no path in its $id %q", one.name, head.ID)
		}
		s.schemas = append(s.schemas, schema{one.name, where, head.ID, head.Title, head.Description, one.text})
	}
	return s, err
}

func readJSON(files fs.FS, name string, into any) error {
	text, err := fs.ReadFile(files, name)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// readAll returns the files that match a pattern, by name.
func readAll(files fs.FS, pattern string) ([]file, error) {
	names, err := fs.Glob(files, pattern)
	if err != nil {
		return nil, err
	}
	all := make([]file, 0, len(names))
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		all = append(all, file{path.Base(name), text})
	}
	return all, nil
}

func readFamily(from file) (family, error) {
	var read struct {
		Family string            `json:"family"`
		About  string            `json:"about"`
		Flags  map[string]string `json:"flags"`
		Cases  []json.RawMessage `json:"cases"`
	}
	f := family{file: from}
	if err := json.Unmarshal(from.text, &read); err != nil {
		return f, err
	}
	f.Name, f.About, f.Flags = read.Family, read.About, read.Flags
	for _, raw := range read.Cases {
		var c testCase
		if err := json.Unmarshal(raw, &c); err != nil {
			return f, err
		}
		members, err := membersOf(raw)
		if err != nil {
			return f, err
		}
		c.members = slices.DeleteFunc(members, func(m member) bool {
			return slices.Contains([]string{"id", "about", "requirements", "flags"}, m.name)
		})
		f.Cases = append(f.Cases, c)
	}
	return f, nil
}

// page returns the path of the page of a family.
func (f family) page() string {
	if f.Scenarios {
		return "scenarios/" + f.Name + ".html"
	}
	return "vectors/" + f.Name + ".html"
}

// caseLink returns the path and the fragment of a case.
func (f family) caseLink(c testCase) string { return f.page() + "#" + c.ID }

// requirementPage returns the path of the page of a requirement.
func requirementPage(id string) string { return "r/" + id + ".html" }

// FileName returns the name of the file of a family.
func (f family) FileName() string { return f.file.name }

// Page returns the path of the page of a schema.
func (s schema) Page() string { return s.page() }
