package remoteeventotel_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/remote-events/remote-events/go/internal/redistest"
	"github.com/remote-events/remote-events/go/queueadmin"
	"github.com/remote-events/remote-events/go/remoteevent"
)

// TestObserveQueues: the gauges count the messages by state, one unreadable queue does not
// hide another, and nothing is observed after the end of the registration.
func TestObserveQueues(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		r := record(t)
		const message = `{"data": {}, "signals": ["q"]}`
		must(t, client.LPush(t.Context(), "file_event", "malformed", message).Err())
		must(t, client.Set(t.Context(), "no_list", "x", 0).Err())
		hold, held, ended := make(chan struct{}), make(chan struct{}, 10), make(handled, 10)
		stop := run(t, client, remoteevent.HandlerFunc(func(context.Context, *remoteevent.Delivery) error {
			held <- struct{}{}
			<-hold
			return errors.New("failed")
		}), remoteevent.WithHooks(ended), remoteevent.WithPrefetch(0))
		ended.wait(t, remoteevent.DeadLettered)
		<-held
		const old = `{"data": {}, "signals": ["q"], "metadata": {"time": "2020-01-01T00:00:00Z"}}`
		must(t, client.LPush(t.Context(), "file_event", old, message).Err())

		registration, err := r.ObserveQueues(client, "no_list", "file_event")
		must(t, err)
		var data metricdata.ResourceMetrics
		if err := r.reader.Collect(t.Context(), &data); err == nil || !strings.Contains(err.Error(), "no_list") {
			t.Errorf("the collection returned %v", err)
		}
		metrics := map[string]metricdata.Aggregation{}
		for _, scope := range data.ScopeMetrics {
			for _, m := range scope.Metrics {
				metrics[m.Name] = m.Data
			}
		}
		want := map[string]int64{"file_event queued": 2, "file_event staged": 0, "file_event leased": 1, "file_event retrying": 0}
		if got := points(t, metrics["remote_events.queue.messages"], "messaging.destination.name", "remote_events.message.state"); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("remote_events.queue.messages has %v instead of %v", got, want)
		}
		if got := points(t, metrics["remote_events.queue.dead_letters"], "messaging.destination.name"); got["file_event"] != 1 {
			t.Errorf("remote_events.queue.dead_letters has %v", got)
		}
		if age, ok := metrics["remote_events.queue.age"].(metricdata.Gauge[float64]); !ok || len(age.DataPoints) != 1 || age.DataPoints[0].Value < 24*3600 {
			t.Errorf("remote_events.queue.age has %v", metrics["remote_events.queue.age"])
		}
		must(t, registration.Unregister())
		if metrics := r.collect(t); metrics["remote_events.queue.messages"] != nil {
			t.Error("the queues are observed after the end of the registration")
		}
		close(hold)
		stop()
	})
}

func TestObserveQueuesRejects(t *testing.T) {
	t.Parallel()
	r := record(t)
	if _, err := r.ObserveQueues(nil, "q"); err == nil || !strings.Contains(err.Error(), "ObserveQueues: ") {
		t.Errorf("ObserveQueues returned %v for no client", err)
	}
	client := redis.NewClient(&redis.Options{}) // never used
	t.Cleanup(func() { _ = client.Close() })
	queue, err := queueadmin.Open(client, "q")
	must(t, err)
	for _, key := range queue.CompanionKeys() {
		if _, err := r.ObserveQueues(client, "q", key); !errors.Is(err, queueadmin.ErrReserved) {
			t.Errorf("ObserveQueues returned %v for the key %s", err, key)
		}
	}
}
