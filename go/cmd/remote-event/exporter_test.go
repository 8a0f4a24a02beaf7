package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/redistest"
	"github.com/remote-events/remote-events/go/queueadmin"
)

// get returns the body of a page.
func get(t *testing.T, address string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v: %s", address, response.Status, err, body)
	}
	return string(body)
}

// startExporter starts an exporter of a Redis that need not be there, and returns the address of
// its metrics.
func startExporter(t *testing.T, redisURL string, args ...string) (p *process, address string) {
	t.Helper()
	p = start(t, nil, append([]string{"exporter", "--listen", "127.0.0.1:0", "--cache", "0s", "--redis", redisURL}, args...)...)
	address, ok := strings.CutPrefix(strings.TrimSpace(readLine(t, p.stdout)), "metrics: ")
	if !ok {
		t.Fatal("no address")
	}
	return p, address
}

// expectSamples checks that metrics have these lines.
func expectSamples(t *testing.T, metrics string, samples ...string) {
	t.Helper()
	for _, sample := range samples {
		if !strings.Contains(metrics, "\n"+sample) {
			t.Errorf("%s is missing in\n%s", sample, ownMetrics(metrics))
		}
	}
}

// ownMetrics returns the samples of this project.
func ownMetrics(metrics string) string {
	var own []string
	for line := range strings.Lines(metrics) {
		if strings.HasPrefix(line, "remote_event_") {
			own = append(own, line)
		}
	}
	return strings.Join(own, "")
}

// TestExporter checks the metrics of queues, of hostile and unreadable ones among them, while
// Redis goes away and returns.
func TestExporter(t *testing.T) {
	t.Parallel()
	addr := redistest.FreeAddr(t)
	p, address := startExporter(t, urlOf(addr), "--max-queues", "4")
	expectSamples(t, get(t, address), "remote_event_up 0\n")
	if text := get(t, strings.Replace(address, "/metrics", "/healthz", 1)); text != "ok\n" {
		t.Errorf("healthz: %s", text)
	}
	server := redistest.Start(t, addr)
	client := redis.NewClient(&redis.Options{Addr: addr})
	defer client.Close()
	push(t, client, "a\xff\"\n", message("x", 1))
	invoke(t, "send", "b", "{}", "--redis", urlOf(addr)).expect(t, exitDone)
	importLetters(t, client, "b", letter("x", "failed"), letter("y", "new_code"))
	expectSamples(t, get(t, address),
		"remote_event_up 1\n", `remote_event_queue_messages{queue="a\\xff\"\n",state="queued"} 1`+"\n",
		`remote_event_queue_messages{queue="b",state="dead"} 2`+"\n", `remote_event_queue_dead_letters{code="failed",queue="b"} 1`+"\n",
		`remote_event_queue_dead_letters{code="other",queue="b"} 1`+"\n", `remote_event_queue_dead_letters{code="uncounted",queue="b"} 0`+"\n",
		`remote_event_queue_receivers{queue="b"} 0`+"\n", `remote_event_queue_oldest_age_seconds{queue="b",state="queued"} 0.`,
		`remote_event_redis_info{eviction="noeviction",role="primary",server="`+addr+`",version="`, `remote_event_redis_waiting_connections{server="`+addr+`"} 0`+"\n",
		`remote_event_exporter_search_success 1`+"\n")
	if metrics := get(t, address); strings.Contains(metrics, `remote_event_queue_oldest_age_seconds{queue="a\\xff\"\n",state="queued"}`) {
		t.Error("an original's message has an age")
	}
	// A queue that is empty stays, one that is unreadable hides no other, and there is a maximum.
	client.Del(t.Context(), "b")
	push(t, client, "c", "x")
	push(t, client, "d", "x")
	push(t, client, "e", "x")
	for metrics := ""; !strings.Contains(metrics, "remote_event_exporter_ignored_queues 1\n"); {
		metrics = get(t, address)
	}
	client.Del(t.Context(), "c")
	client.Set(t.Context(), "c", "no list", 0)
	expectSamples(t, get(t, address), `remote_event_queue_messages{queue="b",state="queued"} 0`+"\n", `remote_event_queue_up{queue="c"} 0`+"\n", `remote_event_queue_up{queue="b"} 1`+"\n")
	server.Stop()
	if metrics := get(t, address); !strings.Contains(metrics, "\nremote_event_up 0\n") || strings.Contains(metrics, "remote_event_queue_messages{") {
		t.Errorf("without Redis: %s", ownMetrics(metrics))
	}
	redistest.Start(t, addr)
	expectSamples(t, get(t, address), "remote_event_up 1\n", `remote_event_queue_messages{queue="b",state="dead"} 0`+"\n")
	p.signal(t, syscall.SIGTERM)
	p.expectExit(t, exitDone, "refused")
	invoke(t, "exporter", "--listen", "9654").expect(t, exitUsage, "HOST:PORT")
	invoke(t, "exporter", "--max-queues", "0").expect(t, exitUsage, "--max-queues")
	invoke(t, "exporter", "remote-event:v1:x").expect(t, exitUsage, "reserved")
}

// TestExporterSharesObservations checks that scrapers within --cache share an observation.
func TestExporterSharesObservations(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{Addr: redistest.Start(t, redistest.FreeAddr(t)).Addr})
	defer client.Close()
	p, address := startExporter(t, urlOfClient(client), "x", "--cache", "1h")
	get(t, address)
	client.ConfigResetStat(t.Context())
	for range 20 {
		get(t, address)
	}
	if used := client.Info(t.Context(), "commandstats").Val(); strings.Contains(used, "cmdstat_llen") {
		t.Errorf("observed again: %s", used)
	}
	p.signal(t, os.Interrupt)
	p.expectExit(t, exitDone)
}

const monitoring = "../../../examples/monitoring"

// metricName matches the metrics of this project in a query.
var metricName = regexp.MustCompile(`\bremote_event_\w+`)

// TestPrometheus runs a Prometheus with the example configuration: it scrapes an exporter, and
// its API returns the values. It accepts every query of the alerts and of the dashboard, and
// these name only metrics that the exporter has.
func TestPrometheus(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{Addr: redistest.Start(t, redistest.FreeAddr(t), "--maxmemory", "1gb").Addr})
	defer client.Close()
	push(t, client, "x", message("x", 1), message("x", 2))
	invoke(t, "send", "y", "{}", "--redis", urlOfClient(client)).expect(t, exitDone)
	importLetters(t, client, "y", letter("x", "failed"))
	expiredLease(t, client, "y")
	exporter, address := startExporter(t, urlOfClient(client))
	exported := get(t, address)
	promtool(t, exported, "check", "metrics")
	promtool(t, "", "check", "config", filepath.Join(monitoring, "prometheus.yml"))
	promtool(t, "", "test", "rules", filepath.Join(monitoring, "alerts_test.yml"))

	target, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	api := startPrometheus(t, target.Host)
	query := func(expression string) (values []string) {
		t.Helper()
		var reply struct {
			Status string `json:"status"`
			Data   struct {
				Result []struct {
					Value [2]any `json:"value"`
				} `json:"result"`
			} `json:"data"`
		}
		if err := json.Unmarshal([]byte(get(t, api+"/api/v1/query?query="+url.QueryEscape(expression))), &reply); err != nil || reply.Status != "success" {
			t.Fatalf("%s: %v, %s", expression, err, reply.Status)
		}
		for _, r := range reply.Data.Result {
			values = append(values, fmt.Sprint(r.Value[1]))
		}
		return values
	}
	for deadline := time.Now().Add(time.Minute); len(query("remote_event_up")) == 0; <-time.After(50 * time.Millisecond) { // Prometheus scrapes by its own clock
		if time.Now().After(deadline) {
			t.Fatal("Prometheus has scraped nothing")
		}
	}
	for expression, want := range map[string]string{
		`remote_event_queue_messages{queue="x",state="queued"}`: "2", `sum(remote_event_queue_messages)`: "5",
		`remote_event_queue_dead_letters{queue="y",code="failed"}`: "1", `remote_event_redis_memory_max_bytes`: "1073741824", `up{job="remote-event"}`: "1",
	} {
		if got := query(expression); !slices.Equal(got, []string{want}) {
			t.Errorf("%s: %v, want %s", expression, got, want)
		}
	}
	names := metricName.FindAllString(ownMetrics(exported), -1)
	used := map[string]bool{}
	for _, expression := range slices.Concat(alertQueries(t, api), dashboardQueries(t)) {
		for _, name := range metricName.FindAllString(expression, -1) {
			used[name] = true
			if !slices.Contains(names, name) {
				t.Errorf("the exporter has no %s, which is in %s", name, expression)
			}
		}
		query(expression)
	}
	for _, name := range names {
		if !used[name] {
			t.Errorf("neither an alert nor the dashboard uses %s", name)
		}
	}
	exporter.signal(t, os.Interrupt)
	exporter.expectExit(t, exitDone)
}

// expiredLease makes a leased message, whose lease has expired.
func expiredLease(t *testing.T, client *redis.Client, queue string) {
	t.Helper()
	claim := fmt.Sprintf("%016d-token-1", time.Now().UnixMicro())
	q, err := queueadmin.Open(client, queue)
	if err != nil {
		t.Fatal(err)
	}
	keys := q.CompanionKeys()
	client.HSet(t.Context(), keys["bodies"], claim+"-1001", "x")
	client.ZAdd(t.Context(), keys["claims"], redis.Z{Member: claim, Score: 1})
}

// promtool runs promtool, which fails where it finds a fault.
func promtool(t *testing.T, stdin string, args ...string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), "promtool", args...)
	command.Stdin = strings.NewReader(stdin)
	if output, err := command.CombinedOutput(); err != nil {
		t.Errorf("promtool %q: %v\n%s", args, err, output)
	}
}

// startPrometheus starts a Prometheus with the example configuration for an exporter, and
// returns its address.
func startPrometheus(t *testing.T, exporter string) string {
	t.Helper()
	dir := t.TempDir()
	configuration := string(readFile(t, filepath.Join(monitoring, "prometheus.yml")))
	for old, now := range map[string]string{"127.0.0.1:9654": exporter, "interval: 15s": "interval: 200ms"} {
		if !strings.Contains(configuration, old) {
			t.Errorf("prometheus.yml does not contain %q", old)
		}
		configuration = strings.ReplaceAll(configuration, old, now)
	}
	for name, text := range map[string]string{"prometheus.yml": configuration, "alerts.yml": string(readFile(t, filepath.Join(monitoring, "alerts.yml")))} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	addr := redistest.FreeAddr(t)
	command := exec.CommandContext(t.Context(), "prometheus", "--config.file", filepath.Join(dir, "prometheus.yml"),
		"--storage.tsdb.path", filepath.Join(dir, "data"), "--web.listen-address", addr)
	var log buffer
	command.Stdout, command.Stderr = &log, &log
	if err := command.Start(); err != nil {
		t.Fatalf("%v: install Prometheus, on Debian the package prometheus", err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	for deadline := time.Now().Add(time.Minute); !strings.Contains(log.String(), "Server is ready"); <-time.After(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("Prometheus does not start: %s", log.String())
		}
	}
	return "http://" + addr
}

// alertQueries returns the queries of the alerts that Prometheus has read.
func alertQueries(t *testing.T, api string) (queries []string) {
	t.Helper()
	var reply struct {
		Data struct {
			Groups []struct {
				Rules []struct {
					Query     string `json:"query"`
					LastError string `json:"lastError"`
				} `json:"rules"`
			} `json:"groups"`
		} `json:"data"`
	}
	if err := json.Unmarshal([]byte(get(t, api+"/api/v1/rules")), &reply); err != nil || len(reply.Data.Groups) != 1 {
		t.Fatalf("%v: %+v", err, reply)
	}
	for _, rule := range reply.Data.Groups[0].Rules {
		if rule.LastError != "" {
			t.Errorf("%s: %s", rule.Query, rule.LastError)
		}
		queries = append(queries, rule.Query)
	}
	return queries
}

// dashboardQueries returns the queries of the dashboard, with its variables replaced as
// Grafana does for all queues.
func dashboardQueries(t *testing.T) (queries []string) {
	t.Helper()
	var dashboard struct {
		Panels []struct {
			Title   string `json:"title"`
			Targets []struct {
				Expr string `json:"expr"`
			} `json:"targets"`
		} `json:"panels"`
		Templating struct {
			List []struct {
				Definition string `json:"definition"`
			} `json:"list"`
		} `json:"templating"`
	}
	if err := json.Unmarshal(readFile(t, filepath.Join(monitoring, "dashboard.json")), &dashboard); err != nil {
		t.Fatal(err)
	}
	replace := strings.NewReplacer("$instance", ".*", "$queue", ".*", "$__rate_interval", "1m")
	for _, panel := range dashboard.Panels {
		if panel.Title == "" || len(panel.Targets) == 0 {
			t.Errorf("a panel without a title or a query: %+v", panel)
		}
		for _, target := range panel.Targets {
			expression := replace.Replace(target.Expr)
			if strings.Contains(expression, "$") {
				t.Errorf("unknown variable in %s", expression)
			}
			queries = append(queries, expression)
		}
	}
	for _, variable := range dashboard.Templating.List {
		if of, ok := strings.CutPrefix(variable.Definition, "label_values("); ok {
			expression, _, _ := strings.Cut(of, ", ")
			queries = append(queries, replace.Replace(expression))
		}
	}
	return queries
}
