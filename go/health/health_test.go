package health_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/remote-events/remote-events/go/health"
	"github.com/remote-events/remote-events/go/remoteevent"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// probe asks a path and returns what it answers.
func probe(t *testing.T, handler http.Handler, path string) (int, health.Report) {
	t.Helper()
	response := httptest.NewRecorder()
	handler.ServeHTTP(response, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
	var report health.Report
	decoder := json.NewDecoder(response.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&report); err != nil {
		t.Fatal(err)
	}
	if report.OK != (response.Code == http.StatusOK) || response.Header().Get("Content-Type") != "application/json" {
		t.Errorf("%s: status %d with %+v", path, response.Code, report)
	}
	return response.Code, report
}

// changes is a hook that notes what may change the readiness.
type changes chan string

func (c changes) OnHandled(context.Context, remoteevent.HandledInfo)     { c <- "handled" }
func (c changes) OnFailing(context.Context, remoteevent.FailingInfo)     { c <- "failing" }
func (c changes) OnRecovered(context.Context, remoteevent.RecoveredInfo) { c <- "recovered" }

// wait waits for a change.
func (c changes) wait(t *testing.T, change string) {
	t.Helper()
	deadline := time.After(time.Minute)
	for {
		select {
		case got := <-c:
			if got == change {
				return
			}
		case <-deadline:
			t.Fatalf("the queue was never %s", change)
		}
	}
}

// TestProbes: a receiver is alive until Run has returned, and ready while it runs and
// Redis answers.
func TestProbes(t *testing.T) {
	t.Parallel()
	server := miniredis.RunT(t)
	client := redis.NewClient(&redis.Options{Addr: server.Addr()})
	defer client.Close()
	changed := make(changes, 1000)
	begun := make(chan struct{}, 10)
	handler := remoteevent.HandlerFunc(func(context.Context, *remoteevent.Delivery) error { begun <- struct{}{}; return nil })
	receiver, err := remoteevent.NewReceiver(client, handler, remoteevent.WithQueues("q"),
		remoteevent.WithHooks(changed), remoteevent.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	probes := health.Handler(receiver)
	expect := func(state string, alive, ready int) health.Queue {
		t.Helper()
		code, report := probe(t, probes, "/livez")
		if code != alive {
			t.Errorf("%s: /livez answers %d: %+v", state, code, report)
		}
		code, report = probe(t, probes, "/readyz")
		if code != ready || report.Receivers[0].State != state || (report.Receivers[0].Problem == "") != (ready == http.StatusOK) {
			t.Errorf("%s: /readyz answers %d: %+v", state, code, report)
		}
		if len(report.Receivers[0].Queues) == 0 {
			return health.Queue{}
		}
		return report.Receivers[0].Queues[0]
	}
	expect("not started", http.StatusOK, http.StatusServiceUnavailable)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- receiver.Run(ctx) }()
	if _, err := server.Lpush("q", `{"data": {}, "signals": ["q"]}`); err != nil {
		t.Fatal(err)
	}
	<-begun
	changed.wait(t, "handled")
	if q := expect("running", http.StatusOK, http.StatusOK); q.Queue != "q" || !q.Connected || q.LastMessage.IsZero() || !q.FailingSince.IsZero() {
		t.Errorf("the queue is %+v", q)
	}
	// A command that Redis accepted before the error still succeeds, and ends the outage for a
	// moment.
	become := func(ready int) health.Queue {
		t.Helper()
		for {
			code, report := probe(t, probes, "/readyz")
			if r := report.Receivers[0]; r.State != "running" || (r.Problem == "") != (code == http.StatusOK) {
				t.Fatalf("/readyz answers %d: %+v", code, report)
			}
			if code == ready {
				return report.Receivers[0].Queues[0]
			}
			if err := t.Context().Err(); err != nil {
				t.Fatal(err)
			}
		}
	}
	server.SetError("LOADING Redis is loading the dataset in memory s3cret")
	changed.wait(t, "failing")
	if code, report := probe(t, probes, "/livez"); code != http.StatusOK {
		t.Errorf("during an outage, /livez answers %d: %+v", code, report)
	}
	if q := become(http.StatusServiceUnavailable); q.Connected || q.FailingSince.IsZero() || q.Error == "" || strings.Contains(q.Error, "s3cret") {
		t.Errorf("the queue is %+v", q)
	}
	server.SetError("")
	changed.wait(t, "recovered")
	if q := become(http.StatusOK); !q.Connected || !q.FailingSince.IsZero() || q.Error != "" {
		t.Errorf("the queue is %+v", q)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if q := expect("stopped", http.StatusServiceUnavailable, http.StatusServiceUnavailable); q.Connected {
		t.Errorf("the queue is %+v", q)
	}
}

// TestMethodsAndPaths: other methods and paths are none of the probes.
func TestMethodsAndPaths(t *testing.T) {
	t.Parallel()
	probes := health.Handler()
	for request, want := range map[string]int{
		"GET /livez": http.StatusOK, "HEAD /readyz": http.StatusOK, "POST /livez": http.StatusMethodNotAllowed, "GET /": http.StatusNotFound,
	} {
		method, path, _ := strings.Cut(request, " ")
		response := httptest.NewRecorder()
		probes.ServeHTTP(response, httptest.NewRequestWithContext(t.Context(), method, path, nil))
		if response.Code != want {
			t.Errorf("%s answers %d", request, response.Code)
		}
	}
	if code, report := probe(t, health.Handler(nil), "/readyz"); code != http.StatusServiceUnavailable {
		t.Errorf("a nil receiver is ready: %+v", report)
	}
}
