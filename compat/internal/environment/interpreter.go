package environment

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// commands are the names of interpreters to look for in PATH.
var commands = []string{
	"python3", "python3.8", "python3.9", "python3.10", "python3.11", "python3.12", "python3.13", "python3.14", "pypy3",
}

// Interpreters returns the Pythons in PATH and of pyenv that can run originals, the oldest
// first. It returns the newest one of each implementation and minor version. It skips
// interpreters that do not run, are too old or cannot make environments.
func Interpreters(ctx context.Context) ([]Python, error) {
	candidates := append(slices.Clone(commands), pyenv()...)
	answers := make([]Python, len(candidates))
	var group sync.WaitGroup
	for i, candidate := range candidates {
		group.Go(func() {
			// PATH may contain shims of pyenv for versions that are not selected.
			if python, err := FindPython(ctx, candidate); err == nil && python.requireVenv() == nil {
				answers[i] = python
			}
		})
	}
	group.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	newest := map[string]Python{}
	for _, python := range answers {
		minor := python.minor()
		if known, ok := newest[minor]; python.Version != "" && (!ok || compareVersions(python.Version, known.Version) > 0) {
			newest[minor] = python
		}
	}
	var found []Python
	for _, python := range newest {
		found = append(found, python)
	}
	slices.SortFunc(found, func(a, b Python) int {
		return cmp.Or(cmp.Compare(a.Implementation, b.Implementation), compareVersions(a.Version, b.Version))
	})
	if len(found) == 0 {
		_, err := FindPython(ctx, "python3") // the error names what is missing
		return nil, err
	}
	return found, nil
}

// pyenv returns the interpreters in pyenv's directory.
func pyenv() []string {
	root := os.Getenv("PYENV_ROOT")
	if home, err := os.UserHomeDir(); root == "" && err == nil {
		root = filepath.Join(home, ".pyenv")
	}
	found, err := filepath.Glob(filepath.Join(root, "versions", "*", "bin", "python3"))
	if err != nil {
		return nil // the root's name is an invalid pattern
	}
	return found
}

// minor returns the implementation with the major and minor version: "CPython 3.11".
func (p Python) minor() string {
	numbers := strings.SplitN(p.Version, ".", 3)
	return p.Implementation + " " + strings.Join(numbers[:min(2, len(numbers))], ".")
}

// compareVersions compares dotted numbers. An invalid number counts as 0.
func compareVersions(a, b string) int {
	numbers := func(version string) []int {
		var all []int
		for part := range strings.SplitSeq(version, ".") {
			n, err := strconv.Atoi(part)
			if err != nil {
				n = 0
			}
			all = append(all, n)
		}
		return all
	}
	return slices.Compare(numbers(a), numbers(b))
}
