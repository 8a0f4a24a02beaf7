package redisserver_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/remote-events/remote-events/compat/internal/redisserver"
)

// A container that fails to start causes an error with its output at once, and is
// removed.
func TestContainerFails(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes many seconds")
	}
	daemon := docker(t)
	refuses := derive(t, daemon, "refuses", container.Config{Cmd: []string{"--no-such-setting", "1"}})
	absent := derive(t, daemon, "absent", container.Config{Entrypoint: []string{"/no/such/program"}})
	for image, says := range map[string]string{
		refuses:                              "no-such-setting",
		absent:                               "/no/such/program",
		"localhost/remote-event-test/none:1": "use container:local",
	} {
		t.Run(says, func(t *testing.T) {
			t.Parallel()
			providers, err := redisserver.Parse(t.Context(), redisserver.Finder{}, "container:"+image)
			if err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			_, err = providers[0].Start(t.Context())
			if err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), image) {
				t.Errorf("got %v, want an error with %q", err, says)
			}
			if took := time.Since(began); took > 20*time.Second {
				t.Errorf("it took %v", took)
			}
			assertNone(t, daemon, image)
		})
	}
}

// An interrupted start leaves no container at any moment.
func TestContainerInterrupted(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes many seconds")
	}
	daemon := docker(t)
	image := derive(t, daemon, "interrupted", container.Config{})
	providers, err := redisserver.Parse(t.Context(), redisserver.Finder{}, "container:"+image)
	if err != nil {
		t.Fatal(err)
	}
	interrupted := 0
	// The first interruption precedes all work. The last one follows the start.
	for after := 10 * time.Millisecond; after < time.Minute; after *= 2 {
		ctx, cancel := context.WithTimeout(t.Context(), after)
		server, err := providers[0].Start(ctx)
		cancel()
		if err == nil {
			if err := server.Close(); err != nil {
				t.Error(err)
			}
			assertNone(t, daemon, image)
			break
		}
		interrupted++
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("interrupted after %v: %v", after, err)
		}
		assertNone(t, daemon, image)
	}
	if interrupted == 0 {
		t.Error("no start was interrupted")
	}
}

func docker(t *testing.T) *client.Client {
	t.Helper()
	daemon, err := client.New(client.FromEnv)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = daemon.Close() })
	return daemon
}

// derive makes an image of the local server with another configuration.
func derive(t *testing.T, daemon *client.Client, name string, config container.Config) (image string) {
	t.Helper()
	providers, err := redisserver.Parse(t.Context(), redisserver.Finder{}, "container:local")
	if err != nil {
		t.Fatal(err)
	}
	server, err := providers[0].Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	config.Image = server.Report().Image
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	created, err := daemon.ContainerCreate(t.Context(), client.ContainerCreateOptions{Config: &config})
	if err != nil {
		t.Fatal(err)
	}
	image = "localhost/remote-event-test/" + name + ":1"
	_, err = daemon.ContainerCommit(t.Context(), created.ID, client.ContainerCommitOptions{Reference: image})
	if err != nil {
		t.Error(err)
	}
	if _, err := daemon.ContainerRemove(t.Context(), created.ID, client.ContainerRemoveOptions{Force: true}); err != nil {
		t.Error(err)
	}
	t.Cleanup(func() {
		if _, err := daemon.ImageRemove(context.WithoutCancel(t.Context()), image, client.ImageRemoveOptions{Force: true}); err != nil {
			t.Error(err)
		}
	})
	return image
}

// assertNone checks that no container of the image exists.
func assertNone(t *testing.T, daemon *client.Client, image string) {
	t.Helper()
	if strings.HasSuffix(image, "/none:1") {
		return // Docker rejects the filter if the image does not exist
	}
	found, err := daemon.ContainerList(t.Context(), client.ContainerListOptions{
		All: true, Filters: make(client.Filters).Add("ancestor", image),
	})
	if err != nil {
		t.Error(err)
	}
	for _, c := range found.Items {
		t.Errorf("container %v still exists: %s", c.Names, c.Status)
	}
}
