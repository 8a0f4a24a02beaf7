package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/spf13/cobra"

	"github.com/remote-events/remote-events/go/cmd/remote-event/internal/exporter"
	"github.com/remote-events/remote-events/go/queueadmin"
)

const defaultExporterAddr = "127.0.0.1:9654"

// exporting are the flags of exporter.
type exporting struct {
	addr           string
	maxQueues      int
	cache, timeout time.Duration
}

func (a *app) exporterCommand() *cobra.Command {
	var e exporting
	command := &cobra.Command{
		Use:     "exporter [QUEUE…]",
		GroupID: groupQueues,
		Short:   "Export metrics of queues for Prometheus",
		Long: `Serve metrics of each QUEUE and of Redis at /metrics, in the format of
Prometheus, until a signal. Without a QUEUE, export the queues in the
remote_event section of --config and every list in Redis. The command changes
nothing, and takes no message.

The exporter observes when it is scraped, at most once in the time of --cache,
for any number of scrapers. Without a QUEUE, it searches all keys of Redis,
and spends at most a twentieth of its time on that. A queue that it has found
stays exported when it is empty. Each queue has about 25 series; the command
exports at most --max-queues queues, in the order in which it finds them.

It starts without Redis, and continues while Redis is away: remote_event_up is 0
then, and the metrics of queues are absent. An unknown value has no sample.
/healthz answers while the process lives.

There is no password: everyone who can connect sees the names of queues and the
numbers of their messages.`,
		Example: `  remote-event exporter --listen 127.0.0.1:9654
  remote-event exporter new_file_event file_event`,
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	flags := command.Flags()
	flags.StringVar(&e.addr, "listen", defaultExporterAddr, "`HOST:PORT` to listen on; port 0 selects a free port")
	flags.IntVar(&e.maxQueues, "max-queues", 500, "export at most `N` queues")
	flags.DurationVar(&e.cache, "cache", 5*time.Second, "`DURATION` for which scrapers share an observation")
	flags.DurationVar(&e.timeout, "timeout", 8*time.Second, "maximum `DURATION` of an observation")
	output := a.outputFlag(command)
	command.RunE = func(cmd *cobra.Command, names []string) error {
		if e.maxQueues < 1 || e.cache < 0 || e.timeout <= 0 {
			return usageError("--max-queues and --timeout must be more than 0, and --cache must not be negative")
		}
		return a.export(cmd.Context(), &e, names, output)
	}
	return command
}

func (a *app) export(ctx context.Context, e *exporting, names []string, output *output) error {
	configuration, err := a.configuration(ctx)
	if err != nil {
		return err
	}
	if _, err := a.target(configuration); err != nil {
		return err
	}
	queues := names
	if len(names) == 0 {
		queues = eventsOf(configuration)
	}
	for _, name := range queues {
		if _, err := queueadmin.Rule(queueadmin.Sender, name); err != nil {
			return usageError(err.Error())
		}
	}
	host, _, err := net.SplitHostPort(e.addr)
	if err != nil {
		return usageError(fmt.Sprintf("--listen: %q is not HOST:PORT, such as %s", e.addr, defaultExporterAddr))
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", e.addr)
	if err != nil {
		return fmt.Errorf("cannot listen on %s: %w", e.addr, err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		a.warn("everyone who can connect to " + listener.Addr().String() + " sees the names of queues: there is no password")
	}
	metrics := exporter.New(exporter.Config{
		Queues: queues, Search: len(names) == 0, MaxQueues: e.maxQueues, Cache: e.cache, Timeout: e.timeout,
		Log: slog.New(slog.NewTextHandler(a.stderr, nil)),
		Connect: func(ctx context.Context) (redis.UniversalClient, error) {
			conn, err := a.connect(ctx, configuration)
			if err != nil {
				return nil, err
			}
			return conn.client, nil
		},
	})
	defer metrics.Close()
	record := struct {
		URL string `json:"url"`
	}{"http://" + listener.Addr().String() + "/metrics"}
	if err := output.write(record, func() string { return "metrics: " + record.URL + "\n" }); err != nil {
		_ = listener.Close()
		return err
	}
	return serveMetrics(ctx, listener, metrics.Handler())
}

// serveMetrics serves until the context ends. Then it lets requests end.
func serveMetrics(ctx context.Context, listener net.Listener, handler http.Handler) error {
	const patience = 5 * time.Second
	server := &http.Server{Handler: handler, ReadHeaderTimeout: patience}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	err := server.Shutdown(last)
	if errors.Is(err, context.DeadlineExceeded) {
		err = server.Close()
	}
	return err
}
