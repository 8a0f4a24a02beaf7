package release

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/remote-events/remote-events/spec"
)

// The archive has the files that its manifest lists, with their digests, and is the same
// whenever and wherever it is made.
func TestWriteVectors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, map[string]string{vectorsName + "-0.0.1.tar.gz": "an older one"})
	name, digest, err := WriteVectors(repository, dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, again, err := WriteVectors(repository, t.TempDir()); err != nil || again != digest {
		t.Errorf("a second archive: %v, digest %s, want %s", err, again, digest)
	}
	if archives, err := filepath.Glob(filepath.Join(dir, "*.tar.gz")); err != nil || !slices.Equal(archives, []string{name}) {
		t.Errorf("archives: %q, %v, want %q", archives, err, name)
	}
	suite, err := spec.ReadManifest()
	if err != nil {
		t.Fatal(err)
	}
	unpacked := t.TempDir()
	if err := unpack(name, unpacked); err != nil {
		t.Fatal(err)
	}
	top := vectorsName + "-" + suite.SuiteVersion
	if want := top + ".tar.gz"; filepath.Base(name) != want {
		t.Errorf("the archive is %s, want %s", name, want)
	}
	root := os.DirFS(filepath.Join(unpacked, top))
	text, err := fs.ReadFile(root, spec.ManifestFile)
	if err != nil {
		t.Fatal(err)
	}
	var manifest spec.Manifest
	if err := json.Unmarshal(text, &manifest); err != nil {
		t.Fatal(err)
	}
	listed := map[string]string{}
	for _, entry := range manifest.Files {
		listed[entry.Path] = entry.SHA256
	}
	files := 0
	if err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || name == spec.ManifestFile {
			return err
		}
		files++
		text, err := fs.ReadFile(root, name)
		if sum := sha256.Sum256(text); hex.EncodeToString(sum[:]) != listed[name] {
			t.Errorf("%s is not as the manifest lists it", name)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if files != len(manifest.Files) || manifest.SuiteVersion != suite.SuiteVersion || manifest.Cases != suite.Cases {
		t.Errorf("%d files, and the manifest lists %d, with suite %s and %d cases", files, len(manifest.Files), manifest.SuiteVersion, manifest.Cases)
	}
	for _, name := range []string{"LICENSE", "README.md", "schemas/vectors.schema.json", "spec/classes.json", "spec/lua/exchange.lua", "spec/requirements.json", "spec/vectors/README.md", "spec/vectors/wire.json", "spec/wire.md"} {
		if listed[name] == "" {
			t.Errorf("the archive does not have %s", name)
		}
	}
}

// The archive is not made of files that the manifest does not know, and a suite that has
// changed since a release is not released under the same version.
func TestSuiteVersion(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	const vectors = "spec/vectors/wire.json"
	write(t, root, map[string]string{
		"LICENSE": "Mine.\n", "spec/README.md": "# Read\n", "spec/requirements.json": "{}\n", "spec/vectors/README.md": "# Run\n",
		"spec/classes.json": `{"version": "1.0"}`, vectors: `{"family": "wire", "cases": [{}]}`, manifestPath: `{"suite_version": "1.0.0"}`,
	})
	if _, _, err := WriteVectors(root, t.TempDir()); err == nil || !strings.Contains(err.Error(), "spec/manifest.json does not fit the files") {
		t.Errorf("a stale manifest: %v", err)
	}
	commit(t, root, "init", "--quiet")
	snapshot := func(files map[string]string) {
		t.Helper()
		write(t, root, files)
		commit(t, root, "add", ".")
		commit(t, root, "commit", "--quiet", "--message", "Change")
	}
	snapshot(map[string]string{"a": "1"})
	check := func(what, want string) {
		t.Helper()
		if err := checkSuite(t.Context(), root); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", what, err, want)
		}
	}
	check("before a release", "")
	commit(t, root, "tag", "--annotate", "--message", "v0.1.0", "v0.1.0")
	commit(t, root, "tag", "--annotate", "--message", "other", "go/v0.9.0")
	snapshot(map[string]string{"a": "2", "spec/coverage.md": "# Coverage\n"})
	check("a change of other files", "")
	for _, name := range []string{vectors, "spec/README.md", "schemas/a.schema.json", scenarios + "/redis.json"} {
		snapshot(map[string]string{name: `{"family": "wire", "cases": [{}, {}]}`})
		check("a change of "+name, "the suite is 1.0.0 in v0.1.0, too, and has changed since: raise suite_version in spec/manifest.json. Changed: ")
	}
	snapshot(map[string]string{manifestPath: `{"suite_version": "1.1.0"}`})
	check("another version", "")
	commit(t, root, "tag", "--annotate", "--message", "v0.2.0", "v0.2.0")
	check("the released commit", "")
	snapshot(map[string]string{vectors: `{"family": "wire", "cases": [{}]}`})
	check("a change after the second release", "the suite is 1.1.0 in v0.2.0, too")
}
