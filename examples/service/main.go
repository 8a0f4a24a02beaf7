// The service sends a checksum_event for every new_file_event, and compares files with
// the checksums of verify_file_event. files.go has the work, metrics.go the metrics.
package main

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/health"
	"github.com/remote-events/remote-events/go/remoteevent"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	logger := slog.New(slog.NewJSONHandler(os.Stdout, nil))
	if err := run(ctx, logger); err != nil {
		logger.Error("service failed", "error", err)
		os.Exit(1) //nolint:gocritic // nothing is left to be done
	}
}

func run(ctx context.Context, logger *slog.Logger) error {
	options, err := redis.ParseURL(cmp.Or(os.Getenv("REDIS_URL"), "redis://localhost:6379/0"))
	if err != nil {
		return errors.New("REDIS_URL is not the URL of a Redis") // err may quote the password
	}
	client := redis.NewClient(options)
	defer client.Close()
	root, err := os.OpenRoot(cmp.Or(os.Getenv("FILES"), "."))
	if err != nil {
		return err
	}
	defer root.Close()
	receiver, handler, err := newService(client, root, logger)
	if err != nil {
		return err
	}

	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", cmp.Or(os.Getenv("HTTP_ADDR"), ":8080"))
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	go server.Serve(listener) //nolint:errcheck // it serves until Close
	defer server.Close()
	logger.Info("service started", "http", listener.Addr().String())
	return receiver.Run(ctx)
}

// newService returns the receiver of the service, and the handler of its probes and
// metrics.
func newService(client redis.UniversalClient, root *os.Root, logger *slog.Logger) (*remoteevent.Receiver, http.Handler, error) {
	registry := prometheus.NewRegistry()
	hooks := remoteevent.WithHooks(newMetrics(registry))
	sender, err := remoteevent.NewSender(client, remoteevent.WithSource("/checksums"), remoteevent.WithLogger(logger), hooks)
	if err != nil {
		return nil, nil, err
	}
	mux, err := remoteevent.NewMux()
	if err != nil {
		return nil, nil, err
	}
	if err := (&files{root, sender, logger}).register(mux); err != nil {
		return nil, nil, err
	}
	receiver, err := remoteevent.NewReceiver(client, mux,
		remoteevent.WithLogger(logger), hooks,
		remoteevent.WithConcurrency(4),
		remoteevent.WithShutdownTimeout(8*time.Second), // Docker kills after 10
		remoteevent.WithQueue("verify_file_event", remoteevent.WithConcurrency(1), remoteevent.WithMaxAttempts(3)),
	)
	if err != nil {
		return nil, nil, err
	}
	routes := http.NewServeMux()
	routes.Handle("/", health.Handler(receiver)) // /livez and /readyz
	routes.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	return receiver, routes, nil
}
