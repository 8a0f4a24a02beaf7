package release

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// TestContainerImages builds the images as a release does, for this machine's architecture,
// and runs them with a file system that cannot be written.
func TestContainerImages(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it builds the commands and images")
	}
	dir := t.TempDir()
	platform := "linux/" + runtime.GOARCH
	if err := writeCertificates(filepath.Join(dir, ".release", "documents")); err != nil {
		t.Fatal(err)
	}
	for _, c := range commands {
		build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(dir, platform, c.name), c.pkg)
		build.Dir = filepath.Join(repository, c.dir)
		build.Env = append(os.Environ(), "GOOS=linux", "CGO_ENABLED=0")
		if output, err := build.CombinedOutput(); err != nil {
			t.Fatalf("build %s: %v\n%s", c.name, err, output)
		}
		name := fmt.Sprintf("%s-test-%d", c.name, os.Getpid())
		docker(t, "build", "--quiet", "--tag", name, "--build-arg", "COMMAND="+c.name, "--build-arg", "TARGETPLATFORM="+platform,
			"--file", filepath.Join(repository, ".ci", "Dockerfile"), dir)
		t.Cleanup(func() { _ = exec.Command("docker", "rmi", "--force", name).Run() })
		if user := docker(t, "image", "inspect", "--format", "{{.Config.User}}", name); user != "65532:65532" {
			t.Errorf("%s runs as %q", c.name, user)
		}
		args, want := []string{"demo"}, "lost: 0"
		if c.name == "compat" {
			args, want = []string{"list"}, "new_file_event"
		}
		output := docker(t, append([]string{"run", "--rm", "--read-only", "--network", "none", "--cap-drop", "ALL", name}, args...)...)
		if !strings.Contains(output, want) {
			t.Errorf("%s %s has no %q:\n%s", c.name, args[0], want, output)
		}
	}
}

// docker runs docker and returns its standard output.
func docker(t *testing.T, args ...string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "docker", args...)
	var stderr bytes.Buffer
	command.Stderr = &stderr
	output, err := command.Output()
	if err != nil {
		t.Fatalf("docker %s: %v\n%s", strings.Join(args, " "), err, stderr.Bytes())
	}
	return strings.TrimSpace(string(output))
}
