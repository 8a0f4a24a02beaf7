package release

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// dockerfile is the file of the images, relative to the root.
const dockerfile = ".ci/Dockerfile"

// tryImage builds the image of a command from its static binary, for this machine's
// architecture, and runs it without rights, without a network, and with a file system that
// cannot be written. It returns the output of the command, and removes the image.
func tryImage(ctx context.Context, root string, c command, binary string) (printed string, err error) {
	dir, err := os.MkdirTemp("", "image")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	platform := "linux/" + runtime.GOARCH
	text, err := os.ReadFile(binary)
	if err == nil {
		err = os.MkdirAll(filepath.Join(dir, platform), 0o755)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, platform, c.name), text, 0o755)
	}
	if err == nil {
		err = writeCertificates(filepath.Join(dir, ".release", "documents"))
	}
	if err != nil {
		return "", err
	}
	image := fmt.Sprintf("%s-try-%d", c.name, os.Getpid())
	if _, err := output(ctx, "docker", "build", "--quiet", "--tag", image, "--build-arg", "COMMAND="+c.name,
		"--build-arg", "TARGETPLATFORM="+platform, "--file", filepath.Join(root, filepath.FromSlash(dockerfile)), dir); err != nil {
		return "", err
	}
	defer func() {
		if _, removed := output(context.WithoutCancel(ctx), "docker", "rmi", "--force", image); err == nil {
			err = removed
		}
	}()
	user, err := output(ctx, "docker", "image", "inspect", "--format", "{{.Config.User}}", image)
	if err != nil {
		return "", err
	}
	if got := strings.TrimSpace(string(user)); got != "65532:65532" {
		return "", fmt.Errorf("the image of %s runs as the user %q", c.name, got)
	}
	run := []string{"run", "--rm", "--read-only", "--network", "none", "--cap-drop", "ALL", image}
	text, err = output(ctx, "docker", slices.Concat(run, c.try)...)
	return string(text), err
}
