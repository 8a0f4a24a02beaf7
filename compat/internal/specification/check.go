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

// Problem is an error in the specification or in a file that refers to it.
type Problem struct {
	Path string // from the root of the tree
	Line int    // 0 for the whole file
	Text string // the error and its correction
}

func (p Problem) String() string {
	if p.Line == 0 {
		return p.Path + ": " + p.Text
	}
	return fmt.Sprintf("%s:%d: %s", p.Path, p.Line, p.Text)
}

// Result is the result of a check.
type Result struct {
	Requirements []Requirement
	Cases        int
	Problems     []Problem // in the order of files and lines
	// Generated holds the generated files by their paths.
	Generated map[string][]byte
	// Stale are the generated files that differ in the tree.
	Stale []string
}

// The generated files, and the file with the results of a run.
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

func (c *checker) problemf(path string, line int, format string, args ...any) {
	c.problems = append(c.problems, Problem{path, line, fmt.Sprintf(format, args...)})
}

// Check checks the tree of the repository. The error reports files that cannot be read.
// The problems within them are in the result.
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
	rules := c.read(chapters)
	cases, err := c.readCases(files, rules)
	if err != nil {
		return nil, err
	}
	results, err := c.readResults(rules)
	if err != nil {
		return nil, err
	}
	c.cover(rules, cases)
	made, err := generate(rules, cases, results)
	if err != nil {
		return nil, err
	}
	c.checkLost(rules)
	if err := c.checkClasses(rules, chapters); err != nil {
		return nil, err
	}
	manifest, err := c.checkManifest()
	if err != nil {
		return nil, err
	}
	if manifest != nil {
		made[manifestFile] = manifest
	}
	c.checkExamples(chapters, cases)
	// The generated tables are part of the text.
	for _, name := range []string{coverageFile, implementationsFile} {
		if text, ok := made[name]; ok {
			documents = append(documents, parse(name, text))
		}
	}
	c.checkLinks(documents, made)
	if err := c.checkMentions(files, rules); err != nil {
		return nil, err
	}
	result := &Result{Requirements: rules.requirements, Cases: len(cases), Generated: made}
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

// Write writes the stale generated files.
func (r *Result) Write(root string) error {
	for _, name := range r.Stale {
		if err := os.WriteFile(filepath.Join(root, filepath.FromSlash(name)), r.Generated[name], 0o644); err != nil {
			return err
		}
	}
	return nil
}

// files lists the tree without hidden files, except those in .github, and without test
// data.
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

// parseAll parses every Markdown file except the generated one.
func (c *checker) parseAll(files []string) ([]*document, error) {
	var documents []*document
	for _, name := range files {
		if path.Ext(name) != ".md" || name == coverageFile || name == implementationsFile {
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
