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
	"github.com/moby/moby/api/pkg/authconfig"
	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/redis/go-redis/v9"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/log"
)

const (
	// label is a label of every container. Its value is unique.
	label = "io.github.remote-events.compat"
	// port is the port of Redis in every image.
	port = "6379/tcp"
	// pullTimeout is the deadline for pulling an image.
	pullTimeout = 10 * time.Minute
	// answerTimeout is the deadline for an answer of the daemon and of the server in a
	// container.
	answerTimeout = 30 * time.Second
	// removeTimeout is the deadline for the removal of a container.
	removeTimeout = 30 * time.Second
)

// prepare disables the output of testcontainers and its helper container, Ryuk. Ryuk
// needs a registry, and this package removes its containers in any case. Setting the
// variable enables the output.
var prepare = sync.OnceValue(func() error {
	log.SetDefault(log.NewNoopLogger())
	const variable = "TESTCONTAINERS_RYUK_DISABLED"
	if _, set := os.LookupEnv(variable); set {
		return nil
	}
	return os.Setenv(variable, "true")
})

// docker returns a client of a Docker daemon that answers.
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
		return nil, fmt.Errorf("%w: %w; start one (Debian: apt install docker.io, then dockerd), or use --redis local", ErrNoDocker, err)
	}
	return daemon, nil
}

// DockerVersion returns the version of the Docker daemon. The error wraps ErrNoDocker if
// no daemon answers.
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

// startContainer pulls the image if it is absent, starts a container of it and waits
// until its Redis answers.
func startContainer(ctx context.Context, image string, progress io.Writer) (*Server, error) {
	daemon, err := docker(ctx)
	if err != nil {
		return nil, err
	}
	if err := pull(ctx, daemon, image, progress); err != nil {
		return nil, errors.Join(fmt.Errorf("pull the image %s: %w; if the registry is unreachable, use container:local, which makes images of this machine's servers", image, err), daemon.Close())
	}
	value := rand.Text()
	server := &Server{kind: KindContainer, image: image, close: sync.OnceValue(func() error {
		return errors.Join(remove(daemon, value), daemon.Close())
	})}
	if err := server.startIn(ctx, daemon, value); err != nil {
		return nil, errors.Join(fmt.Errorf("start a container of %s: %w", image, err), server.Close())
	}
	return server, nil
}

// pull pulls the image if it is absent. It tries once, because testcontainers retries
// for 15 minutes without a network.
func pull(ctx context.Context, daemon *testcontainers.DockerClient, image string, progress io.Writer) error {
	if _, err := daemon.ImageInspect(ctx, image); !errdefs.IsNotFound(err) {
		return err
	}
	if progress != nil {
		_, _ = fmt.Fprintf(progress, "pulling the image %s\n", image)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, pullTimeout, fmt.Errorf("not done within %v", pullTimeout))
	defer cancel()
	var options client.ImagePullOptions
	if _, credentials, err := testcontainers.DockerImageAuth(ctx, image); err == nil {
		if options.RegistryAuth, err = authconfig.Encode(credentials); err != nil {
			return err
		}
	} // else no credentials, as for public images
	response, err := daemon.ImagePull(ctx, image, options)
	if err == nil {
		err = errors.Join(response.Wait(ctx), response.Close())
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// startIn starts the server's container and waits until Redis answers.
func (s *Server) startIn(ctx context.Context, daemon *testcontainers.DockerClient, value string) error {
	// The daemon may complete an interrupted request later, and the container would stay.
	// The request takes less than a second.
	starting, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerTimeout)
	defer cancel()
	c, err := testcontainers.Run(starting, s.image,
		testcontainers.WithExposedPorts(port),
		testcontainers.WithLabels(map[string]string{label: value}),
		testcontainers.WithHostConfigModifier(func(host *container.HostConfig) {
			host.PortBindings = network.PortMap{
				network.MustParsePort(port): {{HostIP: netip.AddrFrom4([4]byte{127, 0, 0, 1})}},
			}
		}))
	if err == nil {
		err = s.awaitIn(ctx, c)
	}
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil && c != nil:
		return fmt.Errorf("%w: %s", err, lastOutput(daemon, c.GetContainerID()))
	}
	return err
}

// awaitIn waits until the server in the container answers, or the container has
// ended.
func (s *Server) awaitIn(ctx context.Context, c testcontainers.Container) error {
	ctx, cancel := context.WithTimeoutCause(ctx, answerTimeout, fmt.Errorf("no answer within %v", answerTimeout))
	defer cancel()
	mapped, err := c.MappedPort(ctx, port)
	if err != nil {
		return err
	}
	s.url = "redis://" + net.JoinHostPort("127.0.0.1", mapped.Port()) + "/0"
	options, err := redis.ParseURL(s.url)
	if err != nil {
		return err
	}
	for {
		last := s.identify(ctx, options)
		if last == nil {
			return nil
		}
		state, err := c.State(ctx)
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("%w: %w", context.Cause(ctx), last)
		case err != nil:
			return err
		case !state.Running:
			return fmt.Errorf("the container ended with code %d", state.ExitCode)
		}
		pause(ctx, 10*time.Millisecond, nil)
	}
}

// remove removes the containers with this label value, at most one. It also works after
// an interruption of the run.
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

// lastOutput returns the last output of a container.
func lastOutput(daemon *testcontainers.DockerClient, id string) string {
	ctx, cancel := context.WithTimeout(context.Background(), removeTimeout)
	defer cancel()
	logs, err := daemon.ContainerLogs(ctx, id, client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true, Tail: "5"})
	if err != nil {
		return "cannot get its output: " + err.Error()
	}
	defer func() { _ = logs.Close() }()
	var output strings.Builder
	if _, err := stdcopy.StdCopy(&output, &output, io.LimitReader(logs, 1<<16)); err != nil {
		return "cannot read its output: " + err.Error()
	}
	return lastLines([]byte(output.String()), 5)
}
