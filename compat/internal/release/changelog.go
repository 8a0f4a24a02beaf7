package release

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// changelogFile is the file of the changes, in the format of keepachangelog.com.
const changelogFile = "CHANGELOG.md"

// unreleasedTitle is the title of the section of changes without a release.
const unreleasedTitle = "## Unreleased"

// releasedTitle returns the beginning of the title of a version's section.
func releasedTitle(version string) string {
	return "## " + strings.TrimPrefix(version, "v") + " - "
}

// sectionOf returns the text of a section of the changelog, or "" if there is none.
func sectionOf(text, title string) string {
	var b strings.Builder
	inside := false
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "## ") {
			inside = strings.HasPrefix(line, title)
			continue
		}
		if inside {
			b.WriteString(line)
		}
	}
	return strings.TrimSpace(b.String())
}

// Changes returns the text of the changelog on a version. An error reports that there is
// none.
func Changes(root, version string) (string, error) {
	text, err := os.ReadFile(filepath.Join(root, changelogFile))
	if err != nil {
		return "", err
	}
	changes := sectionOf(string(text), releasedTitle(version))
	if changes == "" {
		return "", fmt.Errorf("%s has no section %q with changes", changelogFile, releasedTitle(version)+"YYYY-MM-DD")
	}
	return changes, nil
}

// date assigns the unreleased changes to a version that is released today.
func date(root, version string, today time.Time) error {
	name := filepath.Join(root, changelogFile)
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if sectionOf(string(text), unreleasedTitle) == "" {
		return errors.New(changelogFile + " has no changes in its section Unreleased")
	}
	if sectionOf(string(text), releasedTitle(version)) != "" {
		return fmt.Errorf("%s already has a section on %s", changelogFile, version)
	}
	title := unreleasedTitle + "\n\n" + releasedTitle(version) + today.UTC().Format(time.DateOnly)
	return os.WriteFile(name, []byte(strings.Replace(string(text), unreleasedTitle, title, 1)), 0o644)
}
