package release

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/remote-events/remote-events/compat/internal/specification"
	"github.com/remote-events/remote-events/spec"
)

const (
	vectorsName  = "remote-event-vectors"
	manifestPath = "spec/" + spec.ManifestFile
	scenarios    = "compat/internal/suite/data"
)

// inArchive has patterns of the files of the archive of the vectors, besides a manifest and
// a README.
var inArchive = append(slices.Clone(specification.InArchive), "LICENSE", "spec/*.md", "spec/requirements.json", "spec/vectors/README.md")

// notInArchive show results of a run, and change without the suite.
var notInArchive = []string{"spec/coverage.md", "spec/IMPLEMENTATIONS.md"}

// archiveTime is the time of every file of the archive: the bytes of the archive depend on
// its contents only.
var archiveTime = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

const archiveReadme = `# The vectors of the remote-event specification

Suite %s, specification %s, %d cases.

- spec/vectors/README.md defines how to run the vectors.
- spec/README.md is the specification, and spec/requirements.json its requirements.
- schemas/ has the JSON Schemas of all files, and of the messages.
- spec/lua/ has the scripts of reliable delivery.
- manifest.json lists the files with their digests, in the format of
  schemas/manifest.schema.json.

An archive of a version never changes. To pin it, record the version and the digest of
the archive. checksums.txt of the release has the digest.
`

// WriteVectors writes the archive of the vectors of a tree into a directory, removes
// archives of other versions, and returns the path and the SHA-256 of the archive. An equal
// tree makes an equal archive. An error reports a manifest that does not fit the files.
func WriteVectors(root, dir string) (name, digest string, err error) {
	files := os.DirFS(root)
	text, err := fs.ReadFile(files, manifestPath)
	if err != nil {
		return "", "", err
	}
	var recorded spec.Manifest
	if err := json.Unmarshal(text, &recorded); err != nil {
		return "", "", fmt.Errorf("%s: %w", manifestPath, err)
	}
	now, err := specification.Manifest(files, recorded.SuiteVersion, specification.InArchive)
	if err != nil {
		return "", "", err
	}
	if recorded.Specification != now.Specification || !slices.Equal(recorded.Files, now.Files) {
		return "", "", fmt.Errorf("%s does not fit the files: run go tool mage spec", manifestPath)
	}
	whole, err := specification.Manifest(files, recorded.SuiteVersion, inArchive)
	if err != nil {
		return "", "", err
	}
	whole.Files = slices.DeleteFunc(whole.Files, func(e spec.ManifestEntry) bool { return slices.Contains(notInArchive, e.Path) })
	archive, err := pack(files, whole)
	if err != nil {
		return "", "", err
	}
	old, err := filepath.Glob(filepath.Join(dir, vectorsName+"-*.tar.gz"))
	if err != nil {
		return "", "", err
	}
	for _, one := range old {
		err = errors.Join(err, os.Remove(one))
	}
	sum := sha256.Sum256(archive)
	name = filepath.Join(dir, vectorsName+"-"+whole.SuiteVersion+".tar.gz")
	err = errors.Join(err, os.MkdirAll(dir, 0o755), os.WriteFile(name, archive, 0o644))
	return name, hex.EncodeToString(sum[:]), err
}

// pack returns an archive with the files of a manifest, the manifest and a README.
func pack(files fs.FS, m spec.Manifest) ([]byte, error) {
	texts := map[string][]byte{}
	for _, entry := range m.Files {
		text, err := fs.ReadFile(files, entry.Path)
		if err != nil {
			return nil, err
		}
		texts[entry.Path] = text
	}
	readme := fmt.Appendf(nil, archiveReadme, m.SuiteVersion, m.Specification, m.Cases)
	sum := sha256.Sum256(readme)
	m.About = "The version of the suite, and all files of this archive except this one."
	m.Files = append(m.Files, spec.ManifestEntry{Path: "README.md", SHA256: hex.EncodeToString(sum[:]), Bytes: len(readme)})
	slices.SortFunc(m.Files, func(a, b spec.ManifestEntry) int { return strings.Compare(a.Path, b.Path) })
	texts["README.md"] = readme
	manifest, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, err
	}
	texts[spec.ManifestFile] = append(manifest, '\n')

	var b bytes.Buffer
	compressed, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	archive := tar.NewWriter(compressed)
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		header := &tar.Header{
			Typeflag: tar.TypeReg, Name: vectorsName + "-" + m.SuiteVersion + "/" + name, Size: int64(len(texts[name])),
			Mode: 0o644, ModTime: archiveTime, Uname: "root", Gname: "root", Format: tar.FormatUSTAR,
		}
		if err := archive.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := archive.Write(texts[name]); err != nil {
			return nil, err
		}
	}
	err = errors.Join(archive.Close(), compressed.Close())
	return b.Bytes(), err
}

// checkSuite returns an error if the suite differs from the suite of the last release although
// its version is the same: a version never changes under its users.
func checkSuite(ctx context.Context, root string) error {
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(manifestPath)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // the trees of tests have no suite
	}
	if err != nil {
		return err
	}
	last, err := git(ctx, root, "tag", "--list", "--merged", "HEAD", "--sort", "-version:refname", "v*")
	if err != nil || last == "" {
		return err
	}
	last, _, _ = strings.Cut(last, "\n")
	before, err := git(ctx, root, "ls-tree", "--name-only", last, manifestPath)
	if err != nil || before == "" {
		return err // that release had no suite
	}
	if before, err = git(ctx, root, "show", last+":"+manifestPath); err != nil {
		return err
	}
	var was, is spec.Manifest
	if err := errors.Join(json.Unmarshal([]byte(before), &was), json.Unmarshal(text, &is)); err != nil {
		return fmt.Errorf("%s: %w", manifestPath, err)
	}
	if was.SuiteVersion != is.SuiteVersion {
		return nil
	}
	paths := []string{"diff", "--name-only", last, "HEAD", "--", scenarios}
	for _, pattern := range inArchive {
		paths = append(paths, ":(glob)"+pattern)
	}
	for _, name := range notInArchive {
		paths = append(paths, ":(exclude)"+name)
	}
	changed, err := git(ctx, root, paths...)
	if err != nil || changed == "" {
		return err
	}
	return fmt.Errorf("the suite is %s in %s, too, and has changed since: raise suite_version in %s. Changed: %s",
		is.SuiteVersion, last, manifestPath, strings.Join(strings.Fields(changed), ", "))
}
