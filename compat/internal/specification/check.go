package specification

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Problem is something that does not hold together.
type Problem struct {
	Path string // from the root of the tree
	Line int    // 0 where the whole file is meant
	Text string // what is wrong, and what to do
}

func (p Problem) String() string {
	if p.Line == 0 {
		return p.Path + ": " + p.Text
	}
	return fmt.Sprintf("%s:%d: %s", p.Path, p.Line, p.Text)
}

// Result is what a check found.
type Result struct {
	Requirements []Requirement
	Cases        int
	Problems     []Problem // in the order of files and lines
	// Generated are the files that are made from the others, by their paths.
	Generated map[string][]byte
	// Stale are those of them that stand differently in the tree.
	Stale []string
}

// The files that are generated, and the one that has the results of a run.
const (
	requirementsFile = "spec/requirements.json"
	coverageFile     = "spec/coverage.md"
	ResultsFile      = "compat/results.json"
)

// checker collects problems.
type checker struct {
	root     fs.FS
	problems []Problem
}

func (c *checker) sayf(path string, line int, format string, args ...any) {
	c.problems = append(c.problems, Problem{path, line, fmt.Sprintf(format, args...)})
}

// Check reads the tree of the repository and checks it. The error is of files
// that cannot be read; what is wrong in them is in the result.
func Check(root fs.FS) (*Result, error) {
	c := &checker{root: root}
	files, err := c.files()
	if err != nil {
		return nil, err
	}
	documents, err := c.parseAll(files)
	if err != nil {
		return nil, err
	}
	var chapters []*document
	for _, d := range documents {
		if path.Dir(d.path) == "spec" {
			chapters = append(chapters, d)
		}
	}
	said := c.read(chapters)
	cases, err := c.readCases(files, said)
	if err != nil {
		return nil, err
	}
	results, err := c.readResults(said)
	if err != nil {
		return nil, err
	}
	c.cover(said, cases)
	made, err := generate(said, cases, results)
	if err != nil {
		return nil, err
	}
	c.checkLost(said)
	c.checkExamples(chapters, cases)
	// The tables that are made belong to the text.
	documents = append(documents, parse(coverageFile, made[coverageFile]))
	c.checkLinks(documents, made)
	if err := c.checkMentions(files, said); err != nil {
		return nil, err
	}
	result := &Result{Requirements: said.requirements, Cases: len(cases), Generated: made}
	for name, text := range made {
		if stands, err := fs.ReadFile(c.root, name); err != nil || !bytes.Equal(stands, text) {
			result.Stale = append(result.Stale, name)
		}
	}
	slices.Sort(result.Stale)
	slices.SortStableFunc(c.problems, func(a, b Problem) int {
		if d := strings.Compare(a.Path, b.Path); d != 0 {
			return d
		}
		return a.Line - b.Line
	})
	result.Problems = slices.Compact(c.problems)
	return result, nil
}

// Write writes the generated files that are stale.
func (r *Result) Write(root string) error {
	for _, name := range r.Stale {
		if err := os.WriteFile(filepath.Join(root, filepath.FromSlash(name)), r.Generated[name], 0o644); err != nil {
			return err
		}
	}
	return nil
}

// files lists the tree, without what is hidden, but for .github, and without the
// files of tests.
func (c *checker) files() ([]string, error) {
	var files []string
	err := fs.WalkDir(c.root, ".", func(name string, d fs.DirEntry, err error) error {
		switch base := path.Base(name); {
		case err != nil:
			return err
		case d.IsDir() && name != "." && (strings.HasPrefix(base, ".") && base != ".github" || base == "testdata" || base == "node_modules" || base == "__pycache__"):
			return fs.SkipDir
		case d.Type().IsRegular():
			files = append(files, name)
		}
		return nil
	})
	return files, err
}

// parseAll reads every Markdown file but the one that is generated.
func (c *checker) parseAll(files []string) ([]*document, error) {
	var documents []*document
	for _, name := range files {
		if path.Ext(name) != ".md" || name == coverageFile {
			continue
		}
		source, err := fs.ReadFile(c.root, name)
		if err != nil {
			return nil, err
		}
		documents = append(documents, parse(name, source))
	}
	return documents, nil
}
