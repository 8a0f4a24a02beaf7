package specification

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/remote-events/remote-events/spec"
)

// testCase is a vector, or a scenario of the harness.
type testCase struct {
	ID           string          `json:"id"`
	Requirements []string        `json:"requirements"`
	Message      json.RawMessage `json:"message"` // of a vector that has one
	Steps        json.RawMessage `json:"steps"`   // of a session

	family string
	path   string
	line   int
}

// caseFiles are the directories of the case files.
var caseFiles = []string{"spec/vectors", "compat/internal/suite/data"}

// readCases reads the cases and checks that the requirements they name exist.
func (c *checker) readCases(files []string, rules ruleset) (map[string]testCase, error) {
	cases := map[string]testCase{}
	for _, name := range files {
		if !slices.Contains(caseFiles, path.Dir(name)) || path.Ext(name) != ".json" {
			continue
		}
		source, err := fs.ReadFile(c.root, name)
		if err != nil {
			return nil, err
		}
		var file struct {
			Family string     `json:"family"`
			Cases  []testCase `json:"cases"`
		}
		if err := json.Unmarshal(source, &file); err != nil {
			c.problemf(name, 0, "cannot read the file: %v", err)
			continue
		}
		for _, one := range file.Cases {
			one.path, one.line, one.family = name, lineOfID(source, one.ID), file.Family
			if !strings.Contains(one.ID, "/") {
				one.ID = path.Join(file.Family, one.ID)
			}
			if other, ok := cases[one.ID]; ok {
				c.problemf(name, one.line, "the id %s is already used in %s:%d: use another id", one.ID, other.path, other.line)
			}
			cases[one.ID] = one
			if len(one.Requirements) == 0 {
				c.problemf(name, one.line, "the case %s names no requirement: add the ids of the requirements that it tests", one.ID)
			}
			for _, id := range one.Requirements {
				if rules.byID[id] == nil {
					c.problemf(name, one.line, "the case %s names %s, which is not in the specification: correct the id, or add the requirement", one.ID, id)
				}
			}
		}
	}
	return cases, nil
}

// lineOfID returns the line of a case.
func lineOfID(source []byte, id string) int {
	quoted, err := json.Marshal(id)
	if err != nil {
		return 0
	}
	i := bytes.Index(source, append([]byte(`"id": `), quoted...))
	if i < 0 {
		return 0
	}
	return 1 + bytes.Count(source[:i], []byte("\n"))
}

// cover records the tests of each requirement, and reports requirements without tests.
func (c *checker) cover(rules ruleset, cases map[string]testCase) {
	for _, one := range cases {
		for _, id := range one.Requirements {
			if r := rules.byID[id]; r != nil && !slices.Contains(r.TestedBy, one.ID) {
				r.TestedBy = append(r.TestedBy, one.ID)
			}
		}
	}
	for i := range rules.requirements {
		r := &rules.requirements[i]
		slices.Sort(r.TestedBy)
		for _, test := range r.Tests {
			if problem := c.findTest(test); problem != "" {
				c.problemf(r.path, r.line, "%s is tested by %q: %s", r.ID, test, problem)
			}
		}
		tested := len(r.TestedBy) > 0 || len(r.Tests) > 0
		switch {
		case tested && r.Untestable != "":
			c.problemf(r.path, r.line, "%s is marked as untestable but has tests: remove the comment", r.ID)
		case !tested && r.Untestable == "":
			c.problemf(r.path, r.line, "%s has no test: add a vector or a scenario that names it, or a comment after it: <!-- test: DIR TestName --> or <!-- untestable: why -->", r.ID)
		}
	}
}

// findTest returns the problem with the name of a Go test, as in
// "go/remoteevent TestBatch", or "".
func (c *checker) findTest(test string) string {
	dir, name, ok := strings.Cut(test, " ")
	if !ok || !strings.HasPrefix(name, "Test") {
		return "the form is DIR TestName"
	}
	files, err := fs.Glob(c.root, path.Join(dir, "*_test.go"))
	if err != nil || len(files) == 0 {
		return "there are no tests in " + dir
	}
	for _, file := range files {
		source, err := fs.ReadFile(c.root, file)
		if err == nil && bytes.Contains(source, []byte("\nfunc "+name+"(")) {
			return ""
		}
	}
	return "there is no such test in " + dir
}

// bytesOf returns the message of a vector.
func (t testCase) bytesOf() ([]byte, error) {
	var message spec.RawMessage
	err := json.Unmarshal(t.Message, &message)
	return message.Bytes(), err
}
