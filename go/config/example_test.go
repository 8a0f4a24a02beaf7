package config_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/config"
	"github.com/remote-events/remote-events/go/remoteevent"
)

// writeFiles writes the files that an applauncher application has, and returns the
// path of config.yml.
func writeFiles(files map[string]string) (path string, remove func()) {
	dir, err := os.MkdirTemp("", "config")
	if err != nil {
		panic(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			panic(err)
		}
	}
	return filepath.Join(dir, "config.yml"), func() { _ = os.RemoveAll(dir) }
}

// A Go service starts from the files of its Python neighbour: it connects to the same
// Redis and consumes the same queues.
func ExampleLoad() {
	path, remove := writeFiles(map[string]string{
		"config.yml": `
redis:
  host: {REDIS_HOST}
  port: 6380
remote_event:
  backend: redis
  events:
    - name: new_file_event
    - name: deleted_file_event
`,
		"parameters.yml": "REDIS_HOST: redis.example\n",
	})
	defer remove()

	settings, err := config.Load(path, config.WithEnviron(nil)) // a program takes its own environment
	if err != nil {
		panic(err)
	}
	for _, warning := range settings.Warnings {
		fmt.Println(warning)
	}
	options, err := settings.Redis.Options()
	if err != nil {
		panic(err)
	}
	client := redis.NewClient(options)
	defer client.Close()
	handler := remoteevent.HandlerFunc(func(context.Context, *remoteevent.Delivery) error { return nil })
	_, err = remoteevent.NewReceiver(client, handler, remoteevent.WithQueues(settings.RemoteEvent.Events...))
	fmt.Println(options.Addr, settings.RemoteEvent.Events, err)
	// Output: redis.example:6380 [new_file_event deleted_file_event] <nil>
}
