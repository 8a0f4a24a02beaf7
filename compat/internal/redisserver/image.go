package redisserver

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"

	"github.com/remote-events/remote-events/compat/internal/process"
)

// localImages prefixes the names of the images made here. No registry has that name.
const localImages = "localhost/remote-event/"

// startLocalContainer starts a container of a server of this machine. The image contains
// the binary and its shared libraries. It is made once for each version.
func startLocalContainer(ctx context.Context, p Provider) (*Server, error) {
	if runtime.GOOS != "linux" {
		return nil, fmt.Errorf("%s: only a Linux server runs in a container, and this system is %s; use container:IMAGE", p, runtime.GOOS)
	}
	binary, err := p.binary(ctx)
	if err != nil {
		return nil, err
	}
	what, err := verify(ctx, binary)
	if err != nil {
		return nil, err
	}
	image := localImages + what.name + ":" + what.version
	daemon, err := docker(ctx)
	if err != nil {
		return nil, err
	}
	if _, err = daemon.ImageInspect(ctx, image); errdefs.IsNotFound(err) {
		err = importServer(ctx, daemon, image, binary)
	}
	if err := errors.Join(err, daemon.Close()); err != nil {
		return nil, fmt.Errorf("make the image %s of %s: %w", image, binary, err)
	}
	return startContainer(ctx, image, p.finder.Progress)
}

// importServer makes an image of a binary, as `docker import` does.
func importServer(ctx context.Context, daemon *testcontainers.DockerClient, image, binary string) error {
	files, err := libraries(ctx, binary)
	if err != nil {
		return err
	}
	files["/redis-server"] = binary
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	reader, writer := io.Pipe()
	go func() { writer.CloseWithError(writeTar(writer, files)) }()
	defer func() { _ = reader.Close() }() // otherwise the writer blocks for ever
	result, err := daemon.ImageImport(ctx, client.ImageImportSource{Source: reader, SourceName: "-"}, image, client.ImageImportOptions{
		Message: "made by compat of " + binary,
		Changes: []string{
			`ENTRYPOINT ["/redis-server"]`,
			`CMD ["--save", "", "--protected-mode", "no"]`,
			"EXPOSE " + port,
		},
	})
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, result)
	return errors.Join(err, result.Close())
}

// library matches a line of the output of ldd: the path of a library, or the path found
// for a name.
var library = regexp.MustCompile(`(?m)^\s*(?:\S+ => )?(/\S+) \(0x[0-9a-f]+\)$`)

// libraries returns the shared libraries that a binary needs: the path in the image and
// the path on this machine.
func libraries(ctx context.Context, binary string) (map[string]string, error) {
	output, err := process.Command(ctx, "ldd", binary).CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("ldd: %w: %s", err, lastLines(output, 3))
	}
	files := map[string]string{}
	for _, match := range library.FindAllStringSubmatch(string(output), -1) {
		files[match[1]] = match[1]
	}
	return files, nil
}

// writeTar writes the files under their paths in the image. It follows links.
func writeTar(target io.Writer, files map[string]string) error {
	archive := tar.NewWriter(target)
	for path, source := range files {
		if err := addFile(archive, path, source); err != nil {
			return err
		}
	}
	return archive.Close()
}

func addFile(archive *tar.Writer, path, source string) (err error) {
	file, err := os.Open(source)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	header := &tar.Header{Name: filepath.ToSlash(path)[1:], Mode: 0o755, Size: info.Size(), ModTime: info.ModTime()}
	if err := archive.WriteHeader(header); err != nil {
		return err
	}
	_, err = io.Copy(archive, file)
	return err
}
