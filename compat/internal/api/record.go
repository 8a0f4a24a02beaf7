package api

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// header is the first line of each file. The import path follows it.
const header = "// The exported API of "

// Read reads the record of the tree at root. A tree without one has an empty record.
func Read(root string) (Record, error) {
	names, err := filepath.Glob(filepath.Join(root, Dir, "*.txt"))
	if err != nil {
		return nil, err
	}
	record := Record{}
	for _, name := range names {
		content, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		first, text, _ := strings.Cut(string(content), "\n")
		path, ok := strings.CutPrefix(first, header)
		if !ok {
			return nil, fmt.Errorf("%s: the first line is not %q and an import path", name, header)
		}
		path, _, _ = strings.Cut(path, ",")
		record[path] = []byte(text)
	}
	return record, nil
}

// Write replaces the record of the tree at root.
func (r Record) Write(root string) error {
	dir := filepath.Join(root, Dir)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	old, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil {
		return err
	}
	for _, name := range old {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	for path, text := range r {
		content := header + path + ", written by `go tool mage api`.\n" + string(text)
		if err := os.WriteFile(filepath.Join(dir, fileName(path)), []byte(content), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// fileName names the file of a package after its path in the tree:
// .../go/remoteevent is remoteevent.txt.
func fileName(path string) string {
	if parts := strings.SplitN(path, "/", 4); len(parts) == 4 {
		path = strings.TrimPrefix(parts[3], "go/")
	}
	return strings.ReplaceAll(path, "/", ".") + ".txt"
}
