package deviation

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/remote-events/remote-events/compat/internal/report"
)

// unexplained is the reason in a draft. A person must replace it.
const unexplained = "TODO: give the reason"

// Drafts returns the failures of a report as drafts of known deviations, one file for each
// implementation. Drafts have no reason and are rejected until a person adds one.
func Drafts(r *report.Report) []File {
	var files []File
	for _, implementation := range r.Implementations {
		f := File{Implementation: implementation.Name}
		var all []Known
		for _, result := range r.Results {
			if result.Outcome != report.Failed || !(Known{}).concerns(&result, implementation.ID) {
				continue
			}
			class, _, _ := strings.Cut(result.Observed, " ")
			known := Known{
				Deviation: report.Deviation{Pattern: result.Case, Observed: strings.TrimRight(class, ":"), Kind: report.Bug, Why: unexplained},
				Versions:  []string{implementation.Version},
			}
			if !slices.ContainsFunc(all, func(k Known) bool { return k.Deviation == known.Deviation }) {
				all = append(all, known)
			}
		}
		i := slices.IndexFunc(files, func(o File) bool { return o.Implementation == f.Implementation })
		if i < 0 && len(all) > 0 {
			i = len(files)
			files = append(files, f)
		}
		for _, known := range all {
			files[i].add(known)
		}
	}
	return files
}

// add adds a draft. It adds only the version if an equal draft exists.
func (f *File) add(known Known) {
	for i := range f.Deviations {
		if f.Deviations[i].Deviation == known.Deviation {
			for _, version := range known.Versions {
				if !slices.Contains(f.Deviations[i].Versions, version) {
					f.Deviations[i].Versions = append(f.Deviations[i].Versions, version)
				}
			}
			return
		}
	}
	f.Deviations = append(f.Deviations, known)
}

// Write writes a draft into a directory and returns its path.
func (f File) Write(dir string) (string, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(f); err != nil {
		return "", err
	}
	name := strings.Map(func(c rune) rune {
		if c == '/' || c == '\\' || c < ' ' {
			return '-'
		}
		return c
	}, f.Implementation)
	path := filepath.Join(dir, name+".draft.json")
	return path, os.WriteFile(path, text.Bytes(), 0o600)
}
