package release

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestContainerImage builds the image of each command and runs it: the demo of remote-event,
// and the cases of a family with compat. Both need nothing of the image but the binary.
func TestContainerImage(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes many seconds")
	}
	prints := map[string]string{"remote-event": "lost: 0", "compat": " passed\n"}
	for _, c := range commands {
		testImage(t, c, prints[c.name])
	}
}

func testImage(t *testing.T, c command, prints string) {
	t.Helper()
	binary := filepath.Join(t.TempDir(), c.name)
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, c.pkg)
	build.Dir = filepath.Join(repository, c.dir)
	build.Env = append(os.Environ(), "GOOS=linux", "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", c.name, err, output)
	}
	printed, err := tryImage(t.Context(), repository, c, binary)
	if err != nil || !strings.Contains(printed, prints) {
		t.Errorf("%s: %v\n%s", c.name, err, printed)
	}
}
