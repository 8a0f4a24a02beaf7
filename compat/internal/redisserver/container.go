package redisserver

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/redis/go-redis/v9"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/log"
)

const (
	// label is on every container, with a value that no other container has.
	label = "io.github.remote-events.compat"
	// port is where every image serves Redis.
	port = "6379/tcp"
	// pullTimeout is how long an image and its start may take.
	pullTimeout = 10 * time.Minute
	// answerTimeout is how long the server in a container may take to answer.
	answerTimeout = 30 * time.Second
	// removeTimeout is how long the daemon may take to remove a container.
	removeTimeout = 30 * time.Second
)

// prepare has testcontainers say nothing, and do without its helper container,
// Ryuk: that one needs a registry, and containers are removed here, whatever
// ends the run. Whoever sets the variable gets what it says.
var prepare = sync.OnceValue(func() error {
	log.SetDefault(log.NewNoopLogger())
	const variable = "TESTCONTAINERS_RYUK_DISABLED"
	if _, set := os.LookupEnv(variable); set {
		return nil
	}
	return os.Setenv(variable, "true")
})

// docker returns a client of a daemon that answers.
func docker(ctx context.Context) (*testcontainers.DockerClient, error) {
	if err := prepare(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	daemon, err := testcontainers.NewDockerClientWithOpts(ctx)
	if err == nil {
		_, err = daemon.Ping(ctx, client.PingOptions{})
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w; start one (Debian: apt install docker.io, then dockerd), or run on --redis local", ErrNoDocker, err)
	}
	return daemon, nil
}

// DockerVersion is that of the Docker daemon. The error is ErrNoDocker where
// none answers.
func DockerVersion(ctx context.Context) (version string, err error) {
	daemon, err := docker(ctx)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, daemon.Close()) }()
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	found, err := daemon.ServerVersion(ctx, client.ServerVersionOptions{})
	return found.Version, err
}

// startContainer starts a container of the image, which is pulled where it is
// not there, and waits until Redis answers in it.
func startContainer(ctx context.Context, image string, progress io.Writer) (server *Server, err error) {
	daemon, err := docker(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := daemon.ImageInspect(ctx, image); errdefs.IsNotFound(err) && progress != nil {
		_, _ = fmt.Fprintf(progress, "pulling the image %s\n", image)
	}
	value := rand.Text()
	server = &Server{kind: KindContainer, image: image, close: sync.OnceValue(func() error {
		return errors.Join(remove(daemon, value), daemon.Close())
	})}
	defer func() {
		// An interrupted request may have made a container all the same.
		if err != nil {
			err = errors.Join(fmt.Errorf("start a container of %s: %w", image, err), server.Close())
			server = nil
		}
	}()

	starting, cancel := context.WithTimeoutCause(ctx, pullTimeout, fmt.Errorf("it did not start within %v", pullTimeout))
	defer cancel()
	c, err := testcontainers.Run(starting, image,
		testcontainers.WithExposedPorts(port),
		testcontainers.WithLabels(map[string]string{label: value}),
		testcontainers.WithHostConfigModifier(func(host *container.HostConfig) {
			host.PortBindings = network.PortMap{
				network.MustParsePort(port): {{HostIP: netip.AddrFrom4([4]byte{127, 0, 0, 1})}},
			}
		}))
	switch {
	case starting.Err() != nil:
		return nil, context.Cause(starting)
	case err != nil && c == nil:
		return nil, fmt.Errorf("%w; where no registry can be reached, container:local makes images of the servers of this machine", err)
	case err != nil:
		return nil, fmt.Errorf("%w: %s", err, lastOutput(daemon, c.GetContainerID()))
	}
	mapped, err := c.MappedPort(ctx, port)
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, lastOutput(daemon, c.GetContainerID()))
	}
	server.url = "redis://" + net.JoinHostPort("127.0.0.1", mapped.Port()) + "/0"
	if err := server.awaitContainer(ctx); err != nil {
		return nil, fmt.Errorf("%w: %s", err, lastOutput(daemon, c.GetContainerID()))
	}
	return server, nil
}

// awaitContainer asks until the server in the container answers.
func (s *Server) awaitContainer(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, answerTimeout, fmt.Errorf("no answer within %v", answerTimeout))
	defer cancel()
	options, err := redis.ParseURL(s.url)
	if err != nil {
		return err
	}
	for {
		last := s.identify(ctx, options)
		if last == nil {
			return nil
		}
		pause(ctx, 10*time.Millisecond, nil)
		if ctx.Err() != nil {
			return fmt.Errorf("%w: %w", context.Cause(ctx), last)
		}
	}
}

// remove removes the containers with this label, which is at most one, also
// after the run was interrupted.
func remove(daemon *testcontainers.DockerClient, value string) error {
	ctx, cancel := context.WithTimeout(context.Background(), removeTimeout)
	defer cancel()
	found, err := daemon.ContainerList(ctx, client.ContainerListOptions{
		All: true, Filters: make(client.Filters).Add("label", label+"="+value),
	})
	if err != nil {
		return fmt.Errorf("find the container to remove: %w", err)
	}
	var problems []error
	for _, c := range found.Items {
		_, err := daemon.ContainerRemove(ctx, c.ID, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
		if err != nil && !errdefs.IsNotFound(err) {
			problems = append(problems, fmt.Errorf("remove the container %.12s: %w", c.ID, err))
		}
	}
	return errors.Join(problems...)
}

// lastOutput is what a container said in the end.
func lastOutput(daemon *testcontainers.DockerClient, id string) string {
	ctx, cancel := context.WithTimeout(context.Background(), removeTimeout)
	defer cancel()
	logs, err := daemon.ContainerLogs(ctx, id, client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true, Tail: "5"})
	if err != nil {
		return "its output is not to be had: " + err.Error()
	}
	defer func() { _ = logs.Close() }()
	var output strings.Builder
	if _, err := stdcopy.StdCopy(&output, &output, io.LimitReader(logs, 1<<16)); err != nil {
		return "its output cannot be read: " + err.Error()
	}
	return lastLines([]byte(output.String()), 5)
}
