package spec

import (
	"encoding/json"
	"fmt"
)

// ManifestFile is the path of the manifest in Files.
const ManifestFile = "manifest.json"

// Manifest has the versions of the suite and of the specification, and the files of the
// suite's archive.
type Manifest struct {
	About string `json:"about"`
	// SuiteVersion is the version of the suite: of the vectors, of the scenarios of the
	// harness, and of the schemas and scripts with them.
	SuiteVersion string `json:"suite_version"`
	// Specification is the version of the specification: "1.0".
	Specification string          `json:"specification"`
	Cases         int             `json:"cases"` // of all files
	Files         []ManifestEntry `json:"files"` // by path
}

// ManifestEntry is a file of the archive.
type ManifestEntry struct {
	Path   string `json:"path"` // from the root of the repository, and of the archive
	SHA256 string `json:"sha256"`
	Bytes  int    `json:"bytes"`
	// Family and Cases describe a file of vectors.
	Family string `json:"family,omitempty"`
	Cases  int    `json:"cases,omitempty"`
}

// ReadManifest returns the manifest of this version of the suite.
func ReadManifest() (Manifest, error) {
	var m Manifest
	text, err := Files.ReadFile(ManifestFile)
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return m, fmt.Errorf("spec/%s: %w", ManifestFile, err)
	}
	return m, nil
}
