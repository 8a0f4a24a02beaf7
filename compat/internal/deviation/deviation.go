// Package deviation reads the known deviations of implementations from the specification,
// one file for each implementation. A deviation that is in no file fails the run. So does
// a known deviation that no longer occurs.
package deviation

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/remote-events/remote-events/compat/internal/report"
	"github.com/remote-events/remote-events/compat/internal/suite"
)

// File lists the known deviations of one implementation.
type File struct {
	// Implementation is the name that the adapter reports.
	Implementation string  `json:"implementation"`
	Deviations     []Known `json:"deviations"`
}

// Known is a known deviation.
type Known struct {
	report.Deviation

	// Versions has patterns for path.Match, such as "1.*". They select the versions of the
	// implementation that deviate. The default is all versions.
	Versions []string `json:"versions,omitempty"`
	// On restricts the deviation to some versions of dependencies. It maps a name in the
	// implementation's details to patterns of versions: {"redis": ["3.*", "4.*"]}.
	On map[string][]string `json:"on,omitempty"`
	// Request is "send" or "receive" if the case makes both requests and only one deviates.
	Request string `json:"request,omitempty"`
}

// Read parses and validates a file.
func Read(text []byte) (File, error) {
	var f File
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&f); err != nil {
		return f, err
	}
	if f.Implementation == "" {
		return f, errors.New("the member implementation is missing")
	}
	for i, d := range f.Deviations {
		if err := d.check(); err != nil {
			return f, fmt.Errorf("deviation %d (%s): %w", i+1, d.Pattern, err)
		}
	}
	return f, nil
}

func (k Known) check() error {
	if _, err := path.Match(k.Pattern, ""); err != nil || k.Pattern == "" {
		return fmt.Errorf("invalid pattern of cases %q", k.Pattern)
	}
	for _, version := range slices.Concat(append(slices.Collect(maps.Values(k.On)), k.Versions)...) {
		if _, err := path.Match(version, ""); err != nil {
			return fmt.Errorf("version %q: %w", version, err)
		}
	}
	switch {
	case !slices.Contains([]report.Kind{report.WontFix, report.Bug, report.Flaky}, k.Kind):
		return fmt.Errorf("kind is %q, not wontfix, bug or flaky", k.Kind)
	case strings.TrimSpace(k.Why) == "" || k.Why == unexplained:
		return errors.New("the deviation has no reason")
	case k.Observed == "":
		return errors.New("the deviation has no observed outcome")
	case k.Request != "" && k.Request != "send" && k.Request != "receive":
		return fmt.Errorf("request is %q, not send or receive", k.Request)
	}
	return nil
}

// ReadFile reads a user's file.
func ReadFile(name string) (File, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return File{}, err
	}
	f, err := Read(text)
	if err != nil {
		return f, fmt.Errorf("%s: %w", name, err)
	}
	return f, nil
}

// ReadAll reads the files of a directory.
func ReadAll(files embed.FS) ([]File, error) {
	names, err := fs.Glob(files, "*.json")
	if err != nil {
		return nil, err
	}
	var all []File
	for _, name := range names {
		text, err := files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		f, err := Read(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, f)
	}
	return all, nil
}

// Apply marks the known failures of a report as deviations, and adds the stale deviations
// to the report. A known deviation is stale if the run has its case and its version, and the
// deviation did not occur. A flaky one is never stale.
func Apply(r *report.Report, files []File) {
	for _, implementation := range r.Implementations {
		for _, f := range files {
			if f.Implementation != implementation.Name {
				continue
			}
			for _, known := range f.Deviations {
				if !known.holdsFor(implementation) {
					continue
				}
				if ran, occurred := known.mark(r, implementation.ID); ran && !occurred && known.Kind != report.Flaky {
					r.Stale = append(r.Stale, report.StaleDeviation{Implementation: implementation.ID, Deviation: known.Deviation})
				}
			}
		}
	}
}

func (k Known) holdsFor(i report.Implementation) bool {
	for name, versions := range k.On {
		if !matches(versions, i.Details[name]) {
			return false
		}
	}
	return matches(k.Versions, i.Version)
}

// matches reports whether a pattern matches the version. No patterns match every version.
func matches(patterns []string, version string) bool {
	return len(patterns) == 0 || slices.ContainsFunc(patterns, func(pattern string) bool {
		matched, err := path.Match(pattern, version)
		return err == nil && matched
	})
}

// mark marks the known failures of one implementation. It reports whether the run has a
// verdict on the case, and whether the deviation occurred.
func (k Known) mark(r *report.Report, id string) (ran, occurred bool) {
	for i := range r.Results {
		result := &r.Results[i]
		if !suite.Match(k.Pattern, result.Case) || !k.concerns(result, id) || result.Outcome == report.Unsupported {
			continue
		}
		known := strings.HasPrefix(result.Observed, k.Observed)
		ran = ran || result.Outcome != report.Errored && result.Outcome != report.Inconclusive // without a verdict
		if result.Outcome.Unexpected() && known {
			result.Outcome, result.Deviation = report.Deviates, &k.Deviation
		}
		occurred = occurred || result.Outcome == report.Deviates && known
	}
	return ran, occurred
}

// concerns reports whether a result belongs to the implementation. The result of a pair
// belongs to its receiver, because the sender has a separate result.
func (k Known) concerns(result *report.Result, id string) bool {
	sends := result.Sender == id && result.Receiver == ""
	receives := slices.Contains(strings.Split(result.Receiver, " + "), id)
	switch k.Request {
	case "send":
		return sends
	case "receive":
		return receives
	}
	return sends || receives
}
