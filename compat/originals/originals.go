// Package originals carries the driver that runs an original Python package as
// an adapter.
package originals

import (
	_ "embed"

	"github.com/remote-events/remote-events/compat/internal/cache"
)

//go:embed driver.py
var driver []byte

// Command is the command line that runs the driver on an interpreter in whose
// environment an original is installed. The driver is put into dir first,
// because the harness must run from anywhere.
//
// The interpreter runs isolated (-I): PYTHONPATH and a user's own packages
// would make it another original than the published one.
func Command(dir cache.Dir, python string) ([]string, error) {
	path, err := dir.File("driver.py", driver)
	if err != nil {
		return nil, err
	}
	return []string{python, "-I", path}, nil
}

//go:embed bench.py
var bench []byte

// BenchCommand is the command line that measures an original, as [Command] is
// the one that runs it as an adapter.
func BenchCommand(dir cache.Dir, python string) ([]string, error) {
	driven, err := Command(dir, python)
	if err != nil {
		return nil, err
	}
	path, err := dir.File("bench.py", bench)
	if err != nil {
		return nil, err
	}
	return []string{python, "-I", path, driven[len(driven)-1]}, nil
}
