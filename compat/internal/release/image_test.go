package release

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestContainerImage builds the image of the command and runs its demo, which needs nothing
// of the image but the binary. Snapshot does so with every command.
func TestContainerImage(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes many seconds")
	}
	c := commands[0]
	binary := filepath.Join(t.TempDir(), c.name)
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, c.pkg)
	build.Dir = filepath.Join(repository, c.dir)
	build.Env = append(os.Environ(), "GOOS=linux", "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", c.name, err, output)
	}
	printed, err := tryImage(t.Context(), repository, c, binary)
	if err != nil || !strings.Contains(printed, "lost: 0") {
		t.Errorf("%v\n%s", err, printed)
	}
}
