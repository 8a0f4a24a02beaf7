package exporter

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/queueadmin"
)

// Config configures an exporter.
type Config struct {
	// Connect connects to Redis. The exporter calls it for the first observation, and again
	// until it succeeds.
	Connect func(ctx context.Context) (redis.UniversalClient, error)
	// Queues are observed whether they exist or not. Search finds the other queues.
	Queues []string
	Search bool
	// MaxQueues is the maximum number of observed queues, and so limits the series.
	MaxQueues int
	// Cache is the time for which scrapers share an observation.
	Cache time.Duration
	// Timeout is the maximum time of an observation.
	Timeout time.Duration
	// Log receives errors, once while they last.
	Log *slog.Logger
}

// Exporter observes queues when it is scraped. It may be used by several goroutines at once.
type Exporter struct {
	config   Config
	registry *prometheus.Registry
	turn     chan struct{} // holds a token while no goroutine observes

	// The following belong to the holder of the turn.
	client     redis.UniversalClient
	observer   *queueadmin.Observer
	known      map[string]bool // queues that were found; Redis deletes empty lists
	order      []string        // the observed queues
	nextSearch time.Time
	problem    string

	mu   sync.Mutex
	last observation
}

// observation is the result of an observation.
type observation struct {
	at       time.Time
	took     time.Duration
	snapshot queueadmin.Snapshot
	err      error
	searched bool
	ignored  int
}

// New returns an exporter.
func New(config Config) *Exporter {
	e := &Exporter{config: config, registry: prometheus.NewRegistry(), turn: make(chan struct{}, 1), known: map[string]bool{}}
	e.turn <- struct{}{}
	e.registry.MustRegister(e, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, name := range config.Queues {
		e.add(name)
	}
	return e
}

// Close closes the connections.
func (e *Exporter) Close() {
	<-e.turn
	if e.client != nil {
		_ = e.client.Close()
	}
}

// Handler returns the handler of /metrics and /healthz.
func (e *Exporter) Handler() http.Handler {
	mux := http.NewServeMux()
	metrics := promhttp.HandlerFor(e.registry, promhttp.HandlerOpts{})
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
		timeout := e.config.Timeout
		if seconds, err := strconv.ParseFloat(r.Header.Get("X-Prometheus-Scrape-Timeout-Seconds"), 64); err == nil && seconds > 0 {
			timeout = min(timeout, time.Duration(seconds*0.9*float64(time.Second)))
		}
		ctx, cancel := context.WithTimeout(r.Context(), timeout)
		defer cancel()
		e.refresh(ctx)
		metrics.ServeHTTP(w, r)
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") })
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "remote-event exporter: the metrics are at /metrics\n")
	})
	return mux
}

// refresh observes the queues, unless the last observation is recent. Scrapers that arrive
// meanwhile wait for it and share it.
func (e *Exporter) refresh(ctx context.Context) {
	select {
	case <-e.turn:
	case <-ctx.Done():
		return
	}
	e.mu.Lock()
	recent := !e.last.at.IsZero() && time.Since(e.last.at) < e.config.Cache
	e.mu.Unlock()
	if recent {
		e.turn <- struct{}{}
		return
	}
	done := make(chan struct{})
	go func() { // go-redis does not end a read when the context does
		defer close(done)
		begin := time.Now()
		now := e.observe(ctx)
		now.at, now.took = time.Now(), time.Since(begin)
		e.mu.Lock()
		e.last = now
		e.mu.Unlock()
		e.turn <- struct{}{}
	}()
	select {
	case <-done:
	case <-ctx.Done():
		e.mu.Lock()
		e.last = observation{err: context.Cause(ctx), took: e.config.Timeout}
		e.mu.Unlock()
	}
}

// observe connects if necessary, searches for queues, and observes them.
func (e *Exporter) observe(ctx context.Context) (now observation) {
	now.searched = true
	if e.observer == nil {
		if now.err = e.connect(ctx); now.err != nil {
			e.note(now.err)
			return now
		}
	}
	if e.config.Search && !time.Now().Before(e.nextSearch) {
		begin := time.Now()
		found, err := queueadmin.FindQueues(ctx, e.client)
		// A search reads the names of all keys.
		e.nextSearch = time.Now().Add(max(e.config.Cache, 20*time.Since(begin)))
		if err != nil {
			now.searched, e.nextSearch = false, time.Time{}
			e.note(err)
		}
		for _, name := range found {
			e.add(name)
		}
	}
	now.snapshot, now.err = e.observer.Observe(ctx, e.order...)
	now.ignored = len(e.known) - len(e.order)
	for _, s := range now.snapshot.Servers {
		if s.Err != nil && now.err == nil {
			e.note(s.Err)
		}
	}
	if now.err != nil {
		e.note(now.err)
	} else if now.searched && answered(now.snapshot) {
		e.problem = ""
	}
	return now
}

func (e *Exporter) connect(ctx context.Context) error {
	client, err := e.config.Connect(ctx)
	if err != nil {
		return err
	}
	observer, err := queueadmin.NewObserver(client)
	if err != nil {
		_ = client.Close()
		return err
	}
	e.client, e.observer = client, observer
	return nil
}

// add adds a queue, up to the maximum.
func (e *Exporter) add(name string) {
	const most = 100_000 // remembered names
	if e.known[name] || len(e.known) >= most {
		return
	}
	e.known[name] = true
	if len(e.order) < e.config.MaxQueues {
		e.order = append(e.order, name)
	}
}

// note logs an error unless it lasts.
func (e *Exporter) note(err error) {
	if text := err.Error(); text != e.problem {
		e.problem = text
		e.config.Log.Error("cannot observe", "error", err)
	}
}

// answered reports whether every server answered. One that denies INFO answers.
func answered(s queueadmin.Snapshot) bool {
	for _, server := range s.Servers {
		if server.Err != nil && !isReply(server.Err) {
			return false
		}
	}
	return len(s.Servers) > 0
}

// Describe implements prometheus.Collector.
func (e *Exporter) Describe(to chan<- *prometheus.Desc) {
	for _, d := range descriptions() {
		to <- d
	}
}

// Collect implements prometheus.Collector. It passes the last observation.
func (e *Exporter) Collect(to chan<- prometheus.Metric) {
	e.mu.Lock()
	now := e.last
	e.mu.Unlock()
	g := gauges(to)
	g.set(up, digit(now.err == nil && answered(now.snapshot)))
	g.set(duration, now.took.Seconds())
	if now.err != nil {
		return
	}
	g.set(searched, digit(now.searched))
	g.set(ignored, float64(now.ignored))
	for _, s := range now.snapshot.Servers {
		g.server(s)
	}
	seen := map[string]bool{}
	for _, q := range now.snapshot.Queues {
		if name := label(q.Queue); !seen[name] { // two names may differ in bytes that are not UTF-8
			seen[name] = true
			g.queue(name, q)
		}
	}
}

func isReply(err error) bool {
	var reply redis.Error
	return errors.As(err, &reply)
}
