package release

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"golang.org/x/mod/semver"
)

// Prepare changes the tree for the release of a version: the requirements in every go.mod,
// the replacements in go.work, and the section of unreleased changes in the changelog.
// It commits nothing.
func Prepare(root, version string, today time.Time) error {
	if err := validate(version); err != nil {
		return err
	}
	w, err := Load(root)
	if err != nil {
		return err
	}
	if err := date(root, version, today); err != nil {
		return err
	}
	return w.Require(version)
}

// validate reports a version that modules of this repository cannot have.
func validate(version string) error {
	if semver.Canonical(version) != version || semver.Build(version) != "" {
		return fmt.Errorf("%q is no version: write v1.2.3 or v1.2.3-rc.1", version)
	}
	if major := semver.Major(version); major != "v0" && major != "v1" {
		return fmt.Errorf("%s: from v2 on, the path of every module has to end with /%s", version, major)
	}
	return nil
}

// Tags returns the tags of a version, one for each released module. The tag of the root is
// first. It reports everything that the tree lacks: a section of the changelog, the
// requirements of this version, a committed state, tags that are not used yet, and another
// version of the suite if the suite has changed since the last release.
func Tags(ctx context.Context, root, version string) ([]string, error) {
	if err := validate(version); err != nil {
		return nil, err
	}
	w, err := Load(root)
	if err != nil {
		return nil, err
	}
	var faults []error
	required, err := w.Version()
	if err == nil && required != version {
		err = fmt.Errorf("the modules require each other at %s, not at %s", required, version)
	}
	faults = append(faults, err)
	_, err = Changes(root, version)
	faults = append(faults, err, checkSuite(ctx, root))
	status, err := git(ctx, root, "status", "--porcelain")
	if err == nil && status != "" {
		err = fmt.Errorf("the tree has changes that are not committed:\n%s", status)
	}
	faults = append(faults, err)
	var tags []string
	for _, m := range w.Modules {
		if m.Released() {
			tags = append(tags, m.Tag(version))
		}
	}
	used, err := git(ctx, root, append([]string{"tag", "--list"}, tags...)...)
	if err == nil && used != "" {
		err = fmt.Errorf("tags that exist: %s", strings.Join(strings.Fields(used), ", "))
	}
	return tags, errors.Join(append(faults, err)...)
}

// Tag creates the tags of a version on the current commit.
func Tag(ctx context.Context, root, version string) error {
	tags, err := Tags(ctx, root, version)
	if err != nil {
		return err
	}
	for i, tag := range tags {
		if _, err := git(ctx, root, "tag", "--annotate", "--message", "Release "+version, tag); err != nil {
			_, undone := git(ctx, root, append([]string{"tag", "--delete"}, tags[:i]...)...)
			if i == 0 {
				undone = nil
			}
			return errors.Join(err, undone)
		}
	}
	return nil
}

// git runs git in a directory, and returns its output without surrounding space.
func git(ctx context.Context, dir string, args ...string) (string, error) {
	command := exec.CommandContext(ctx, "git", args...)
	command.Dir = dir
	var stderr bytes.Buffer
	command.Stderr = &stderr
	output, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %w: %s", args[0], err, strings.TrimSpace(stderr.String()))
	}
	return strings.TrimSpace(string(output)), nil
}
