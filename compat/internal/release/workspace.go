// Package release prepares, checks and tags releases of the modules of the workspace. All
// modules of a release have the same version, and require each other at that version. A
// replacement in a go.mod would make `go install PACKAGE@VERSION` fail, so that no module
// has one: go.work replaces the required version by the directory.
package release

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/mod/modfile"
)

// workFile is the file of the workspace.
const workFile = "go.work"

// unreleased are the directories of modules that are not for import.
var unreleased = map[string]bool{"examples": true}

// Workspace is the workspace of the repository.
type Workspace struct {
	Root    string // the directory of go.work
	Modules []Module

	work *modfile.WorkFile
}

// Module is a module of the workspace.
type Module struct {
	Dir  string // relative to the root of the workspace, with slashes, "." for the root
	Path string

	file *modfile.File
}

// Released reports whether a release contains the module.
func (m Module) Released() bool { return !unreleased[m.Dir] }

// Tag returns the tag of a version of the module.
func (m Module) Tag(version string) string {
	if m.Dir == "." {
		return version
	}
	return m.Dir + "/" + version
}

// Load reads go.work in root and the go.mod of each of its modules.
func Load(root string) (*Workspace, error) {
	name := filepath.Join(root, workFile)
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	w := &Workspace{Root: root}
	if w.work, err = modfile.ParseWork(name, text, nil); err != nil {
		return nil, err
	}
	for _, use := range w.work.Use {
		m := Module{Dir: path.Clean(use.Path)}
		if text, err = os.ReadFile(w.modFile(m)); err != nil {
			return nil, err
		}
		if m.file, err = modfile.Parse(w.modFile(m), text, nil); err != nil {
			return nil, err
		}
		m.Path = m.file.Module.Mod.Path
		w.Modules = append(w.Modules, m)
	}
	return w, nil
}

// modFile returns the name of a module's go.mod.
func (w *Workspace) modFile(m Module) string {
	return filepath.Join(w.Root, filepath.FromSlash(m.Dir), "go.mod")
}

// module returns the module of a path, if the workspace has it.
func (w *Workspace) module(modulePath string) (Module, bool) {
	for _, m := range w.Modules {
		if m.Path == modulePath {
			return m, true
		}
	}
	return Module{}, false
}

// Version returns the version at which the modules require each other. It reports a
// replacement in a go.mod, different versions, and a required module that go.work does not
// replace by its directory.
func (w *Workspace) Version() (string, error) {
	var version string
	var faults []error
	required := map[string]bool{}
	for _, m := range w.Modules {
		file := m.Tag("go.mod")
		for _, r := range m.file.Replace {
			faults = append(faults, fmt.Errorf("%s replaces %s: replace it in go.work, at its required version", file, r.Old.Path))
		}
		for _, r := range m.file.Require {
			if _, ok := w.module(r.Mod.Path); !ok {
				continue
			}
			required[r.Mod.Path] = true
			switch version {
			case "":
				version = r.Mod.Version
			case r.Mod.Version:
			default:
				faults = append(faults, fmt.Errorf("%s requires %s, other modules of the workspace are required at %s", file, r.Mod, version))
			}
		}
	}
	for _, m := range w.Modules {
		if required[m.Path] && !w.replaces(m, version) {
			faults = append(faults, fmt.Errorf("go.work does not replace %s %s by %s", m.Path, version, directory(m)))
		}
	}
	for _, r := range w.work.Replace {
		if m, ok := w.module(r.Old.Path); ok && r.Old.Version != version {
			faults = append(faults, fmt.Errorf("go.work replaces %s: the modules require %s", strings.TrimSpace(r.Old.Path+" "+r.Old.Version), m.Path+" "+version))
		}
	}
	return version, errors.Join(faults...)
}

// replaces reports whether go.work replaces a version of a module by its directory.
func (w *Workspace) replaces(m Module, version string) bool {
	for _, r := range w.work.Replace {
		if r.Old.Path == m.Path && r.Old.Version == version && path.Clean(r.New.Path) == m.Dir {
			return true
		}
	}
	return false
}

// directory returns the directory of a module as go.work writes it.
func directory(m Module) string {
	if m.Dir == "." {
		return "."
	}
	return "./" + m.Dir
}

// Require makes the modules of the workspace require each other at a version, and go.work
// replace that version.
func (w *Workspace) Require(version string) error {
	required := map[string]bool{}
	for _, m := range w.Modules {
		for _, r := range m.file.Require {
			if _, ok := w.module(r.Mod.Path); ok {
				required[r.Mod.Path] = true
				if err := m.file.AddRequire(r.Mod.Path, version); err != nil {
					return err
				}
			}
		}
		text, err := m.file.Format()
		if err == nil {
			err = os.WriteFile(w.modFile(m), text, 0o644)
		}
		if err != nil {
			return err
		}
	}
	for _, r := range w.work.Replace {
		if _, ok := w.module(r.Old.Path); ok {
			if err := w.work.DropReplace(r.Old.Path, r.Old.Version); err != nil {
				return err
			}
		}
	}
	w.work.Cleanup()
	for _, m := range w.Modules {
		if required[m.Path] {
			if err := w.work.AddReplace(m.Path, version, directory(m), ""); err != nil {
				return err
			}
		}
	}
	w.work.SortBlocks()
	return os.WriteFile(filepath.Join(w.Root, workFile), modfile.Format(w.work.Syntax), 0o644)
}
